"""The post-mortem report of a failure, as Markdown: what is known filled in, what only people know left blank. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from redshift_etl.incidents.model import Failure, Incident
from redshift_etl.redaction import redact
from redshift_etl.warehouse.history import LoadRecord


@dataclass
class Evidence:
    """What the run and the warehouse could tell. ``missing`` says what could not be found out, and why."""

    days: Sequence[str] = ()
    form: Mapping[str, str] | None = None
    steps: Sequence[Mapping[str, Any]] = ()
    counts: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    last_loads: list[LoadRecord] = field(default_factory=list)
    committed_by_run: dict[str, int] | None = None
    downstream: tuple[str, ...] = ()
    lateness: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def render(incident: Incident, failure: Failure, evidence: Evidence, commands: Sequence[str]) -> str:
    """The report. No secret is in it: whatever comes from outside has passed ``redact``."""
    parts = [
        f"# {incident.incident_id}",
        _headline(failure),
        _section("What failed", _what(failure)),
        _section("Timeline", _timeline(failure, evidence)),
        _section("Has the target changed?", _changed(failure, evidence)),
        _section("What is late or stale now", _affected(evidence)),
        _section("Counts so far", _counts(evidence)),
        _section("Run it again", ["Once the cause is mended:", "", *_code("\n".join(commands), "sh")]),
        _section("Cause", ["_What made it happen? (to be written)_"]),
        _section("Impact", ["_Who noticed, what was wrong or late, for how long? (to be written)_"]),
        _section("Follow-up", ["- [ ] _What keeps it from happening again? (owner, date)_"]),
    ]
    if evidence.missing:
        parts.append(_section("What could not be found out", [f"- {redact(line)}" for line in evidence.missing]))
    return "\n\n".join(parts) + "\n"


def _section(title: str, lines: Iterable[str]) -> str:
    return f"## {title}\n\n" + "\n".join(lines)


def _code(text: str, language: str = "text") -> list[str]:
    fence = "```" if "```" not in text else "~~~~~~"
    return [f"{fence}{language}", text, fence]


def _cell(value: object) -> str:
    """One line of a table: a value cannot end it or begin a tag."""
    return redact(str(value)).replace("\n", " ").replace("|", "\\|").replace("<", "&lt;")


def _table(rows: Iterable[tuple[str, object]]) -> list[str]:
    return ["| | |", "|---|---|", *(f"| {name} | {_cell(value)} |" for name, value in rows if value not in (None, ""))]


def _headline(failure: Failure) -> str:
    where = failure.table or failure.dag_id
    return f"**{failure.error_class} on {_cell(where)}**, for {_cell(failure.who_acts)} to act."


def _what(failure: Failure) -> list[str]:
    task = failure.task_id + (f"[{failure.map_index}]" if failure.map_index >= 0 else "")
    rows: list[tuple[str, object]] = [
        ("DAG", failure.dag_id),
        ("Task", task),
        ("Run", failure.run_id),
        ("Window", failure.window),
        ("Try", failure.try_number),
        ("Error", failure.error_class),
        ("Who acts", failure.who_acts),
        ("Fix", failure.fix),
        ("Log", failure.log_url),
    ]
    lines = _table(rows)
    lines += ["", *_code(redact(failure.message))]
    where = {name: value for name, value in failure.where.items() if name != "statement"}
    if where:
        lines += ["", "Where:", "", *_table(where.items())]
    if "statement" in failure.where:
        lines += ["", "The SQL step:", "", *_code(redact(failure.where["statement"]), "sql")]
    if failure.traceback:
        lines += ["", "<details><summary>Traceback</summary>", "", *_code(redact(failure.traceback))]
        lines += ["", "</details>"]
    return lines


def _timeline(failure: Failure, evidence: Evidence) -> list[str]:
    lines = ["| When (UTC) | What |", "|---|---|"]
    loads = sorted(evidence.last_loads, key=lambda load: load.committed_at)
    lines += [f"| {load.committed_at:%Y-%m-%d %H:%M:%S} | last load of {load.table}, {load.run_id} |" for load in loads]
    for step in evidence.steps:
        index = f"[{step['map_index']}]" if step.get("map_index", -1) >= 0 else ""
        seconds = f", {step['duration']:.1f} s" if step.get("duration") else ""
        lines.append(f"| in this run | {_cell(step['task_id'])}{index}: {step.get('state')}{seconds} |")
    if failure.started_at:
        lines.append(f"| {failure.started_at:%Y-%m-%d %H:%M:%S} | try {failure.try_number} began |")
    lines.append(f"| {failure.failed_at:%Y-%m-%d %H:%M:%S} | it failed; this report |")
    return lines


def _changed(failure: Failure, evidence: Evidence) -> list[str]:
    if evidence.committed_by_run is None:
        return [
            "The warehouse could not be asked. A load commits its row of `etl.load_history` with its data, so:",
            "",
            *_code(f"SELECT * FROM etl.load_history WHERE run_id = '{failure.run_id}'", "sql"),
        ]
    if not failure.tables:
        return ["This task writes no table."]
    lines = []
    for table in failure.tables:
        committed = evidence.committed_by_run.get(table, 0)
        last = next((load for load in evidence.last_loads if load.table == table), None)
        if committed:
            lines.append(f"- `{table}`: **yes**, {committed} load(s) of this run were committed before it failed.")
        elif last:
            rows = f", with {last.rows_after} rows" if last.rows_after is not None else ""
            lines.append(
                f"- `{table}`: **no**. `etl.load_history` has no load of this run; the table is as load "
                f"`{last.load_id}` left it at {last.committed_at:%Y-%m-%d %H:%M:%S}{rows}."
            )
        else:
            lines.append(f"- `{table}`: **no**. `etl.load_history` has no load of it at all.")
    return lines


def _affected(evidence: Evidence) -> list[str]:
    lines = [f"- {line}" for line in evidence.lateness]
    lines += [f"- `{table}` is filled from it and stays as it is until then." for table in evidence.downstream]
    return lines or ["Nothing that this repository knows of."]


def _counts(evidence: Evidence) -> list[str]:
    if not evidence.counts:
        return ["No task of this run had handed anything on."]
    names = ("extracted", "rows", "rejected", "staged", "inserted", "updated", "deleted", "files", "manifest")
    lines = []
    for task, counts in evidence.counts.items():
        told = ", ".join(f"{name} {_cell(counts[name])}" for name in names if counts.get(name) not in (None, ""))
        lines.append(f"- `{task}`: {told or 'done'}")
    return lines
