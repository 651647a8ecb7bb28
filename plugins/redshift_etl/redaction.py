"""Removes what may be a secret from a text: headers and URLs by what is known to be none, the rest by its form."""

from __future__ import annotations

import re

_HIDDEN = "***"
_PASSWORDS = r"(?:pass(?:word|wd|phrase|code)?|pwd|secret\w*)"
_NAMES = (
    rf"(?:{_PASSWORDS}|token|api[_-]?key|app[_-]?(?:id|key)|access[_-]?key\w*|private[_-]?key|fernet[_-]?key|"
    r"authorization|credentials?|\bauth|\bsig(?:nature)?)"
)
_PUBLIC = frozenset(
    (
        *("start", "end", "start_date", "end_date", "from", "to", "since", "until", "date", "day", "month", "year"),
        *("hour", "hourly", "daily", "page", "per_page", "page_size", "limit", "offset", "sort", "order", "format"),
        *("fields", "timezone", "tz", "timeformat", "language", "lang", "latitude", "longitude", "lat", "lon", "id"),
        *("elevation", "units", "temperature_unit", "wind_speed_unit", "precipitation_unit"),
        # of the Airflow pages that reports link to
        *("map_index", "try_number", "dag_id", "run_id", "task_id", "base_date", "tab"),
    )
)
_BLANK = r"(?:\s|/\*.*?\*/|--[^\n]*\n)"
# The last of each kind goes to the end of the line or the text, where the text was cut before its end.
_LITERAL = r"(?:(?:\b[a-z]|\bu&)?'(?:[^'\\]|''|\\.)*'|'.*|\$(\w*)\$.*?(?:\$\2\$|\Z))"
_VALUE = r"(?:'(?:[^'\\]|''|\\.)*'|'.*|\"(?:[^\"\\]|\\.)*\")"
_LABEL = re.compile(rf"(?i){_NAMES}(?=[\"']?\s*[:=]|\s*['\"$]|\s+/\*)")
_MARK = re.compile("\ue000(\\d+)\ue001")
_USER = re.compile(r"(://)(?![^/?#\s@:]*:)[^/?#\s@]+@")
_PASSWORD = re.compile(r"(://[^:/@\s]*:)(?!\d+(?:[/?#\s]|$))\S+@")
_PARAMETER = re.compile(r"([?&]|&amp;|#(?=[\w-]*token))([^=&?#\s]+)=([^&\s]+)")
_SECRETS = (
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL), _HIDDEN),
    (
        re.compile(
            r"(?i)(\b(?:proxy-|www-)?auth(?:orization|enticate)|\b(?:set-)?cookie|\bx-[\w-]*(?:auth|key|token|secret|"
            rf"signature|session|credential)[\w-]*)([\\\"']*\s*[:=]\s*)(?:b?{_VALUE}|[^\r\n]+)"
        ),
        rf"\1\2{_HIDDEN}",
    ),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), _HIDDEN),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"), rf"\1 {_HIDDEN}"),
    (re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*"), _HIDDEN),
    (re.compile(r"(https://hooks\.slack\.com/)\S+"), rf"\1{_HIDDEN}"),
    (re.compile(rf"(?i)({_NAMES}[\"']?\s*[:=]\s*)(?:{_VALUE}|[^\s,;&)}}\]]+)"), rf"\1{_HIDDEN}"),
    (re.compile(rf"(?is)({_PASSWORDS}{_BLANK}*){_LITERAL}"), rf"\1{_HIDDEN}"),
    (re.compile(rf"(?i)({_NAMES}\s+)'(?:[^'\\]|''|\\.)*'|({_NAMES}\s+)'.*"), rf"\1\2{_HIDDEN}"),
    (re.compile(rf"(?i)({_PASSWORDS}\s+)\"[^\"]*\"?"), rf"\1{_HIDDEN}"),
)


def is_public(name: str) -> bool:
    """Whether a query parameter of this name is known to be no secret."""
    return name.lower() in _PUBLIC


def redact_urls(text: str) -> str:
    """Mask users and passwords of URLs, and the values of all query parameters that are not known to be public."""

    def masked(parameter: re.Match[str]) -> str:
        """The parameter, with its value if that is public."""
        mark, name, _ = parameter.groups()
        return parameter[0] if is_public(name) else f"{mark}{name}={_HIDDEN}"

    text = _USER.sub(rf"\1{_HIDDEN}@", _PASSWORD.sub(rf"\1{_HIDDEN}@", text))
    return _PARAMETER.sub(masked, text)


def redact(text: str) -> str:
    """Mask what has the form of a secret, and the secrets that Airflow masks itself."""
    from airflow.sdk.log import redact as known  # type: ignore[attr-defined]

    names: list[str] = []

    def keep(name: re.Match[str]) -> str:
        """Put a mark in the place of a name: Airflow would mask it where some password is the word itself."""
        names.append(name[0])
        return f"\ue000{len(names) - 1}\ue001"

    text = str(known(_LABEL.sub(keep, text)))
    text = redact_urls(_MARK.sub(lambda mark: names[int(mark[1])], text))
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text
