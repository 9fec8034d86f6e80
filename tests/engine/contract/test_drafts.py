"""An execution of a draft has no version and no commit, and keeps that after the same text is committed."""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from harness.engine_harness import Bench, eventually, jobset

from chronos_gitops.engine.engine import Engine
from chronos_gitops.engine.model import Execution
from chronos_gitops.engine.temporal.errors import Unavailable
from chronos_gitops.jobs.model import JobSet

BASES = {"version 4": (4, "d" * 40), "never committed": (None, None)}


def provenance(row: Execution) -> tuple[object, ...]:
    return row.draft, row.version, row.commit, row.base_version, row.base_commit


def ran(engine: Engine) -> Execution:
    """One execution by hand; Temporal may still be connecting."""

    def trigger() -> list[Execution]:
        with suppress(Unavailable):
            return [engine.trigger("daily-backup")]
        return []

    return eventually(trigger)[0]


@pytest.mark.parametrize("base", BASES)
def test_a_draft_names_no_commit_and_stays_one(bench: Bench, base: str) -> None:
    version, commit = BASES[base]
    job = bench.job(schedule="@yearly", concurrency="allow")
    engine = bench.start(job)
    [definition] = jobset(job)
    draft = replace(definition, version=version, commit=commit, draft=True, runs_draft=True)
    engine.apply(JobSet.of("c" * 40, [draft]))
    eventually(lambda: ran(engine).draft)
    [first, *_] = bench.seen.wait(1)
    engine.apply(JobSet.of("e" * 40, [replace(definition, version=5, commit="e" * 40)]))
    eventually(lambda: ran(engine).version == 5)
    bench.seen.wait_until(lambda: any(row.version == 5 for row in bench.seen.ended))
    drafts = [row for row in bench.seen.ended if row.draft]
    assert first in drafts
    for told in drafts:
        row = engine.execution(told.id).execution
        assert provenance(row) == provenance(told) == (True, None, None, version, commit)
    requests = {request.execution_id: request.header("X-Chronos-Commit") for request in bench.receiver.requests}
    assert {requests[row.id] for row in drafts} == {None}
    newest = next(row for row in bench.seen.ended if not row.draft and row.version == 5)
    assert requests[newest.id] == "e" * 40
    assert provenance(engine.execution(newest.id).execution) == (False, 5, "e" * 40, None, None)


def test_ticks_of_a_draft_are_drafts(bench: Bench) -> None:
    [definition] = jobset(bench.job(schedule="@every 1s"))
    engine = bench.start()
    engine.apply(JobSet.of("c" * 40, [replace(definition, draft=True, runs_draft=True)]))
    bench.clock.turn(timedelta(seconds=1))
    assert provenance(bench.seen.wait(1)[0]) == (True, None, None, 1, "a" * 40)
