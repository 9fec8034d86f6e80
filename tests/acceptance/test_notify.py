"""Notifications of a failing job: a real runner, a failing receiver, a channel; restarts and kill -9 in between."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
import yaml
from harness.processes.subprocess_runner import Runner
from harness.programs.temporal import TemporalServer
from harness.repositories.repository import Repository
from harness.servers import Hostile, drip_body

from chronos_gitops.cli.demo.receiver import Receiver

PATIENCE = 30.0


class World:
    """A repository with one job, its receiver, and a channel that is a receiver, too."""

    def __init__(self, folder: Path, target: Receiver, hook: Receiver) -> None:
        self.folder = folder
        self.target = target
        self.hook = hook
        self.checkout = Repository.init(folder / "checkout")
        self.good = self.commit("/ok", "A backup")
        self.settings = folder / "chronos.toml"
        self.channel("ops", hook.url("/ok"), threshold=2)

    def channel(self, name: str, url: str, **fields: Any) -> None:
        rows = {"name": name, "type": "webhook", "url": url, **fields}
        lines = [f"{key} = {json.dumps(value)}" for key, value in rows.items()]
        self.settings.write_text("\n".join(["[[notify]]", *lines]) + "\n")

    def commit(self, path: str, message: str, name: str = "daily-backup", **fields: Any) -> str:
        document = {
            "name": name,
            "schedule": "@yearly",
            "enabled": True,
            "webhook": {"url": self.target.url(path)},
            "retry_policy": {"max_attempts": 1},
            **fields,
        }
        self.checkout.write(f"jobs/{name}.yaml", yaml.safe_dump(document))
        return self.checkout.commit(message)

    def start(
        self, failpoint: str = "", *flags: str, place: str = "data", engine: str = "", is_told: bool = True
    ) -> Runner:
        environ = {"CHRONOS_CONFIG": str(self.settings) if is_told else "", "CHRONOS_FAILPOINT": failpoint}
        environ |= {"CHRONOS_ENGINE": engine} if engine else {}
        return Runner(str(self.checkout.root), "--follow", "branch", *flags, data=self.folder / place, environ=environ)

    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(request.body) for request in self.hook.requests]

    def told(self, count: int) -> list[dict[str, Any]]:
        assert self.hook.wait_for(count, PATIENCE), self.messages()
        return self.messages()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with Receiver() as target, Receiver() as hook:
        yield World(tmp_path, target, hook)


def run_once(runner: Runner, job: str = "daily-backup") -> dict[str, Any]:
    made = runner.client.post(f"/jobs/{job}/trigger")
    assert made.status_code == 202, made.text
    return dict(
        runner.until(f"/executions/{made.json()['id']}", lambda row: row["status"] not in ("pending", "running"))
    )


def follows(runner: Runner, commit: str) -> None:
    runner.until("/sync", lambda sync: sync["revision"]["applied"] == commit)


def types(messages: list[dict[str, Any]]) -> list[str]:
    return [message["type"] for message in messages]


def test_an_incident_is_told_once_over_a_restart_and_names_the_commit_that_began_it(world: World) -> None:
    with world.start() as runner:
        assert run_once(runner)["status"] == "success"
        bad = world.commit("/status/503", "Move the backup")
        follows(runner, bad)
        run_once(runner)
        second = run_once(runner)
        [message] = world.told(1)
    assert message["type"] == "job.failing"
    data = message["data"]
    assert (data["job"], data["failures"]) == ("daily-backup", 2)
    assert data["execution"]["id"] == second["id"]
    assert (data["execution"]["status_code"], data["last_success"]["version"]) == (503, 1)
    [change] = data["changes"]
    assert (change["commit"], change["version"], change["subject"]) == (bad, 2, "Move the backup")
    assert change["author"] == {"name": "Test Author", "email": "author@example.com"}
    assert f"1 commit changed the job since then: {bad[:8]} by Test Author" in data["text"]
    with world.start() as runner:
        run_once(runner)
        good = world.commit("/ok", "Back again")
        follows(runner, good)
        assert run_once(runner)["status"] == "success"
        assert types(world.told(2)) == ["job.failing", "job.recovered"], "and nothing between them"
        assert run_once(runner)["status"] == "success"
        events = runner.get("/events?type=notification_sent")["items"]
        checks = runner.client.get(f"{runner.address}/health").json()["checks"]
        numbers = runner.client.get(f"{runner.address}/metrics").text
    assert [event["message"] for event in events] == ["ops: daily-backup works again", "ops: daily-backup is failing"]
    assert checks["notifications"]["status"] == "pass"
    assert checks["notifications"]["detail"].startswith("ops took a message at 20")
    assert 'chronos_notifications_total{channel="ops",result="sent"} 1.0' in numbers
    assert len(world.messages()) == 2


@pytest.mark.parametrize("failpoint", ["before-notice", "after-notice"])
def test_a_kill_loses_no_message(world: World, failpoint: str) -> None:
    world.channel("ops", world.hook.url("/ok"))
    world.commit("/status/503", "Move the backup")
    with world.start(f"{failpoint}:kill") as runner:
        runner.client.post("/jobs/daily-backup/trigger")
        assert runner.wait() == -9
    sent = [request.header("webhook-id") for request in world.hook.requests]
    assert len(sent) == (1 if failpoint == "after-notice" else 0)
    with world.start() as runner:
        assert types(world.told(len(sent) + 1))[-1] == "job.failing"
        assert len({request.header("webhook-id") for request in world.hook.requests}) == 1
        world.commit("/ok", "Back again")
        follows(runner, world.checkout.head())
        assert run_once(runner)["status"] == "success"
        assert types(world.told(len(sent) + 2))[-1] == "job.recovered"


def test_a_channel_that_drips_delays_no_job_and_no_other_channel(world: World) -> None:
    world.commit("/status/503", "Move the backup")
    world.commit("/ok", "One that works", name="other")
    with Hostile(drip_body) as slow:
        channels = (("slow", slow.url()), ("ops", world.hook.url("/ok")))
        tables = [f'[[notify]]\nname = "{name}"\ntype = "webhook"\nurl = "{url}"\n' for name, url in channels]
        world.settings.write_text("\n".join(tables))
        with world.start() as runner:
            run_once(runner)
            world.told(1)
            assert slow.wait_for(lambda server: len(server.heads) == 1, PATIENCE)
            began = monotonic()
            for _ in range(10):
                assert run_once(runner, "other")["status"] == "success"
            assert monotonic() - began < 10, "ten runs beside a message that takes thirty seconds"
            began = monotonic()
            assert runner.stop() == 0
            assert monotonic() - began < 12


@pytest.mark.parametrize(("on_invalid", "topic"), [("quarantine", "files"), ("reject", "commit")])
def test_a_commit_with_an_invalid_file_is_told_with_its_author_and_once_over_a_restart(
    world: World, on_invalid: str, topic: str
) -> None:
    world.channel("ops", world.hook.url("/ok"))
    with world.start("", "--on-invalid", on_invalid) as runner:
        world.checkout.write("jobs/daily-backup.yaml", "name: daily-backup\nschedule: never\n")
        bad = world.checkout.commit("A slip")
        runner.until("/sync", lambda sync: sync["revision"]["attempted"] == bad)
        [message] = world.told(1)
    assert (message["type"], message["data"]["topic"]) == ("sync.failing", topic)
    assert message["data"]["reason"] == "ValidationFailed"
    [commit] = message["data"]["commits"]
    assert (commit["commit"], commit["subject"]) == (bad, "A slip")
    assert commit["author"] == {"name": "Test Author", "email": "author@example.com"}
    assert "jobs/daily-backup.yaml:" in message["data"]["text"]
    with world.start("", "--on-invalid", on_invalid) as runner:
        world.commit("/ok", "Mended")
        follows(runner, world.checkout.head())
        assert types(world.told(2)) == ["sync.failing", "sync.recovered"]


def test_a_heartbeat_is_sent_while_the_scheduler_lives_and_an_address_that_is_away_is_no_trouble(
    world: World, tmp_path: Path
) -> None:
    url = tmp_path / "heartbeat-url"
    url.write_text(world.hook.url("/ping/secret-part") + "\n")
    world.settings.write_text(f'[heartbeat]\nurl_file = "{url}"\ninterval = "1s"\n')
    with world.start() as runner:
        assert world.hook.wait_for(2, PATIENCE)
        assert {(request.method, request.path) for request in world.hook.requests} == {("GET", "/ping/secret-part")}
        world.hook.stop()
        heard = threading.Event()
        while not any("heartbeat_not_heard" in line for line in list(runner.lines)):
            heard.wait(0.05)
        assert run_once(runner)["status"] == "success"
        assert runner.stop() == 0
        assert "secret-part" not in "".join(runner.lines)


@pytest.mark.full
def test_a_channel_that_comes_back_gets_what_it_missed_and_nothing_of_it_was_shown(world: World) -> None:
    """Ten seconds: a message that was not accepted is tried again after that time."""
    with Receiver() as gone:
        port = gone.port
    world.channel("ops", f"http://127.0.0.1:{port}/services/canary-in-the-path", secret="whsec_Y2FuYXJ5LXNpZ25pbmc=")
    world.commit("/status/503", "Move the backup")
    with world.start() as runner:
        run_once(runner)
        runner.until("/events?type=notification_failed", lambda events: len(events["items"]) == 1)
        health = runner.client.get(f"{runner.address}/health").json()
        assert health["checks"]["notifications"]["status"] == "warn"
        assert runner.client.get(f"{runner.address}/readyz").status_code == 200, "it is no reason to be unready"
        with Receiver(port=port) as hook:
            assert hook.wait_for(1, PATIENCE)
            runner.until("/events?type=notification_sent", lambda events: len(events["items"]) == 1)
        places = ("/health", "/metrics", "/readyz?verbose", "/status", "/changes", "/api/v1/events")
        shown = "".join(runner.client.get(runner.address + place).text for place in places)
        assert runner.stop() == 0
    assert "127.0.0.1" in shown
    assert "canary" not in shown + "".join(runner.lines)
    assert "Y2FuYXJ5" not in shown + "".join(runner.lines)
    assert not [
        path for path in (world.folder / "data").rglob("*") if path.is_file() and b"canary" in path.read_bytes()
    ]


def test_two_runners_on_one_database_tell_each_incident_once(world: World, postgres_url: str) -> None:
    world.channel("ops", world.hook.url("/ok"))
    one, two = (world.start(place=place, engine=postgres_url) for place in ("one", "two"))
    with one, two:
        bad = world.commit("/status/503", "Move the backup")
        for runner in (one, two):
            follows(runner, bad)
        for runner in (one, two, one, two):
            run_once(runner)
        assert types(world.told(1)) == ["job.failing"]
        one.kill()  # it may have been in the middle of it, and then the other sends it again
        told = len(world.messages())
        good = world.commit("/ok", "Back again")
        follows(two, good)
        assert run_once(two)["status"] == "success"
        said = world.told(told + 1)
        if said[-1]["type"] == "job.failing":
            said = world.told(told + 2)
        assert types(said)[-1] == "job.recovered", "by the one that has not opened it"
        assert len({request.header("webhook-id") for request in world.hook.requests}) == 2
        with world.start(place="one", engine=postgres_url) as again:
            assert run_once(again)["status"] == "success"
            run_once(two)
        assert len(world.messages()) == len(said)


@pytest.mark.full
@pytest.mark.timeout(300)
def test_on_temporal_one_runner_tells_what_failed_on_any(world: World, tmp_path: Path) -> None:
    """Half a minute: a server of its own, and a question each fifteen seconds."""
    world.channel("ops", world.hook.url("/ok"))
    world.commit("/status/503", "Move the backup")
    with TemporalServer(tmp_path) as server:
        engine = server.url(server.namespace())
        with (
            world.start(place="teller", engine=engine) as teller,
            world.start(place="other", engine=engine, is_told=False) as other,
        ):
            for _ in range(6):
                run_once(other)
            assert types(world.told(1)) == ["job.failing"]
            follows(other, world.commit("/ok", "Back again"))
            follows(teller, world.checkout.head())
            assert run_once(other)["status"] == "success"
            assert types(world.told(2)) == ["job.failing", "job.recovered"]
        with world.start(place="teller", engine=engine) as teller:
            run_once(teller)
        assert len(world.messages()) == 2


@pytest.mark.full
@pytest.mark.timeout(300)
def test_on_temporal_each_broken_expectation_is_told_once_by_the_runner_with_channels(
    world: World, tmp_path: Path
) -> None:
    """Half a minute. The executions are those of a runner without channels, so they come from visibility."""
    world.channel("ops", world.hook.url("/ok"))
    world.commit("/ok", "A job that does not run", name="forgotten", expect={"success_every": "3s"})
    world.commit("/hold/slow", "A slow backup", expect={"max_duration": "1s"})
    with TemporalServer(tmp_path) as server:
        engine = server.url(server.namespace())
        with world.start(place="other", engine=engine, is_told=False) as other:
            with world.start(place="teller", engine=engine) as teller:
                follows(other, world.checkout.head())
                made = other.client.post("/jobs/daily-backup/trigger").json()
                messages = world.told(2)
                assert types(messages) == ["expectation.failing"] * 2
                broken = {message["data"]["job"]: message["data"]["expectation"] for message in messages}
                assert broken["forgotten"]["kind"] == "success_every"
                assert (broken["daily-backup"]["kind"], broken["daily-backup"]["limit"]) == ("max_duration", "1s")
                titles = {message["data"]["title"] for message in messages}
                assert titles == {"forgotten has had no success for 3s", "daily-backup runs longer than 1s"}
                listed = teller.get("/jobs?expectation=broken")["items"]
                assert [job["name"] for job in listed] == ["daily-backup", "forgotten"]
                teller.until("/events?type=notification_sent", lambda events: len(events["items"]) == 2)
                teller.kill()
            world.target.release("slow")
            other.until(f"/executions/{made['id']}", lambda row: row["status"] == "success")
            with world.start(place="teller", engine=engine) as teller:
                teller.until("/jobs?expectation=broken", lambda found: len(found["items"]) == 2)
                follows(other, world.commit("/ok", "A fast one", expect={"max_duration": "1s"}))
                follows(teller, world.checkout.head())
                assert run_once(other)["status"] == "success"
                last = world.told(3)[-1]
                assert (last["type"], last["data"]["job"]) == ("expectation.recovered", "daily-backup")
                teller.until("/jobs?expectation=broken", lambda found: len(found["items"]) == 1)
        assert len(world.messages()) == 3
