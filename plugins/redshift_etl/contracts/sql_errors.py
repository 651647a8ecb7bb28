"""What is wrong with a text that the SQL parser refuses, as a part of a sentence. Pure."""

from __future__ import annotations


def explain(error: Exception) -> str:
    """The parser's first complaint with its line, without the control characters by which it marks the place."""
    first = next(iter(getattr(error, "errors", ())), None)
    if not first or not first.get("line"):
        return f"it is not valid SQL: {' '.join(str(error).split())}"
    return (
        f"it is not valid SQL: {first['description'].rstrip('.')} in line {first['line']} after the front matter, "
        f"at {first['highlight']}"
    )
