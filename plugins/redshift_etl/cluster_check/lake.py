"""The settings and the lake: what a worker may do there, and the files that the checks leave or remove."""

from __future__ import annotations

from redshift_etl import settings
from redshift_etl.cluster_check.model import Cluster, Result, failed, warning
from redshift_etl.errors import ConfigError, SourceError
from redshift_etl.lake.batch import STAGED

ARCHIVE = "archive"


def configured(_cluster: Cluster) -> Result | str:
    """The settings of the section [redshift_etl] that loads read."""
    try:
        lake, landing = settings.lake(), settings.landing()
        role, region = settings.iam_role(), settings.region()
    except ConfigError as error:
        return failed(error.what, f"{error.fix[0].upper()}{error.fix[1:]}.")
    return f"lake {lake.url(lake.prefix)}, landing {landing.url(landing.prefix)}, Region {region}, role {role}"


def readable_and_writable(cluster: Cluster) -> Result | str:
    """Write, list, read and delete a file as an extract, a load and retention do."""
    lake, key, body = cluster.lake, f"{staged(cluster)}/check", b"a check"
    entry = lake.put(key, body)
    listed = [found.key for found in lake.list_objects(staged(cluster))]
    read = lake.read(key)
    lake.delete([key])
    if listed != [key] or read != body:
        return failed(f"{entry.url} was written, and not found again", "Use one client and endpoint for this bucket.")
    return f"wrote, listed, read and deleted {entry.url}"


def staged(cluster: Cluster) -> str:
    """The key below which the checks stage their batches."""
    return f"{STAGED}/{cluster.name}"


def archive(cluster: Cluster) -> str:
    """The key below which UNLOAD writes."""
    return f"{ARCHIVE}/{cluster.name}"


def remove_files(cluster: Cluster) -> Result | str:
    """Delete what was staged, and what was archived where the workers may."""
    lake = cluster.lake
    removed = [found.key for found in lake.list_objects(staged(cluster))]
    lake.delete(removed)
    archived = [found.key for found in lake.list_objects(archive(cluster))]
    try:
        lake.delete(archived)
    except (ConfigError, SourceError):
        url = lake.location.url(lake.location.key(archive(cluster)))
        return warning(
            f"deleted {len(removed)} files; {len(archived)} files of the UNLOAD stay: workers may not delete archives",
            f"Delete {url}/ as an admin.",
        )
    return f"deleted {len(removed) + len(archived)} files"
