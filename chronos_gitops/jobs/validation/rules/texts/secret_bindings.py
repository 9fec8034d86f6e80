"""Secrets where the operator's bindings do not let them be used: another team's folder or origin."""

from collections.abc import Iterator

from chronos_gitops.jobs.problem import Problem
from chronos_gitops.jobs.secrets.bindings import Bindings
from chronos_gitops.jobs.secrets.references import references
from chronos_gitops.jobs.validation.document import Document


def check(source: Document, bindings: Bindings) -> Iterator[Problem]:
    """One problem per reference. What is not decided by the file alone is judged when the request is made."""
    for found in references(source.get("webhook"), job=source.get("name")):
        refusals = (bindings.refusal(found.name, origin=one, path=source.file) for one in found.origins)
        refusal = next(filter(None, refusals), None)
        if refusal:
            yield source.spot_of(found.field, found.written).problem(*refusal)
