"""The encryption of UNLOAD's files: with keys of S3 (SSE-S3), with and without ENCRYPTED; there is no KMS here.

Sources:
https://docs.aws.amazon.com/redshift/latest/dg/r_UNLOAD.html
https://docs.aws.amazon.com/redshift/latest/dg/t_unloading_encrypted_files.html
"""

from __future__ import annotations

from collections.abc import Iterable

from local_redshift.sql.refusal import RefusedError

KEYS = ("kms_key_id", "master_symmetric_key")


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
