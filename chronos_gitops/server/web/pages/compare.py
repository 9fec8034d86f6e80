"""Two versions of a job side by side: fields, next runs, how their executions ended, and both files."""

from typing import Any

from chronos_gitops.server.api.endpoint import READ, Endpoint
from chronos_gitops.server.api.params import job_lookup, query
from chronos_gitops.server.api.request_context import service
from chronos_gitops.server.api.routes.versions import version_diff, versions
from chronos_gitops.server.api.routes.versions.version_content import VersionContent
from chronos_gitops.server.web import side_by_side
from chronos_gitops.server.web.layout import blueprint, render_page

_OFFERED = 200
BEFORE = query.of_form(
    query.text("from", "The version on the left, a number or commit; the one before `to` when absent")
)
AFTER = query.of_form(query.text("to", "The version on the right, a number or commit; the one that runs when absent"))


@blueprint.get(
    "/jobs/<name>/compare",
    declared=Endpoint(role=READ, is_scoped=True, is_heavy=True, parameters=(BEFORE, AFTER)),
)
def compare(name: str) -> str:
    job = job_lookup.name(service(), name)
    after = versions.at(job, AFTER.value() or versions.current_commit(job) or "1")
    given = BEFORE.value()
    before = versions.before_that(after) if given is None else versions.at(job, given)
    shown = service().follower.index().versions(job)[-_OFFERED:]
    chosen = {one.version.position: one.version for one in (before, after) if one is not None}
    offered = {one.position: one for one in shown} | chosen
    return render_page(
        "compare.html",
        name=job,
        before=None if before is None else _side(before),
        after=_side(after),
        offered=[offered[position] for position in sorted(offered, reverse=True)],
        diff=version_diff.versions(before, after, now=service().now()),
        rows=list(side_by_side.rows(_lines(before), _lines(after))),
    )


def _side(then: VersionContent) -> dict[str, Any]:
    job = then.version.job
    fate = versions.fate(then.version, service().engine.outcomes(job))
    return versions.rendered(then.version, versions.current_commit(job)) | fate | {"label": then.version.label}


def _lines(then: VersionContent | None) -> list[str]:
    return ((then and then.yaml) or "").splitlines()
