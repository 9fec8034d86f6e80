"""The place that this program was installed from, as pip recorded it (PEP 610, ``direct_url.json``)."""

import json
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from chronos_gitops import __version__
from chronos_gitops.process.lazy_dataclass import dataclass

_NAME = "chronos-gitops"


@dataclass(frozen=True)
class PackageOrigin:
    """``requirement`` installs this version elsewhere; ``local`` is a place that other machines do not have."""

    requirement: str
    local: str = ""


def package_origin() -> PackageOrigin:
    """An address that any machine can ask, with its commit or checksum; otherwise the version, from an index."""
    from_index = f"{_NAME}=={__version__}"
    try:
        text = metadata.distribution(_NAME).read_text("direct_url.json")
    except metadata.PackageNotFoundError:
        return PackageOrigin(from_index, str(Path(__file__).parents[2]))
    if text is None:
        return PackageOrigin(from_index)
    return _recorded(json.loads(text), from_index)


def _recorded(record: dict[str, Any], from_index: str) -> PackageOrigin:
    url = urlsplit(record["url"])
    if url.scheme == "file":
        return PackageOrigin(from_index, unquote(url.path))
    fragment = f"subdirectory={record['subdirectory']}" if "subdirectory" in record else ""
    if (vcs := record.get("vcs_info")) is not None:
        address = f"{vcs['vcs']}+{record['url']}@{vcs['commit_id']}"
    else:
        hashes = record.get("archive_info", {}).get("hashes", {})
        fragment = f"sha256={hashes['sha256']}" if "sha256" in hashes else fragment
        address = record["url"]
    return PackageOrigin(f"{_NAME} @ {address}{'#' if fragment else ''}{fragment}")
