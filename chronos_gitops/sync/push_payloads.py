"""The refs that moved and their new commits, from the payload of a push webhook. Pure; one function for each forge."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qs

from chronos_gitops.errors import ChronosError
from chronos_gitops.process.lazy_dataclass import dataclass

_FORM: Final = "application/x-www-form-urlencoded"
_COMMIT: Final = re.compile(r"(?!0+\Z)(?:[0-9a-f]{40}|[0-9a-f]{64})\Z")
_HEADS: Final = "refs/heads/"


class UnreadablePayload(ChronosError):
    """Signed, and yet not what the forge would send."""

    kind = "bad-request"


class UnsupportedMedia(ChronosError):
    kind = "unsupported-media"


@dataclass(frozen=True, slots=True)
class MovedRef:
    """A full ref that was moved, made or deleted; ``commit`` is None for a deletion."""

    ref: str
    commit: str | None


def parse(media: str, body: bytes, *, takes_form: bool = False) -> Mapping[str, Any]:
    """The JSON object, with ``takes_form`` also out of the field ``payload`` of a form.

    UnreadablePayload, UnsupportedMedia.
    """
    kind = media.partition(";")[0].strip().lower()
    if kind == _FORM and takes_form:
        body = _of_form(body)
    elif kind != "application/json":
        # Gitea signs the JSON also where it sends a form: what was signed is not what came.
        raise UnsupportedMedia("The payload is not application/json.", hint="Set the hook's content type to JSON.")
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        payload = None
    if not isinstance(payload, dict):
        raise UnreadablePayload("The payload is not a JSON object.")
    return payload


def of_git_hook(payload: Mapping[str, Any]) -> Iterator[MovedRef]:
    """GitHub, GitLab, Gitea: ``ref`` and ``after``."""
    # GitLab's system hooks tell of projects, users and keys too, which have no ref.
    if (payload.get("object_kind") or payload.get("event_name") or "push") != "push":
        return
    ref = payload.get("ref")
    if not isinstance(ref, str):
        raise UnreadablePayload('The payload of the push has no text "ref".')
    yield MovedRef(ref, _commit(payload.get("after")))


def of_bitbucket(payload: Mapping[str, Any]) -> Iterator[MovedRef]:
    """Cloud: ``push.changes``, where ``new`` or ``old`` is a branch; Data Center: ``changes``, with a ``ref``."""
    if "push" in payload:
        for change in _listed(_part(payload, "push"), "changes"):
            after = _part(change, "new")
            named = after or _part(change, "old")
            if named.get("type") == "branch":
                yield MovedRef(f"{_HEADS}{named.get('name')}", _commit(_part(after, "target").get("hash")))
        return
    for change in _listed(payload, "changes"):
        ref = _part(change, "ref").get("id", change.get("refId"))
        if isinstance(ref, str):
            yield MovedRef(ref, _commit(change.get("toHash")))


def of_azure(payload: Mapping[str, Any]) -> Iterator[MovedRef]:
    """Azure DevOps: the event ``git.push`` with ``resource.refUpdates``."""
    if payload.get("eventType") != "git.push":
        return
    for update in _listed(_part(payload, "resource"), "refUpdates"):
        if isinstance(update.get("name"), str):
            yield MovedRef(update["name"], _commit(update.get("newObjectId")))


def of_codecommit(payload: Mapping[str, Any]) -> Iterator[MovedRef]:
    """AWS CodeCommit, by EventBridge: "CodeCommit Repository State Change" with ``detail.referenceFullName``."""
    detail = _part(payload, "detail")
    ref = detail.get("referenceFullName")
    if payload.get("source") == "aws.codecommit" and isinstance(ref, str):
        yield MovedRef(ref, _commit(detail.get("commitId")))


Reader = Callable[[Mapping[str, Any]], Iterator[MovedRef]]


def _part(payload: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The object of this name; empty where there is none."""
    found = payload.get(name)
    return found if isinstance(found, dict) else {}


def _listed(payload: Mapping[str, Any], name: str) -> Sequence[Mapping[str, Any]]:
    found = payload.get(name)
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise UnreadablePayload(f'The payload of the push has no list "{name}".')
    return found


def _commit(value: Any) -> str | None:
    return value if isinstance(value, str) and _COMMIT.match(value) else None


def _of_form(body: bytes) -> bytes:
    try:
        return parse_qs(body, strict_parsing=True, max_num_fields=10)[b"payload"][0]
    except (ValueError, KeyError):
        raise UnreadablePayload("The form has no payload.") from None
