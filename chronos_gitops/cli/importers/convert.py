"""From what a reader found to files: names, references in place of credentials, and the same verdict as everywhere."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote, unquote

from chronos_gitops.cli.importers.model import ImportedJob, ImportResult, RefusedEntry
from chronos_gitops.cli.importers.output import names
from chronos_gitops.cli.importers.output.uninherited import uninherited
from chronos_gitops.git.tree import NoFiles
from chronos_gitops.jobs.layers.file_roles import DEFAULTS
from chronos_gitops.jobs.layers.tree import NO_LAYERS, Layers
from chronos_gitops.jobs.problem import is_error
from chronos_gitops.jobs.secrets.masking import AUTH_FIELDS, is_literal, is_sensitive, literals
from chronos_gitops.jobs.templates import templates
from chronos_gitops.jobs.templates.templates import authority_part
from chronos_gitops.jobs.validation.files import EditedFiles, TreeEntry
from chronos_gitops.jobs.validation.validate import git_blob_id, validate_file
from chronos_gitops.jobs.yaml_writer import yaml_of
from chronos_gitops.process.lazy_dataclass import dataclass

_TEXTS: Final = ("url", "body")
_SHORTEST: Final = 6
"""Characters of a credential below which it may stand elsewhere in the text by chance."""
_STEPS: Final = (
    "the steps of @every are counted from 1970-01-01 in UTC, and not from a start, a creation or the last run"
)
_SCHEME: Final = re.compile(r"(?i)\A(bearer|basic|token)\s+")


@dataclass(frozen=True, slots=True)
class ConvertedJob:
    """A job file: its name (the stem of the file), its text, what did not carry over, and the secrets it needs."""

    place: str
    name: str
    text: str
    lost: tuple[str, ...]
    secrets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Imported:
    drafts: tuple[ConvertedJob, ...]
    refusals: tuple[RefusedEntry, ...]
    notes: tuple[str, ...]
    defaults: str = ""
    """The text of a ``_defaults.yaml`` for the folder of these jobs; empty for none."""


def finish(read: ImportResult, layers: Layers = NO_LAYERS, folder: str = "") -> Imported:
    """Every draft is valid by the rules of ``validate``; what would not be is refused with the first error.

    In ``folder`` with its ``layers`` each job means what it means without any: a value that it would inherit, and does
    not have, is removed.
    """
    inherited = layers.inherited(f"{folder}/job.yaml")
    taken: dict[str, int] = {}
    drafts: list[ConvertedJob] = []
    refusals: list[RefusedEntry] = []
    for entry in read.entries:
        one = entry if isinstance(entry, RefusedEntry) else _draft(entry, taken, inherited)
        if isinstance(one, ConvertedJob):
            taken.setdefault(one.name, 1)
            drafts.append(one)
        else:
            refusals.append(one)
    return Imported(tuple(drafts), tuple(refusals), read.notes)


def with_shared_defaults(imported: Imported, layers: Mapping[str, bytes], folder: str) -> Imported:
    """The same effective jobs from shorter files, in each environment; NotTheSame where that cannot be proven.

    ``folder`` is where the jobs will stand, and ``layers`` are the files above it, both from the jobs folder.
    """
    from chronos_gitops.cli.checkout.layer_extraction import extract

    place = f"{folder}/" if folder else ""
    texts = {**layers, **{f"{place}{draft.name}.yaml": draft.text.encode() for draft in imported.drafts}}
    entries = {TreeEntry(path, git_blob_id(text), len(text)): text for path, text in texts.items()}
    found = {edit.path: edit.after for edit in extract(EditedFiles(NoFiles(), entries), folder).edits}
    shorter = (replace(one, text=found.get(f"{place}{one.name}.yaml", one.text)) for one in imported.drafts)
    return replace(imported, drafts=tuple(shorter), defaults=found.get(f"{place}{DEFAULTS}", ""))


def _draft(found: ImportedJob, taken: dict[str, int], inherited: Mapping[str, Any]) -> ConvertedJob | RefusedEntry:
    name = _free(names.of(found), taken)
    document = {"name": name, **found.document}
    lost = list(found.lost)
    if isinstance(document.get("webhook"), dict):
        document["webhook"] = _without_credentials(name, document["webhook"])
        if any(literals(str(document["webhook"].get(field) or "")) for field in _TEXTS):
            lost.append("a credential stands in the url or the body: put a reference there, and change it")
    if "@every" in str(document.get("schedule")):
        lost.append(_STEPS)
    if found.name not in ("", name):
        lost.append(f'the name "{found.name[:60]}" is now {name}')
    wrong = next(filter(is_error, validate_file(f"{name}.yaml", yaml_of(document).encode()).problems), None)
    if wrong is not None:
        return RefusedEntry(found.place, "", f"{wrong.message}{f' ({wrong.hint})' if wrong.hint else ''}")
    secrets = tuple(dict.fromkeys(_secrets(document)))
    lost += [f"the value of {secret}: hand it to the runner as a secret" for secret in secrets]
    return ConvertedJob(found.place, name, yaml_of(uninherited(document, inherited)), tuple(lost), secrets)


def _free(name: str, taken: dict[str, int]) -> str:
    """``taken`` has the last number that was given to each name."""
    if name not in taken:
        return name
    number = next(number for number in range(taken[name] + 1, len(taken) + 3) if f"{name}-{number}" not in taken)
    taken[name] = number
    return f"{name}-{number}"


def _without_credentials(name: str, webhook: dict[str, Any]) -> dict[str, Any]:
    kept = dict(webhook)
    if isinstance(kept.get("headers"), dict):
        kept["headers"] = {key: _header(name, key, value) for key, value in kept["headers"].items()}
    if isinstance(kept.get("auth"), dict):
        kept["auth"] = {
            key: f"${{secret:{name}-{names.kebab(key)}}}" if key in AUTH_FIELDS and is_literal(str(value)) else value
            for key, value in kept["auth"].items()
        }
    for field in _TEXTS:
        if isinstance(kept.get(field), str):
            kept[field] = _referring(f"{name}-{field}", kept[field], is_url=field == "url")
    return kept


def _referring(secret: str, text: str, *, is_url: bool) -> str:
    """The text with a reference for each credential in it. Values are percent-encoded in an address: one that would be
    sent otherwise, such as the path of a webhook of Slack, makes all of the address a reference."""
    head = authority_part(text) if is_url else ""
    rest = text[len(head) :]
    known = [found for found in literals(text if is_url else rest) if len(found) >= _SHORTEST]
    if is_url and any(one not in rest or quote(unquote(one), safe="") != one for one in known):
        return f"${{secret:{secret}}}"
    for number, value in enumerate(sorted(known, key=len, reverse=True), 1):
        rest = rest.replace(value, f"${{secret:{secret}{'' if number == 1 else f'-{number}'}}}")
    return head + rest


def _header(name: str, key: str, value: Any) -> Any:
    """``Bearer abc`` to ``Bearer ${secret:...}``: the scheme is no secret."""
    if not isinstance(value, str) or not is_sensitive(key) or not is_literal(value):
        return value
    scheme = _SCHEME.match(value)
    return f"{scheme[1] + ' ' if scheme else ''}${{secret:{name}-{names.kebab(key)}}}"


def _secrets(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for one in value.values():
            yield from _secrets(one)
    elif isinstance(value, str):
        yield from (name for _, name in templates.secrets(value))
