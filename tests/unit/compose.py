"""Reads docker-compose.yaml and .env.example as Compose does, as far as these files use it."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENV_EXAMPLE = ROOT / ".env.example"


def read_env(path: Path) -> dict[str, str]:
    """Names and values; a value in single quotes is literal."""
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    pairs = (line.split("=", 1) for line in lines)
    return {name: value.removeprefix("'").removesuffix("'") for name, value in pairs}


def interpolate(text: str, values: dict[str, str]) -> str:
    """Fill in ${NAME} and turn $$ into $. Raises KeyError for a name without a value."""

    def fill(match: re.Match[str]) -> str:
        return "$" if match[0] == "$$" else values[match[1]]

    return re.sub(r"\$\$|\$\{(\w+)\}", fill, text)
