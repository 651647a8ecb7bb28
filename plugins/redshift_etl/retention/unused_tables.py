"""The report of tables that nobody reads, with their size and their owner. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from redshift_etl.contracts import contract as contracts
from redshift_etl.lineage import graph as lineage
from redshift_etl.retention.table_stats import UNUSED_AFTER, Read, Table


def report(names: Sequence[str], reads: Mapping[str, Read], tables: Sequence[Table], now: datetime) -> str:
    """Markdown: the unused tables by size, then those that have not been monitored for long enough."""
    by_name = {table.name: table for table in tables}
    contracted = set(contracts.all_tables())
    graph = lineage.read()
    lines = [
        f"# Tables that nobody has read for {UNUSED_AFTER.days} days, {now:%Y-%m-%d}",
        "",
        "Reads by the loads themselves do not count; a table that feeds another is named with what it feeds.",
        "",
    ]
    unused = sorted(names, key=lambda name: -by_name[name].megabytes if name in by_name else 0)
    if unused:
        lines += ["| table | owner | MB | rows | last read | feeds |", "|---|---|--:|--:|---|---|"]
    for name in unused:
        table = by_name.get(name)
        megabytes, rows = (table.megabytes, table.rows) if table else (0, 0)
        owner = contracts.load(name).owner if name in contracted else "unknown: it has no contract"
        last = reads[name].last_read_at
        seen = f"{last:%Y-%m-%d}" if last else f"not since {reads[name].monitored_from:%Y-%m-%d}"
        feeds = ", ".join(graph.downstream(name)) or "nothing"
        lines.append(f"| {name} | {owner} | {megabytes} | {rows} | {seen} | {feeds} |")
    if not unused:
        lines.append("There are none.")
    young = sorted(name for name, read in reads.items() if name not in names and read.last_read_at is None)
    if young:
        lines += ["", f"Not read yet, but monitored for less than {UNUSED_AFTER.days} days: {', '.join(young)}."]
    return "\n".join([*lines, ""])
