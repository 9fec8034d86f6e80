"""Conditional requests (RFC 9110 section 13): a strong ETag on every GET, 304, and If-Match for rollback."""

import hashlib

from flask import Flask, Response, request

from chronos_gitops.jobs.job_ids import DefinitionId
from chronos_gitops.server.api import problem_types, problems
from chronos_gitops.server.api.params import form_origin
from chronos_gitops.server.api.problems import ApiError


class StaleVersion(ApiError):
    kind = "stale-version"


def install(app: Flask) -> None:
    app.after_request(_conditional)


def with_definition(response: Response, identity: DefinitionId) -> Response:
    """A job's ETag begins with its definition, which If-Match asks for: the rest changes with each run."""
    response.set_etag(f"{_tag(identity)}-{_digest(response)}")
    return response


def require_match(identity: DefinitionId | None) -> None:
    """``If-Match`` with the ETag of the job: StaleVersion when the job's definition is not the one it was given for.

    A form cannot send a header; its field ``_match`` says the same.
    """
    wanted = request.if_match
    in_form = (form_origin.pairs() or {}).get("_match", "")
    seen = {tag.partition("-")[0] for tag in wanted.as_set() if tag} | {in_form} - {""}
    if ("If-Match" not in request.headers and not seen) or (identity is not None and wanted.star_tag):
        return
    if identity is None or _tag(identity) not in seen:
        raise StaleVersion(
            "The job is not the one your If-Match names: its file changed since.",
            hint="GET the job again and repeat with its new ETag.",
            extra={"current_definition": match_of(identity) or None},
        )


def _conditional(response: Response) -> Response:
    if request.method not in ("GET", "HEAD") or response.status_code != 200 or response.is_streamed:
        return response
    if response.get_etag()[0] is None:
        response.set_etag(_digest(response))
    tag = response.get_etag()[0] or ""
    if "If-Match" in request.headers and not request.if_match.contains(tag):
        return problems.response(
            problem_types.of("stale-version"), "What you asked for is not what your If-Match names."
        )
    if request.if_none_match.contains_weak(tag):
        return _not_modified(response)
    return response


def _not_modified(response: Response) -> Response:
    unchanged = Response(status=304)
    for name in ("ETag", "Link"):
        if name in response.headers:
            unchanged.headers[name] = response.headers[name]
    del unchanged.headers["Content-Type"]
    return unchanged


def _digest(response: Response) -> str:
    return hashlib.sha256(response.get_data()).hexdigest()[:20]


def match_of(identity: DefinitionId | None) -> str:
    """The value of a form's field ``_match``."""
    return "" if identity is None else _tag(identity)


def _tag(identity: DefinitionId) -> str:
    return identity.key[:16]
