"""Two runners of the installed program on one PostgreSQL database: one is killed, or frozen beyond its lease."""

import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest
from harness.engine_harness import eventually
from harness.processes.replicas import Sink
from harness.processes.subprocess_runner import Runner
from harness.processes.two_replicas import Pair, all_ended, is_stopped, repository
from harness.repositories.repository import Repository

from chronos_gitops.engine.sql.store.store import LEASE_S


@pytest.fixture
def sink() -> Iterator[Sink]:
    sink = Sink()
    with sink.server:
        yield sink


@pytest.fixture
def pair(tmp_path: Path, sink: Sink, postgres_url: str) -> Iterator[Pair]:
    pair = Pair(tmp_path, repository(tmp_path, sink, concurrency="allow", timeout="2m"), postgres_url)
    yield pair
    sink.release()
    pair.close()


def trigger(runner: Runner, count: int) -> set[str]:
    return {runner.client.post("/jobs/held/trigger").json()["id"] for _ in range(count)}


def kill_one_of_two(pair: Pair, sink: Sink, in_flight: int) -> None:
    one, two = pair.start("one"), pair.start("two")
    ids = trigger(one, in_flight)
    eventually(lambda: len(sink.visits) == in_flight)
    one.kill()
    killed = monotonic()
    eventually(lambda: len(sink.visits) == 2 * in_flight, timeout=3 * LEASE_S)
    again = [visit.since - killed for visit in sink.visits[in_flight:]]
    sink.release()
    rows = all_ended(two, in_flight)
    print(f"kill -9 with {in_flight} in flight: again after {min(again):.1f} to {max(again):.1f} s")
    assert {row["id"] for row in rows} == ids
    assert Counter(row["status"] for row in rows) == {"success": in_flight}
    assert set(Counter(visit.execution for visit in sink.visits).values()) == {2}
    assert max(again) < 2 * LEASE_S


@pytest.mark.timeout(60)
def test_what_a_killed_runner_ran_is_gone_on_with_by_the_other_one(pair: Pair, sink: Sink) -> None:
    """Takes ten seconds: a lease has to run out."""
    kill_one_of_two(pair, sink, in_flight=10)


@pytest.mark.full
@pytest.mark.timeout(120)
def test_nothing_of_fifty_in_flight_is_lost(pair: Pair, sink: Sink) -> None:
    kill_one_of_two(pair, sink, in_flight=50)


@pytest.mark.timeout(60)
def test_a_killed_runner_that_comes_back_goes_on_at_once_for_its_data_folder_is_its_own(pair: Pair, sink: Sink) -> None:
    """Takes some seconds: real processes."""
    one = pair.start("one")
    ids = trigger(one, 5)
    eventually(lambda: len(sink.visits) == 5)
    one.kill()
    again = pair.start("one")
    eventually(lambda: len(sink.visits) == 10, timeout=2.0)
    sink.release()
    assert {row["id"] for row in all_ended(again, 5)} == ids


@pytest.mark.timeout(90)
def test_what_a_frozen_runner_records_too_late_is_refused(pair: Pair, sink: Sink) -> None:
    """Takes ten seconds: a lease has to run out."""
    one, two = pair.start("one"), pair.start("two")
    trigger(one, 3)
    eventually(lambda: len(sink.visits) == 3)
    os.kill(one.process.pid, signal.SIGSTOP)
    eventually(lambda: len(sink.visits) == 6, timeout=3 * LEASE_S)
    sink.release()
    rows = all_ended(two, 3)
    before = [two.get(f"/executions/{row['id']}") for row in rows]
    os.kill(one.process.pid, signal.SIGCONT)
    one.until("/executions?limit=1000", lambda page: len(page["items"]) == 3)
    triggered = one.client.post("/jobs/held/trigger").json()["id"]
    one.until(f"/executions/{triggered}", lambda found: found["status"] == "success")
    assert [two.get(f"/executions/{row['id']}") for row in rows] == before
    assert all(len(found["attempts"]) == 1 for found in before)
    assert Counter(visit.execution for visit in sink.visits) == {row["id"]: 2 for row in rows} | {triggered: 1}


@pytest.mark.parametrize("point", ["after-claim", "before-send"])
@pytest.mark.timeout(90)
def test_a_runner_that_froze_before_it_sent_sends_nothing_when_another_one_has(
    pair: Pair, sink: Sink, point: str
) -> None:
    """Takes ten seconds: a lease has to run out."""
    one, two = pair.start("one", f"{point}:stop"), pair.start("two")
    asking = threading.Thread(target=lambda: one.client.post("/jobs/held/trigger"))
    asking.start()
    eventually(lambda: is_stopped(one))
    assert sink.visits == []
    eventually(lambda: len(sink.visits) == 1, timeout=3 * LEASE_S)
    sink.release()
    [row] = all_ended(two, 1)
    os.kill(one.process.pid, signal.SIGCONT)
    asking.join(20)
    later = one.client.post("/jobs/held/trigger").json()["id"]
    one.until(f"/executions/{later}", lambda found: found["status"] == "success")
    assert Counter(visit.execution for visit in sink.visits) == {row["id"]: 1, later: 1}


@pytest.mark.timeout(90)
def test_rollbacks_asked_of_two_runners_at_once_are_all_made(pair: Pair, tmp_path: Path, sink: Sink) -> None:
    """Takes some seconds: each one fetches, commits and pushes."""
    one, two = pair.start("one"), pair.start("two")
    checkout = Repository(tmp_path / "checkout")
    checkout.write("jobs/held.yaml", (checkout.root / "jobs/held.yaml").read_text() + "description: another\n")
    head = checkout.commit("Another version")
    pushed = monotonic()
    checkout.push("main")
    for runner in (one, two):
        runner.until("/sync", lambda sync: sync["revision"]["applied"] == head)
    print(f"git push to active on both runners: {monotonic() - pushed:.2f} s")
    answers: list[int] = []

    def roll_back(runner: Runner) -> None:
        for number in range(5):
            reason = {"reason": f"try {number}"}
            answers.append(runner.client.post(f"/jobs/held/rollback/{1 + number % 2}", json=reason).status_code)

    threads = [threading.Thread(target=roll_back, args=[runner]) for runner in (one, two)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(answers) == 10
    assert set(answers) <= {200, 201}
    commits = int(checkout.git("-C", str(tmp_path / "bare.git"), "rev-list", "--count", "main"))
    assert commits == 2 + answers.count(201)
