"""The package index of the tests that install packages."""

import os
import subprocess
import sys


def pip_index() -> dict[str, str]:
    """pip's index as variables of uv, which does not read pip's configuration (bin/setup does the same)."""
    variables: dict[str, str] = {}
    for option, name in (("index-url", "UV_DEFAULT_INDEX"), ("extra-index-url", "UV_INDEX")):
        command = [sys.executable, "-m", "pip", "config", "get", f"global.{option}"]
        configured = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
        value = os.environ.get(f"PIP_{option.upper().replace('-', '_')}") or configured
        if value and name not in os.environ:
            variables |= {name: value, "UV_INDEX_STRATEGY": "unsafe-best-match"}
    return variables
