"""Names of imported jobs: what their source calls them, or words of their address. They stand in git, and have no
credential in them."""

import re
from typing import Final
from urllib.parse import unquote, urlsplit

from chronos_gitops.cli.importers.model import ImportedJob
from chronos_gitops.jobs.secrets.masking import literals

_LONGEST: Final = 60
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_RUN: Final = re.compile(r"[A-Za-z0-9]+")
_SHORTEST_ID: Final = 8
_LONGEST_WORD: Final = 20
_LETTERS_OF_A_WORD: Final = 4


def of(found: ImportedJob) -> str:
    url = str((found.document.get("webhook") or {}).get("url") or "")
    wished = kebab(found.name) or kebab(_of_url(url))
    return wished[:_LONGEST].strip("-") or "imported-job"


def kebab(text: str) -> str:
    split = re.sub(r"([a-z0-9])([A-Z])", r"\1-\2", text)
    return re.sub(r"[^a-z0-9]+", "-", split.lower()).strip("-")


def _of_url(url: str) -> str:
    """The last two parts of the path that are words; with less than two words, the host before them.

    ``validate`` asks for names of two words.
    """
    for one in literals(url):
        url = url.replace(one, "")
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    kept = [part for part in unquote(parts.path).split("/") if part and not _is_id(part)]
    path = re.sub(r"\.\w+\Z", "", "-".join(kept[-2:]))
    labels = (parts.hostname or "").removeprefix("www.").split(".")
    named = path if "-" in kebab(path) else f"{labels[0]}-{path}"
    return named if "-" in kebab(named) or labels[0].isdigit() else "-".join(labels[:2])


def _is_id(part: str) -> bool:
    """A UUID, a long number or a text of chance: it names nothing, and may be a credential."""
    return bool(_UUID.search(part)) or any(_is_random(run) for run in _RUN.findall(part))


def _is_random(run: str) -> bool:
    if run.isdigit() or any(map(str.isdigit, run[1:-1])):
        return len(run) >= _SHORTEST_ID
    return len(run) >= _LONGEST_WORD and len(run) / len(kebab(run).split("-")) < _LETTERS_OF_A_WORD
