"""Which servers are the stack's own: a port that another program answers on is never taken for one of its services.

A service's server is a process that the supervisor has recorded, or one that this process started, and that holds the
listening socket. The check is made in any process: by the supervisor, by `make status`, by `make run`.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import psutil

from local.stack import ports, records
from local_redshift.storage import embedded_postgres

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.stack.state_dir import StateDir

# Name of its port by service.
PORTS = {"metadata": "metadata", "redshift": "redshift", "s3": "s3", "weather-api": "weather_api", "api-server": "ui"}


class ForeignServerError(Exception):
    """Another program, or none, listens on a service's port; the message has the port and what to do."""


def _processes(stack: StateDir, service: str) -> Iterator[psutil.Process]:
    """The service's process, and PostgreSQL's server, which detaches from the process that starts it."""
    if leader := records.read(stack.run, service):
        yield leader
    if service in stack.servers and (server := embedded_postgres.server_process(stack.servers[service])):
        yield server


def serves(stack: StateDir, service: str) -> bool:
    """Whether a process of this service listens on its port."""
    port = stack.ports[PORTS[service]]
    if ports.is_free(port):  # the cheap question first: the others read the sockets and processes of the machine
        return False
    own = list(_processes(stack, service))
    return any(ports.listens(process, port) for process in own) or any(
        ports.listens(child, port) for leader in own[:1] for child in _descendants(leader)
    )


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def is_taken(stack: StateDir, service: str) -> bool:
    """Whether the service cannot have its port, because another program has it."""
    return not ports.is_free(stack.ports[PORTS[service]]) and not serves(stack, service)


def check(stack: StateDir, service: str) -> None:
    """Raise ForeignServerError unless a process of this service listens on its port."""
    if serves(stack, service):
        return
    address = f"{ports.HOST}:{stack.ports[PORTS[service]]}"
    who = "nothing" if ports.is_free(stack.ports[PORTS[service]]) else "another program"
    raise ForeignServerError(
        f"{who} listens on {address}, where {service} of the local stack in {stack.path} would; nothing was sent to it."
        " `make status` shows the stack's services and their addresses."
    )


def stopped(stack: StateDir, service: str) -> psutil.Process | None:
    """A process of this service that is stopped by SIGSTOP or a debugger, if there is one."""
    return next((process for process in _processes(stack, service) if is_stopped(process)), None)


def is_stopped(process: psutil.Process) -> bool:
    """Whether a process is stopped by SIGSTOP or a debugger."""
    with suppress(psutil.NoSuchProcess):
        return bool(process.status() in (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP))
    return False
