"""Addresses of commits on the pages of the forge that has the repository. Pure."""

import re
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from chronos_gitops.config.forge import ForgeSettings

_PATHS: Final = {"github": "commit", "gitlab": "-/commit", "gitea": "commit"}
_HOSTED: Final = {
    "github.com": "commit",
    "gitlab.com": "-/commit",
    "codeberg.org": "commit",
    "gitea.com": "commit",
    "bitbucket.org": "commits",
}
"""Forges that are known by their name alone."""
_SCP: Final = re.compile(r"(?:[^/\s:@]+@)?(?P<host>[^/\s:@]+):(?P<path>[^\s:]+)")
_REPOSITORY: Final = re.compile(r"[A-Za-z0-9_.~-]+(/[A-Za-z0-9_.~-]+)+", re.ASCII)


class CommitLinks(NamedTuple):
    """``host`` names the forge to the reader; an address is ``prefix`` and a full commit id."""

    host: str
    prefix: str


def commit_links(forge: ForgeSettings, repository: str) -> CommitLinks | None:
    """By ``[forge]``, else by the address of the repository; None where neither names a forge that is known."""
    if forge.type is not None and (web := _web_address(forge)):
        return CommitLinks(urlsplit(web).netloc, f"{web}/{forge.repository}/{_PATHS[forge.type]}/")
    host, path = _parts(repository)
    if host not in _HOSTED or not _REPOSITORY.fullmatch(path):
        return None
    return CommitLinks(host, f"https://{host}/{path}/{_HOSTED[host]}/")


def _web_address(forge: ForgeSettings) -> str:
    """The address for browsers. GitHub's API has one of its own; GitHub Enterprise Server has it below the pages'."""
    address = forge.address.removesuffix("/")
    if forge.type != "github":
        return address
    return "https://github.com" if address == "https://api.github.com" else address.removesuffix("/api/v3")


def _parts(repository: str) -> tuple[str, str]:
    """Host in lower case, and path without ``.git``, of an address as git takes it; empty for a folder."""
    if "://" in repository:
        found = urlsplit(repository)
        host, path = found.hostname or "", found.path
    elif scp := _SCP.fullmatch(repository):
        host, path = scp["host"].lower(), scp["path"]
    else:
        return "", ""
    return host, path.strip("/").removesuffix(".git")
