"""`make sbom`: the locked packages as a bill of materials in CycloneDX 1.6 (https://cyclonedx.org/docs/1.6/json/).

Scope `required` is what requirements.txt pulls in, which is what the production image installs; `excluded` is what only
a laptop and CI need.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).resolve().parents[2]
TARGET = REPOSITORY / "build" / "sbom.cdx.json"


@dataclass(frozen=True)
class Package:
    """A locked package: its name, its version, and the SHA-256 of each of its files."""

    name: str
    version: str
    hashes: tuple[str, ...]


def read_lock(text: str) -> Iterator[Package]:
    """The packages of constraints-hashes.txt, in its order."""
    for entry in re.findall(r"^(?! |#).*(?:\n +--hash=.*)*", text, re.MULTILINE):
        if found := re.match(r"([\w.-]+)==([^ \n]+)", entry):
            yield Package(found[1], found[2], tuple(re.findall(r"sha256:([0-9a-f]{64})", entry)))


def required(requirements: str) -> set[str]:
    """The names of what these lines of a requirements file pull in on this machine."""
    found: set[str] = set()
    ahead = [Requirement(line) for line in requirements.splitlines() if line and not line.startswith("#")]
    while ahead:
        requirement = ahead.pop()
        name = canonicalize_name(requirement.name)
        extras = requirement.extras or {""}
        if name in found and not requirement.extras:
            continue
        found.add(name)
        further = [Requirement(text) for text in _requires(name)]
        ahead += [entry for entry in further if _applies(entry, extras)]
    return found


def _requires(name: str) -> list[str]:
    try:
        return metadata.requires(name) or []
    except metadata.PackageNotFoundError:  # of another system or Python
        return []


def _applies(requirement: Requirement, extras: set[str]) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in extras)


def version() -> str:
    """The product's version, as its package has it."""
    text = (REPOSITORY / "plugins" / "redshift_etl" / "__init__.py").read_text()
    (found,) = re.findall(r'^__version__ = "(.*)"$', text, re.MULTILINE)
    return str(found)


def bill(packages: Iterator[Package], production: set[str]) -> dict[str, Any]:
    """The document: one component a package, with the hashes of the files that may be installed for it."""
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "application", "name": "redshift-etl", "version": version()}},
        "components": [_component(package, production) for package in packages],
    }


def _component(package: Package, production: set[str]) -> dict[str, Any]:
    purl = f"pkg:pypi/{canonicalize_name(package.name)}@{package.version}"
    hashes = [{"alg": "SHA-256", "content": digest} for digest in package.hashes]
    page = f"https://pypi.org/project/{package.name}/{package.version}/"
    return {
        "type": "library",
        "bom-ref": purl,
        "name": package.name,
        "version": package.version,
        "scope": "required" if canonicalize_name(package.name) in production else "excluded",
        "purl": purl,
        "externalReferences": [{"type": "distribution", "url": page, "hashes": hashes}],
    }


def main() -> None:
    """Write build/sbom.cdx.json and print its name."""
    lock = (REPOSITORY / "constraints-hashes.txt").read_text()
    production = required((REPOSITORY / "requirements.txt").read_text())
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(json.dumps(bill(read_lock(lock), production), indent=2) + "\n")
    print(TARGET.relative_to(REPOSITORY))


if __name__ == "__main__":
    main()
