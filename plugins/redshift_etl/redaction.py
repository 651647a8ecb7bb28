"""Removes what has the form of a secret from a text: passwords, keys, tokens, signed URLs."""

from __future__ import annotations

import re

_HIDDEN = "***"
_NAMES = (
    r"(?:pass(?:word|wd|phrase)?|pwd|secret\w*|token|api[_-]?key|access[_-]?key\w*|private[_-]?key|fernet[_-]?key|"
    r"authorization|credentials?)"
)
_QUOTED = r"(?:'(?:[^'\\]|''|\\.)*'|'.*)"  # or to the end of the line, where the text was cut before its end
_LABEL = re.compile(rf"(?i){_NAMES}(?=[\"']?\s*[:=]|\s+')")
_MARK = re.compile("\ue000(\\d+)\ue001")
_SECRETS = (
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL), _HIDDEN),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), _HIDDEN),
    (re.compile(r"(://[^:/@\s]*:)(?!\d+(?:[/?#\s]|$))\S+@"), rf"\1{_HIDDEN}@"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"), rf"\1 {_HIDDEN}"),
    (re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*"), _HIDDEN),
    (re.compile(r"(https://hooks\.slack\.com/)\S+"), rf"\1{_HIDDEN}"),
    (re.compile(r"(?i)([?&](?:X-Amz-\w+|Signature|token|key)=)[^&\s]+"), rf"\1{_HIDDEN}"),
    (re.compile(rf"(?i)({_NAMES}[\"']?\s*[:=]\s*)(?:{_QUOTED}|\"[^\"]*\"|[^\s,;&)}}\]]+)"), rf"\1{_HIDDEN}"),
    (re.compile(rf"(?i)({_NAMES}\s+){_QUOTED}"), rf"\1{_HIDDEN}"),
)


def redact(text: str) -> str:
    """Mask what has the form of a secret, and the secrets that Airflow masks itself."""
    from airflow.sdk.log import redact as known  # type: ignore[attr-defined]

    names: list[str] = []

    def keep(name: re.Match[str]) -> str:
        """Put a mark in the place of a name: Airflow would mask it where some password is the word itself."""
        names.append(name[0])
        return f"\ue000{len(names) - 1}\ue001"

    text = str(known(_LABEL.sub(keep, text)))
    text = _MARK.sub(lambda mark: names[int(mark[1])], text)
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text
