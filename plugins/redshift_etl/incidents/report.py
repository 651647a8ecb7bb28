"""The post-mortem report of a failure, as Markdown: facts are filled in, what people must write is blank. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from redshift_etl import __version__
from redshift_etl.incidents.context import IncidentContext
from redshift_etl.incidents.failure import Failure
from redshift_etl.incidents.model import Incident
from redshift_etl.redaction import redact

RUN_AGAIN = "Run it again"
MAX_TRIES = 20
RESULT_FIELDS = ("extracted", "rows", "rejected", "staged", "inserted", "updated", "deleted", "files", "manifest")


def render(incident: Incident, failure: Failure, context: IncidentContext, commands: Sequence[str]) -> str:
    """The report. It has no secrets: every text from outside passes ``redact``."""
    sections = [
        f"# {incident.incident_id}",
        _headline(failure),
        _summary(failure, context, commands),
        _section("What failed", _what_failed(failure)),
        _section("Tries", _tries(failure, context)),
        _section("Timeline", _timeline(failure, context)),
        _section("Has the target changed?", _target_changes(failure, context)),
        _section("What is late or stale now", _affected(context)),
        _section("Counts so far", _counts(context)),
        _section(RUN_AGAIN, ["Once the cause is fixed:", "", *_code("\n".join(commands), "sh")]),
        _section("Cause", ["_What made it happen? (to be written)_"]),
        _section("Impact", ["_Who noticed, what was wrong or late, for how long? (to be written)_"]),
        _section("Follow-up", ["- [ ] _What prevents it from happening again? (owner, date)_"]),
    ]
    if context.missing:
        sections.append(
            _section("What could not be read or written", [f"- {redact(line)}" for line in context.missing])
        )
    if failure.traceback:
        sections.append(_section("Traceback", _code(redact(failure.traceback))))
    sections.append(f"_Reported by redshift-airflow {__version__}._")
    return "\n\n".join(sections) + "\n"


def with_command(text: str, command: str) -> str:
    """The report with a command more to run again: that of another run that the same cause has stopped."""
    before, title, after = text.partition(f"## {RUN_AGAIN}")
    block, fence, rest = after.partition("\n```\n")
    if not fence or command in block.splitlines():
        return text
    return f"{before}{title}{block}\n{command}{fence}{rest}"


def _section(title: str, lines: Iterable[str]) -> str:
    return f"## {title}\n\n" + "\n".join(lines)


def _code(text: str, language: str = "text") -> list[str]:
    fence = "```" if "```" not in text else "~~~~~~"
    return [f"{fence}{language}", text, fence]


def _cell(value: object) -> str:
    """A table cell on one line: a value cannot end the cell or begin an HTML tag."""
    return redact(str(value)).replace("\n", " ").replace("|", "\\|").replace("<", "&lt;")


def _table(rows: Iterable[tuple[str, object]]) -> list[str]:
    return ["| | |", "|---|---|", *(f"| {name} | {_cell(value)} |" for name, value in rows if value not in (None, ""))]


def _headline(failure: Failure) -> str:
    subject = failure.table or failure.dag_id
    return f"**{failure.error_class} on {_cell(subject)}**, for {_cell(failure.who_acts)} to act."


def _summary(failure: Failure, context: IncidentContext, commands: Sequence[str]) -> str:
    """Whether data is wrong or only late, since when, and what to run."""
    what = " ".join(_cell(line) for line in (_effect(failure, context), *context.warehouse.lateness))
    fix = f" First: {_cell(failure.fix)}." if failure.fix else ""
    return f"{what}{fix} Then run: `{commands[0]}`" if commands else f"{what}{fix}"


def _effect(failure: Failure, context: IncidentContext) -> str:
    table, committed = failure.table, context.warehouse.committed_by_run
    last = next((load for load in context.warehouse.last_loads if load.table == table), None)
    since = f" since {last.committed_at:%Y-%m-%d %H:%M} UTC, its last load" if last else ""
    if failure.wrong_data:
        return f"`{table}` **has wrong rows**: something other than this pipeline has written to it{since}."
    if not table:
        return f"No table is written by `{failure.dag_id}.{failure.task_id}`, so none is wrong or late because of it."
    if committed is None:
        return f"Whether `{table}` has changed is not known: the warehouse could not be read."
    if committed.get(table):
        return f"`{table}` is right, and has what this run loaded before it failed."
    if last is None:
        return f"`{table}` **is late** and not wrong: it has not been loaded yet."
    until = context.warehouse.data_until.get(table)
    data = f" and its data until {until:%Y-%m-%d %H:%M} UTC" if until else ""
    return f"`{table}` **is late** and not wrong: it is as it was{since}{data}."


def _tries(failure: Failure, context: IncidentContext) -> list[str]:
    """Each try by number. One that left nothing was killed, or ended before it could be noted."""
    known = {it.number: f"{it.failed_at:%Y-%m-%d %H:%M:%S} | {it.error_class}: {it.message}" for it in context.tries}
    known[failure.try_number] = f"{failure.failed_at:%Y-%m-%d %H:%M:%S} | {failure.error_class}: {failure.message}"
    lines = ["| Try | Failed (UTC) | Error |", "|---|---|---|"]
    for number in range(max(failure.first_try, failure.try_number - MAX_TRIES), failure.try_number + 1):
        moment, _, error = known.get(number, "– | killed, or ended without an error of its own: see its log").partition(
            " | "
        )
        lines.append(f"| {number} | {moment} | {_cell(error)} |")
    return lines


def _what_failed(failure: Failure) -> list[str]:
    task = failure.task_id + (f"[{failure.map_index}]" if failure.map_index >= 0 else "")
    rows: list[tuple[str, object]] = [
        ("DAG", failure.dag_id),
        ("Task", task),
        ("Run", failure.run_id),
        ("Window", failure.window),
        ("Try", failure.try_number),
        ("Error", failure.error_class),
        ("Who acts", failure.who_acts),
        ("Source", failure.source),
        ("Fix", failure.fix),
        ("Log", failure.log_url),
    ]
    lines = _table(rows)
    lines += ["", *_code(redact(failure.message))]
    where = {name: value for name, value in failure.where.items() if name != "statement"}
    if where:
        lines += ["", "Where:", "", *_table((name.replace("_", " "), value) for name, value in where.items())]
    if "statement" in failure.where:
        lines += ["", "The SQL step:", "", *_code(redact(failure.where["statement"]), "sql")]
    return lines


def _timeline(failure: Failure, context: IncidentContext) -> list[str]:
    lines = ["| When (UTC) | What |", "|---|---|"]
    loads = sorted(context.warehouse.last_loads, key=lambda load: load.committed_at)
    lines += [f"| {load.committed_at:%Y-%m-%d %H:%M:%S} | last load of {load.table}, {load.run_id} |" for load in loads]
    for step in context.task_states:
        index = f"[{step['map_index']}]" if step.get("map_index", -1) >= 0 else ""
        seconds = f", {step['duration']:.1f} s" if step.get("duration") else ""
        lines.append(f"| in this run | {_cell(step['task_id'])}{index}: {step.get('state')}{seconds} |")
    if failure.started_at:
        lines.append(f"| {failure.started_at:%Y-%m-%d %H:%M:%S} | try {failure.try_number} began |")
    lines.append(f"| {failure.failed_at:%Y-%m-%d %H:%M:%S} | it failed; this report |")
    return lines


def _target_changes(failure: Failure, context: IncidentContext) -> list[str]:
    if context.warehouse.committed_by_run is None:
        return [
            "The warehouse could not be queried. A load commits its row of `etl.load_history` with its data, so:",
            "",
            *_code(f"SELECT * FROM etl.load_history WHERE run_id = '{failure.run_id}'", "sql"),
        ]
    if not failure.tables:
        return ["This task writes no table."]
    lines = []
    for table in failure.tables:
        committed = context.warehouse.committed_by_run.get(table, 0)
        last = next((load for load in context.warehouse.last_loads if load.table == table), None)
        if committed:
            lines.append(f"- `{table}`: **yes**, {committed} load(s) of this run were committed before it failed.")
        elif last:
            rows = f", with {last.rows_after} rows" if last.rows_after is not None else ""
            lines.append(
                f"- `{table}`: **no**. This attempt of the run has committed no load of it; the table is as load "
                f"`{last.load_id}` left it at {last.committed_at:%Y-%m-%d %H:%M:%S}{rows}."
            )
        else:
            lines.append(f"- `{table}`: **no**. `etl.load_history` has no load of it at all.")
    return lines


def _affected(context: IncidentContext) -> list[str]:
    lines = [f"- {line}" for line in context.warehouse.lateness]
    lines += [f"- `{table}` is filled from it and stays as it is until then." for table in context.downstream]
    if context.warehouse.committed_by_run is None:
        lines.append("Which tables are late is not known: the warehouse could not be queried.")
    return lines or ["None: each table with a contract is within its limits."]


def _counts(context: IncidentContext) -> list[str]:
    if not context.results:
        return ["No task of this run has returned a result."]
    lines = []
    for task, result in context.results.items():
        values = [f"{name} {_cell(result[name])}" for name in RESULT_FIELDS if result.get(name) not in (None, "")]
        lines.append(f"- `{task}`: {', '.join(values) or 'done'}")
    return lines
