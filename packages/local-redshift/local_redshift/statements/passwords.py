"""The password of CREATE USER as the verifier that PostgreSQL stores, so that no statement in clear reaches it.

PostgreSQL shows statements in pg_stat_activity and in its log. The verifier is that of RFC 5803:
https://www.postgresql.org/docs/18/catalog-pg-authid.html
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets

from local_redshift.sql.refusal import RefusedError

_ITERATIONS = 4096  # PostgreSQL's scram_iterations
_SALT_BYTES = 16
_HASHED = re.compile(r"md5[0-9a-f]{32}")
# https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_USER.html
_ALLOWED = re.compile(r"""[!-~]+""")
_NOT_ALLOWED = re.compile(r"""['"\\/@]""")


def verifier(password: str) -> str:
    """The text for PASSWORD: the MD5 digest that the client sent, or a SCRAM-SHA-256 verifier.

    Raises RefusedError for characters that a cluster does not take.
    """
    if _HASHED.fullmatch(password):
        return password
    if not _ALLOWED.fullmatch(password) or _NOT_ALLOWED.search(password):
        raise RefusedError(
            "invalid password: it must have ASCII characters from 33 to 126 without ' \" \\ / @", code="22023"
        )
    salt = secrets.token_bytes(_SALT_BYTES)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _ITERATIONS)
    stored_key = hashlib.sha256(_hmac(salted, b"Client Key")).digest()
    keys = f"{_base64(stored_key)}:{_base64(_hmac(salted, b'Server Key'))}"
    return f"SCRAM-SHA-256${_ITERATIONS}:{_base64(salt)}${keys}"


def _hmac(key: bytes, text: bytes) -> bytes:
    return hmac.digest(key, text, "sha256")


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
