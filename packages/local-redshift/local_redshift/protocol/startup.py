"""The start of a connection: TLS, cancel requests, start-up parameters, and the login, which PostgreSQL decides."""

from __future__ import annotations

import asyncio
import ssl
import struct
from collections.abc import Mapping

from local_redshift.catalog.isolation import USE_LEVEL_OF_DATABASE
from local_redshift.config import ISOLATION, Config
from local_redshift.protocol.backend import Backend
from local_redshift.protocol.error_translation import translate
from local_redshift.protocol.messages import (
    CANCEL_REQUEST,
    GSS_REQUEST,
    MAX_STARTUP,
    PROTOCOL_3,
    SSL_REQUEST,
    ProtocolError,
    error,
    message,
    startup,
    startup_parameters,
    text,
)
from local_redshift.protocol.stream import Stream

# redshift_connector and the JDBC driver send more (client_protocol_version, driver_version, plugin_name, …), which
# PostgreSQL refuses.
_PASSED_ON = frozenset(
    {
        "user",
        "database",
        "client_encoding",
        "datestyle",
        "application_name",
        "options",
        "timezone",
        "extra_float_digits",
    }
)
_AUTHENTICATION_STEPS = (3, 5, 10, 11)  # with a reply by the client: password in clear, MD5, SASL and its continuation
_SASL = (10).to_bytes(4, "big")
_DRIVER_PARAMETER = "client_protocol_version"  # only redshift_connector sends it
_VERSION = "8.0.2"
# The statements are read as UTF-8. PostgreSQL does not convert SQL_ASCII, which psql requests in the locale C.
_UTF8 = ("", "utf8", "unicode", "sqlascii")


def session_parameters(config: Config) -> dict[str, str]:
    """The settings with which PostgreSQL behaves like Redshift (defaults: https://docs.aws.amazon.com/redshift/latest/dg/cm_chap_ConfigurationRef.html)."""
    return {
        "default_transaction_isolation": ISOLATION[config.isolation],
        # Read by the system views.
        "redshift.isolation": ISOLATION[config.isolation],
        "redshift.mode": config.mode,
        "standard_conforming_strings": "off",
        "escape_string_warning": "off",
        "DateStyle": "ISO, MDY",
        "TimeZone": "UTC",
        "extra_float_digits": "0",
        "client_encoding": "UTF8",
        # A client that has disconnected must not hold its locks while a long statement runs.
        "client_connection_check_interval": "1000",
    }


async def first_packet(client: Stream, tls: ssl.SSLContext | None) -> tuple[int, bytes]:
    """Reply to requests for encryption, each at most once; return the next packet's code and body.

    Raises ProtocolError, StreamClosedError.
    """
    encryptions = {SSL_REQUEST: "SSL request", GSS_REQUEST: "GSSAPI encryption request"}
    while True:
        length, code = struct.unpack("!II", await client.exactly(8))
        if not 8 <= length <= MAX_STARTUP:
            raise ProtocolError("invalid length of startup packet")
        body = await client.exactly(length - 8)
        if code in (CANCEL_REQUEST, PROTOCOL_3):
            return code, body
        name = encryptions.pop(code, None)
        if name is None:
            raise ProtocolError(f"unsupported frontend protocol {code >> 16}.{code & 0xFFFF}: server supports 3.0")
        if client.buffer.size:  # sent in clear, by anybody on the way: it must not count as sent inside TLS
            raise ProtocolError(f"received unencrypted data after {name}")
        if code == SSL_REQUEST and tls is not None:
            client.write(b"S")
            await client.encrypt(tls)
        else:
            client.write(b"N")


async def connect(config: Config) -> Backend:
    """A connection to PostgreSQL, before any login. Raises OSError."""
    loop = asyncio.get_running_loop()
    if config.pg_host.startswith("/"):  # the folder of its socket
        _, backend = await loop.create_unix_connection(Backend, f"{config.pg_host}/.s.PGSQL.{config.pg_port}")
    else:
        _, backend = await loop.create_connection(Backend, config.pg_host, config.pg_port)
    return backend


async def cancel(config: Config, body: bytes) -> None:
    """Pass a cancel request on to PostgreSQL, whose process id and secret the client received."""
    backend = await connect(config)
    try:
        await backend.send(struct.pack("!II", len(body) + 8, CANCEL_REQUEST) + body)
    finally:
        backend.transport.close()


async def login(config: Config, client: Stream, body: bytes) -> tuple[Backend, dict[str, str]] | None:
    """Connect to PostgreSQL and let it authenticate the client; None, after an error to the client, when it refuses."""
    requested = startup_parameters(body)
    if config.require_ssl and client.transport.get_extra_info("sslcontext") is None:
        await client.send(_encryption_required(client, requested))
        return None
    parameters = session_parameters(config)
    parameters.update({key: value for key, value in requested.items() if key.lower() in _PASSED_ON})
    if "redshift_internal" in parameters.get("options", "").replace("\\", "").lower():
        raise ProtocolError('invalid value for parameter "options"')
    if (encoding := parameters["client_encoding"].lower().replace("-", "").replace("_", "")) not in _UTF8:
        raise ProtocolError(f'invalid value for parameter "client_encoding": "{encoding}" is not UTF8')
    parameters["client_encoding"] = "UTF8"
    try:
        backend = await connect(config)
    except OSError as unreachable:
        await client.send(
            error("57P03", f"the storage of the local Redshift cannot be reached: {unreachable}", severity="FATAL")
        )
        return None
    accepted = False
    try:
        await backend.send(startup(parameters))
        accepted = await _authenticate(client, backend, from_driver=_DRIVER_PARAMETER in requested)
    finally:
        if not accepted:  # refused, gone or too slow: PostgreSQL would wait for a minute
            backend.transport.abort()
    if _DRIVER_PARAMETER in requested:
        parameters[_DRIVER_PARAMETER] = requested[_DRIVER_PARAMETER]
    return (backend, parameters) if accepted else None


def _encryption_required(client: Stream, requested: Mapping[str, str]) -> bytes:
    """The error of a cluster whose parameter `require_ssl` is true (https://docs.aws.amazon.com/redshift/latest/mgmt/connecting-ssl-support.html)."""
    host, user = client.transport.get_extra_info("peername")[0], requested.get("user", "")
    name = requested.get("database", user)
    return error(
        "28000", f'no pg_hba.conf entry for host "{host}", user "{user}", database "{name}", SSL off', severity="FATAL"
    )


async def _authenticate(client: Stream, backend: Backend, from_driver: bool) -> bool:
    while True:
        kind, body = await backend.message()
        if kind == b"E":
            await client.send(translate(body))
            return False
        if kind == b"Z":
            await backend.query(USE_LEVEL_OF_DATABASE)
        client.write(message(kind, _as_redshift(kind, body, from_driver)))
        if kind == b"K":
            backend.pid = int.from_bytes(body[:4], "big")
        if kind == b"Z":
            return True
        if kind == b"R" and int.from_bytes(body[:4], "big") in _AUTHENTICATION_STEPS:
            await client.drain()
            await backend.send(message(*await client.message()))


def _as_redshift(kind: bytes, body: bytes, from_driver: bool) -> bytes:
    if kind == b"S" and body.startswith(b"server_version\0"):
        return text("server_version") + text(_VERSION)
    if kind == b"R" and body.startswith(_SASL) and from_driver:
        return body[:-1]  # redshift_connector 2.2 reads the empty name that ends the list of mechanisms as a mechanism
    return body
