"""`make audit`: the known vulnerabilities of the locked packages, by pip-audit.

pip-audit exits with 0 when the service does not have the packages at all, and with 1 for findings and for an outage:
the outcome is read from its report.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
COMMAND = (
    *("-m", "pip_audit", "--requirement", "constraints.txt", "--no-deps", "--disable-pip"),
    *("--progress-spinner", "off", "--desc", "off", "--format", "json"),
)
UNREACHABLE = re.compile(r"requests\.exceptions\.|vulnerability feed|not redirecting|ServiceError")


def evaluate(report: str, errors: str) -> tuple[str, int]:
    """What pip-audit's JSON report and its standard error mean: a text to print, and the exit code.

    0 for no findings, or when the service did not answer; 1 for findings; 2 when pip-audit failed by itself.
    """
    if not report.strip():
        if UNREACHABLE.search(errors):
            return f"not checked: the vulnerability service did not answer ({errors.splitlines()[-1]})", 0
        return errors, 2
    packages = json.loads(report)["dependencies"]
    checked = [package for package in packages if "vulns" in package]
    if not checked:
        return f"not checked: the vulnerability service did not answer for any of {len(packages)} packages", 0
    lines = [_finding(package, vulnerability) for package in checked for vulnerability in package["vulns"]]
    unknown = [package["name"] for package in packages if "vulns" not in package]
    if unknown:
        lines.append(f"not checked, as the vulnerability service does not have them: {', '.join(unknown)}")
    findings = len(lines) - bool(unknown)
    return "\n".join((*lines, f"{findings} known vulnerabilities in {len(checked)} packages")), 1 if findings else 0


def _finding(package: dict[str, str], vulnerability: dict[str, Any]) -> str:
    fixed = ", ".join(vulnerability["fix_versions"]) or "no version yet"
    return f"{package['name']} {package['version']}: {vulnerability['id']}, fixed in {fixed}"


def main() -> int:
    """Run pip-audit on constraints.txt, print what it found, return the exit code."""
    done = subprocess.run([sys.executable, *COMMAND], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    text, code = evaluate(done.stdout, done.stderr)
    print(text)
    return code


if __name__ == "__main__":
    sys.exit(main())
