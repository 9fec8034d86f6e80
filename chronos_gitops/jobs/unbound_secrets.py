"""Secrets that jobs use without a binding, as settings to paste: for operators whose runner begins to refuse them."""

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from chronos_gitops.jobs import templates
from chronos_gitops.jobs.model import JobSet
from chronos_gitops.jobs.origin import OriginError, split
from chronos_gitops.jobs.secret_bindings import Bindings

_LEVELS = 2
"""Folders are bound by the jobs folder and the first level below it: ``jobs/billing``."""


def binding_lines(jobs: JobSet, bindings: Bindings) -> tuple[str, ...]:
    """One ``[secrets.bind]`` line for each secret that a job uses and no binding names, in the order of their names.

    Lists the folders of the job files and the origins of their requests; ``# fill in`` where an origin is a secret.
    """
    folders: dict[str, set[str]] = {}
    origins: dict[str, set[str]] = {}
    for definition in jobs.definitions.values():
        webhook = definition.job.document()["webhook"]
        used = {name for text in _texts(webhook) for _, name in templates.secrets(text)}
        for name in used - bindings.by_name.keys():
            folders.setdefault(name, set()).add("/".join(PurePosixPath(definition.path).parent.parts[:_LEVELS]))
            origins.setdefault(name, set()).update(_origins(webhook))
    return tuple(_line(name, folders[name], origins[name]) for name in sorted(folders))


def _line(name: str, folders: set[str], origins: set[str]) -> str:
    """Without folders where a job file lies at the top: it may be any."""
    inside = "" if folders & {"", "."} else f"folders = {_array(folders)}, "
    comment = "  # fill in: an address is a secret" if "" in origins else ""
    return f"secrets.bind.{name} = {{ {inside}origins = {_array(origins - {''})} }}{comment}"


def _array(values: set[str]) -> str:
    return "[" + ", ".join(f'"{value}"' for value in sorted(values)) + "]"


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _origins(webhook: Mapping[str, Any]) -> Iterator[str]:
    """Of ``url``, and of ``token_url`` where there is one; empty for an address that is a secret."""
    auth = webhook.get("auth") or {}
    for url in filter(None, (webhook["url"], auth.get("token_url"))):
        try:
            yield "" if templates.reference_in(url) is not None else str(split(url)[0])
        except OriginError:
            yield ""
