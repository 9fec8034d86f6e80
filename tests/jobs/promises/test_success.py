"""``webhook.success`` as a value."""

from typing import Any

import pytest

from chronos_gitops.jobs.model import Job
from chronos_gitops.jobs.planning.plan import field_changes
from chronos_gitops.jobs.promises.success import Success

RULES: tuple[dict[str, Any], ...] = (
    {"json": "/status", "equals": ["done", "empty"]},
    {"json": "", "not": 1},
    {"json": "/rows", "at_least": 0.5},
    {"json": "/rows", "exists": False},
    {"contains": "OK"},
    {"lacks": "ERROR"},
)


@pytest.mark.parametrize("otherwise", ["fail", "retry"])
def test_a_document_comes_back(otherwise: str) -> None:
    document = {"body": list(RULES), "otherwise": otherwise}
    assert Success.from_document(document).document() == document


@pytest.mark.parametrize(("one", "other"), [(1, True), (0, False), (1, 1.0), ([1, 2], [True, 2])])
def test_values_of_other_types_make_another_job(one: Any, other: Any) -> None:
    """To Python ``1 == True``; a change that is taken for none would reach no event, no plan and no guard."""
    before, after = (ruled({"json": "/status", "equals": value}) for value in (one, other))
    assert before != after
    assert before == ruled({"json": "/status", "equals": one})
    assert [change.field for change in field_changes(before, after)] == ["webhook.success.body"]


def ruled(rule: dict[str, Any]) -> Job:
    webhook = {"url": "https://a.test/", "success": {"body": [rule]}}
    return Job.from_document({"name": "a", "schedule": "0 2 * * *", "webhook": webhook})


def test_a_job_without_rules_has_the_document_of_before() -> None:
    job: dict[str, Any] = {"name": "a", "schedule": "0 2 * * *", "webhook": {"url": "https://a.test/"}}
    assert "success" not in Job.from_document(job).document()["webhook"]
    ruled = job | {"webhook": {"url": "https://a.test/", "success": {"body": [RULES[4]]}}}
    assert Job.from_document(ruled).document()["webhook"]["success"] == {"body": [RULES[4]], "otherwise": "fail"}
    assert Job.from_document(ruled).digest != Job.from_document(job).digest
