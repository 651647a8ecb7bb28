"""Who COPY and UNLOAD are for S3. Source: developer guide, copy-parameters-authorization."""

from __future__ import annotations

from dataclasses import dataclass, field

from local_redshift.sql.refusal import RefusedError
from local_redshift.sql.token_reader import Cursor


@dataclass(frozen=True)
class Credentials:
    """How the command may read S3: a role, or a key pair. Never shown: repr leaves the secret parts out."""

    iam_role: str | None = None
    access_key: str | None = field(default=None, repr=False)
    secret_key: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)


def read_authorization(cursor: Cursor, word: str, found: dict[str, str]) -> bool:
    """Read IAM_ROLE, CREDENTIALS or ACCESS_KEY_ID … if `word` begins one; shared with UNLOAD."""
    if word == "with":
        cursor.expect("credentials")
        word = "credentials"
    if word == "iam_role":
        found["iam_role"] = "default" if cursor.take("default") else cursor.string()
    elif word == "credentials":
        cursor.take("as")
        _credentials(cursor.string(), found)
    elif word in ("access_key_id", "secret_access_key", "session_token"):
        cursor.take("as")
        found[{"access_key_id": "access_key", "secret_access_key": "secret_key", "session_token": "token"}[word]] = (
            cursor.string()
        )
    else:
        return False
    return True


def _credentials(text: str, found: dict[str, str]) -> None:
    keys = {
        "aws_access_key_id": "access_key",
        "aws_secret_access_key": "secret_key",
        "token": "token",
        "aws_iam_role": "iam_role",
    }
    for part in filter(None, text.split(";")):
        name, _, value = part.partition("=")
        if name.strip() not in keys:
            raise RefusedError(
                "Invalid credentials. Must be of the format: credentials 'aws_iam_role=...' or "
                "'aws_access_key_id=...;aws_secret_access_key=...'",
                "XX000",
            )
        found[keys[name.strip()]] = value
