"""The credentials of COPY and UNLOAD for S3, and UNLOAD's keys of encryption.

Files are encrypted with keys of S3 (SSE-S3), with and without ENCRYPTED; there is no KMS here. Sources:
https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-authorization.html
https://docs.aws.amazon.com/redshift/latest/dg/r_UNLOAD.html
https://docs.aws.amazon.com/redshift/latest/dg/t_unloading_encrypted_files.html
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from local_redshift.sql.refusal import RefusedError
from local_redshift.sql.token_reader import TokenReader

ENCRYPTION_KEYS = ("kms_key_id", "master_symmetric_key")
_FIELDS = {"access_key_id": "access_key", "secret_access_key": "secret_key", "session_token": "token"}


@dataclass(frozen=True)
class Credentials:
    """A role, or a key pair. Its repr excludes the secret parts, so that no log contains them."""

    iam_role: str | None = None
    access_key: str | None = field(default=None, repr=False)
    secret_key: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)

    @property
    def complete(self) -> bool:
        """Whether there is a role or a whole key pair."""
        return bool(self.iam_role or (self.access_key and self.secret_key))


def read_authorization(reader: TokenReader, word: str, credentials: dict[str, str]) -> bool:
    """Read IAM_ROLE, CREDENTIALS, ACCESS_KEY_ID … into `credentials`; return whether `word` begins one of them."""
    if word == "with":
        reader.expect("credentials")
        word = "credentials"
    if word == "iam_role":
        credentials["iam_role"] = "default" if reader.take("default") else reader.string()
    elif word == "credentials":
        reader.take("as")
        _credentials(reader.string(), credentials)
    elif word in _FIELDS:
        reader.take("as")
        credentials[_FIELDS[word]] = reader.string()
    else:
        return False
    return True


def _credentials(text: str, credentials: dict[str, str]) -> None:
    keys = {
        "aws_access_key_id": "access_key",
        "aws_secret_access_key": "secret_key",
        "token": "token",
        "aws_iam_role": "iam_role",
    }
    for part in filter(None, text.split(";")):
        name, _, value = part.partition("=")
        if name.strip() == "master_symmetric_key":
            raise RefusedError("MASTER_SYMMETRIC_KEY (client-side encryption) is not modelled by the local Redshift")
        if name.strip() not in keys:
            raise RefusedError(
                "Invalid credentials. Must be of the format: credentials 'aws_iam_role=...' or "
                "'aws_access_key_id=...;aws_secret_access_key=...'",
                "XX000",
            )
        credentials[keys[name.strip()]] = value


def check_encryption(flags: set[str], keys: Iterable[str], *, auto: bool) -> None:
    """Raise RefusedError for a key: Redshift takes it with ENCRYPTED and without AUTO, the local one takes none."""
    for name in map(str.upper, keys):
        if "encrypted" not in flags:
            raise RefusedError(f"{name} needs the parameter ENCRYPTED")
        if auto:
            raise RefusedError(f"ENCRYPTED AUTO cannot be used with {name}")
        raise RefusedError(
            f"UNLOAD's {name} is not modelled by the local Redshift, which has no KMS and no client-side encryption",
            hint="Use ENCRYPTED without a key: the files are encrypted with keys of S3 (SSE-S3).",
        )
