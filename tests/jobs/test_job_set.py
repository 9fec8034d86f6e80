"""The one comparison of two JobSets."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chronos_gitops.jobs.job_ids import DefinitionId
from chronos_gitops.jobs.job_set import JobSetDiff, diff
from chronos_gitops.jobs.model import Job, JobSet, JobVersion
from chronos_gitops.jobs.problem import Problem, Severity

AT = datetime(2026, 3, 1, tzinfo=UTC)
PROBLEM = Problem("jobs/a.yaml", 1, 1, Severity.ERROR, "rule", "message", "hint")


def definition(name: str = "a", schedule: str = "@daily", **others: Any) -> JobVersion:
    document = {"name": name, "schedule": schedule, "tags": others.pop("tags", {}), "webhook": {"url": "http://x.test"}}
    values = {"path": f"jobs/{name}.yaml", "identity": DefinitionId("1"), "version": 1, "commit": "c", "updated_at": AT}
    return JobVersion(Job.from_document(document), **{**values, **others})


def compared(before: JobVersion, after: JobVersion) -> JobSetDiff:
    return diff(JobSet.of("1", [before]), JobSet.of("2", [after]))


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (definition(), JobSetDiff()),
        (definition("b"), JobSetDiff(added=("b",), removed=("a",))),
        (definition(schedule="@hourly"), JobSetDiff(redefined=("a",))),
        (definition(path="jobs/x/a.yaml"), JobSetDiff(moved=("a",))),
        (definition(identity=DefinitionId("2")), JobSetDiff(reversioned=("a",))),
        (definition(version=2), JobSetDiff(reversioned=("a",))),
        (definition(version=None), JobSetDiff(reversioned=("a",))),
        (definition(commit="d"), JobSetDiff(reversioned=("a",))),
        (definition(draft=True), JobSetDiff(reversioned=("a",))),
        (definition(updated_at=None), JobSetDiff(reversioned=("a",))),
        (definition(quarantined=(PROBLEM,)), JobSetDiff(requarantined=("a",))),
        (
            definition(schedule="@hourly", path="b", identity=DefinitionId("2")),
            JobSetDiff(redefined=("a",), moved=("a",), reversioned=("a",)),
        ),
    ],
)
def test_each_kind_of_difference(after: JobVersion, expected: JobSetDiff) -> None:
    assert compared(definition(), after) == expected
    assert bool(expected) is (after != definition())


def test_tags_in_another_order_are_the_same_job() -> None:
    before, after = (
        definition(tags={"a": "1", "b": "2"}),
        definition(tags={"b": "2", "a": "1"}, identity=DefinitionId("2")),
    )
    assert compared(before, after) == JobSetDiff(reversioned=("a",))


NAMES = st.sampled_from("abc")
DEFINITIONS = st.builds(
    definition,
    NAMES,
    st.sampled_from(["@daily", "@hourly"]),
    path=st.sampled_from(["jobs/1.yaml", "jobs/2.yaml"]),
    identity=st.builds(DefinitionId, st.sampled_from("12"), st.sampled_from(("", "1"))),
    draft=st.booleans(),
    quarantined=st.sampled_from([(), (PROBLEM,)]),
)
SETS = st.lists(DEFINITIONS, unique_by=lambda one: one.job.name).map(lambda found: JobSet.of("1", found))


@given(before=SETS, after=SETS)
def test_a_diff_is_empty_exactly_for_equal_sets_and_applying_it_gives_the_other(before: JobSet, after: JobSet) -> None:
    changes = diff(before, after)
    assert bool(changes) is (before != after)
    touched = {*changes.added, *changes.changed, *changes.requarantined}
    applied = {name: one for name, one in before.definitions.items() if name not in changes.removed}
    applied |= {name: after.definitions[name] for name in touched}
    assert JobSet.of("1", applied.values()) == after
    back = diff(after, before)
    assert (back.added, back.removed, back.changed) == (changes.removed, changes.added, changes.changed)


def test_the_same_object_is_not_looked_into() -> None:
    one = definition()
    assert not diff(JobSet.of("1", [one]), JobSet.of("2", [one]))
    assert not compared(one, replace(one))


def test_the_same_two_sets_are_compared_once() -> None:
    before, after = JobSet.of("1", [definition()]), JobSet.of("2", [definition(version=2)])
    found = diff(before, after)
    assert diff(before, after) is found
    assert diff(after, before) is not found
    assert diff(before, JobSet.of("2", [definition(schedule="@hourly")])).redefined == ("a",)
