"""Adds `backfill` to Airflow's `dags` commands.

Airflow calls the hook at every start of its command line, so this module imports only Airflow's parser. The existing
`dags` group is changed in place: Airflow treats a second one returned by the hook as a conflict, and every command
would fail (airflow/cli/cli_parser.py).
"""

import argparse

from airflow.cli import cli_config, cli_parser
from airflow.cli.cli_config import ActionCommand, Arg, CLICommand, GroupCommand

from airflow_dags_backfill.arguments import UNSUPPORTED

ARGS = (
    Arg(("dag_id",), help="The DAG to run"),
    Arg(("-s", "--start-date"), help="First day or logical date, inclusive; alone, the only one"),
    Arg(("-e", "--end-date"), help="Last day or logical date, inclusive; alone, the only one"),
    Arg(("-c", "--conf"), help="JSON object passed to each run"),
    Arg(("-n", "--dry-run"), help="List the runs that would be started, and start none", action="store_true"),
    Arg(("-B", "--run-backwards"), help="Start with the most recent date", action="store_true"),
    Arg(("--rerun-failed-tasks",), help="Also run again the dates whose run has failed", action="store_true"),
    Arg(("--reset-dagruns",), help="Also run again the dates whose run has ended, failed or not", action="store_true"),
    Arg(("--max-active-runs",), help="Runs at the same time (default 10)", metavar="N"),
    Arg(("--timeout",), help="Stop waiting after so many seconds; the backfill itself continues", metavar="SECONDS"),
    Arg(
        ("--cancel",), help="Cancel the DAG's active backfill: queued runs fail, running ones end", action="store_true"
    ),
    Arg(("-y", "--yes"), help="Accepted, as in Airflow 2; there is no prompt", action="store_true"),
    Arg(("--continue-on-failures",), help="Accepted, as in Airflow 2; Airflow 3 always continues", action="store_true"),
)

HIDDEN = tuple(
    Arg(flag.flags, help=argparse.SUPPRESS, dest=flag.dest)
    if flag.takes_value
    else Arg(flag.flags, help=argparse.SUPPRESS, dest=flag.dest, action="store_true")
    for flag in UNSUPPORTED
)

BACKFILL = ActionCommand(
    name="backfill",
    help="Run a DAG for a range of dates, and wait for the outcome",
    description=(
        "Create a backfill (as `airflow backfill create` does), show its progress, and exit with 0 when every date of "
        "the range ended in success, 1 when one failed or the backfill could not run, 2 for a wrong command line, "
        "130 when interrupted."
    ),
    func=cli_config.lazy_load_command("airflow_dags_backfill.run.backfill"),
    args=(*ARGS, *HIDDEN),
)


def add_to_dags_group() -> list[CLICommand]:
    """Add the command to the `dags` group and return no group of our own. Called twice, it adds it once."""
    commands = cli_parser.airflow_commands
    for position, group in enumerate(commands):
        if isinstance(group, GroupCommand) and group.name == "dags":
            others = [command for command in group.subcommands if command.name != BACKFILL.name]
            commands[position] = group._replace(subcommands=(*others, BACKFILL))
            return []
    raise LookupError("Airflow has no `dags` commands to add `backfill` to")
