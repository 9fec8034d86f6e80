"""Messages that wait, are sent once, are tried again, are given up; a channel that is away costs nothing but itself."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from harness.engine_harness import eventually
from harness.servers import Hostile, answer, answering

from chronos_gitops.cli.demo.receiver import Receiver
from chronos_gitops.config.channels import Channel, SecretValue, WebhookChannel
from chronos_gitops.engine.sql.store.sqlite import SqliteStore
from chronos_gitops.notifications.delivery_worker import (
    BACKOFF,
    DeliveryReport,
    DeliveryResult,
    DeliveryWorker,
    standing,
)
from chronos_gitops.notifications.incidents import Watch
from chronos_gitops.notifications.message import Notification
from chronos_gitops.notifications.notifier import event_of
from chronos_gitops.notifications.outbox import KEPT, NotificationOutbox
from chronos_gitops.notifications.transports.http import NotificationSender

NOON = datetime.fromisoformat("2026-03-01T12:00:00+00:00")
HOLD = timedelta(minutes=2)
New = Callable[..., NotificationSender]


class World:
    """A desk and one channel, by a clock that is turned by hand."""

    def __init__(self, folder: Path, outlet: NotificationSender, url: str) -> None:
        self.now = NOON
        self.folder = folder
        self.outlet = outlet
        self.reports: list[DeliveryReport] = []
        self.channel = Channel("ops", WebhookChannel(SecretValue(url)))
        self.start()

    def start(self) -> None:
        """As a runner does that was killed before."""
        self.store = SqliteStore(self.folder / "ledger.db")
        self.desk = NotificationOutbox(self.store)
        self.sender = DeliveryWorker(self.channel, self.outlet, now=lambda: self.now, hear=self.reports.append)

    def put(self, letter: Notification, subject: str = "job:a", name: str = "ops") -> None:
        known = self.desk.known((name, subject))
        self.desk.write((name, subject), known, Watch(), [letter], at=self.now)
        self.now += timedelta(seconds=1)

    def go(self) -> list[DeliveryResult]:
        before = len(self.reports)
        while self.sender.send_next(self.desk):
            pass
        return [report.result for report in self.reports[before:]]


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def new_world(data_folder: Path, new_outlet: New) -> Iterator[Callable[[str], World]]:
    made: list[World] = []

    def make(url: str) -> World:
        made.append(World(data_folder, new_outlet(), url))
        return made[0]

    yield make
    for world in made:
        world.store.close()


def ids(receiver: Receiver) -> list[str | None]:
    return [request.header("webhook-id") for request in receiver.requests]


def test_what_waits_is_sent_once_and_forgotten(
    new_world: Callable[[str], World], hook: Receiver, letter: Notification
) -> None:
    world = new_world(hook.url("/ok"))
    world.put(letter)
    assert world.go() == [DeliveryResult.SENT]
    assert world.go() == []
    assert ids(hook) == [letter.id]
    assert world.desk.waiting("ops") == 0


def test_the_same_message_is_put_once(new_world: Callable[[str], World], hook: Receiver, letter: Notification) -> None:
    world = new_world(hook.url("/ok"))
    world.put(letter)
    world.put(letter)
    assert world.go() == [DeliveryResult.SENT]


def test_a_runner_that_dies_while_it_sends_has_its_message_sent_again_under_the_same_id(
    new_world: Callable[[str], World], hook: Receiver, letter: Notification
) -> None:
    world = new_world(hook.url("/ok"))
    world.put(letter)
    assert world.desk.take("ops", world.now, hold=HOLD) is not None
    world.outlet.send(world.channel, letter)  # and then it dies
    world.store.close()
    world.start()
    assert world.go() == [DeliveryResult.SENT]
    assert ids(hook) == [letter.id, letter.id]


def test_a_message_that_is_being_sent_is_nobody_elses_until_that_must_have_ended(
    new_world: Callable[[str], World], hook: Receiver, letter: Notification
) -> None:
    world = new_world(hook.url("/ok"))
    world.put(letter)
    assert world.desk.take("ops", world.now, hold=HOLD) is not None
    assert world.go() == []
    world.now += HOLD
    assert world.go() == [DeliveryResult.SENT]


def test_a_channel_that_was_away_gets_everything_in_order(
    new_world: Callable[[str], World], letter: Notification, hook: Receiver
) -> None:
    with Receiver() as gone:
        port = gone.port
    world = new_world(f"http://127.0.0.1:{port}/ok")
    world.put(letter)
    world.put(replace(letter, id="recovered", type="job.recovered"))
    assert world.go() == [DeliveryResult.FAILED]
    assert world.go() == [], "it rests"
    trouble = f"no connection to 127.0.0.1:{port} (Connection refused)"
    assert standing(world.sender) == f"ops no message yet, and does not now: {trouble}"
    world.store.close()
    world.start()
    assert world.go() == [], "also over a restart"
    with Receiver(port=port) as back:
        world.now += BACKOFF.first * 1.2
        assert world.go() == [DeliveryResult.SENT, DeliveryResult.SENT]
        assert ids(back) == [letter.id, "recovered"]
    assert standing(world.sender) == "ops took a message at 2026-03-01 12:00:14 UTC"


def test_nobody_hears_of_a_recovery_before_the_failure(new_world: Callable[[str], World], letter: Notification) -> None:
    with Hostile(answering(answer("500 Internal Server Error"))) as server:
        world = new_world(server.url())
        world.put(letter)
        world.put(replace(letter, id="recovered"))
        world.put(replace(letter, id="of-b"), "job:b")
        for _ in range(20):
            world.go()
            world.now += timedelta(minutes=1)
        sent = [head.partition(b"webhook-id: ")[2].partition(b"\r\n")[0].decode() for head in server.heads]
    assert "recovered" not in sent
    assert {letter.id, "of-b"} == set(sent), "one subject does not wait for another"


def test_who_asks_for_patience_gets_it_up_to_ten_minutes(
    new_world: Callable[[str], World], letter: Notification
) -> None:
    with Hostile(answering(answer("429 Too Many Requests", b"", "Retry-After: 99999"))) as server:
        world = new_world(server.url())
        world.put(letter)
        assert world.go() == [DeliveryResult.FAILED]
        world.now += BACKOFF.longest - timedelta(seconds=1)
        assert world.go() == []
        world.now += timedelta(seconds=1)
        assert world.go() == [DeliveryResult.FAILED]


def test_after_three_days_a_message_is_given_up_with_what_follows_from_it(
    new_world: Callable[[str], World], letter: Notification
) -> None:
    with Hostile(answering(answer("400 Bad Request"))) as server:
        world = new_world(server.url())
        world.put(letter)
        world.put(replace(letter, id="recovered"))
        assert world.go() == [DeliveryResult.FAILED]
        world.now += KEPT
        assert world.go() == [DeliveryResult.DROPPED]
        assert world.desk.waiting("ops") == 0
        assert len(server.heads) == 2
    events = [event_of(report, NOON) for report in world.reports]
    assert [event and (event.type, event.message) for event in events] == [
        ("notification_failed", "ops: daily-backup is failing (tried again: it answered 400 Bad Request)"),
        ("notification_failed", "ops: daily-backup is failing (given up: it answered 400 Bad Request)"),
    ]


def test_a_message_that_fails_again_is_no_new_event(new_world: Callable[[str], World], letter: Notification) -> None:
    with Hostile(answering(answer("400 Bad Request"))) as server:
        world = new_world(server.url())
        world.put(letter)
        for _ in range(3):
            world.go()
            world.now += BACKOFF.upper_bound
    events = [event_of(report, NOON) for report in world.reports]
    assert len(events) == 3
    assert events[1:] == [None, None]
    assert events[0] is not None
    assert events[0].job == "a"


def test_messages_of_a_channel_that_nobody_serves_are_forgotten(
    new_world: Callable[[str], World], hook: Receiver, letter: Notification
) -> None:
    world = new_world(hook.url("/ok"))
    world.put(letter, name="of-yesterday")
    world.desk.forget(world.now + KEPT - timedelta(minutes=1))
    assert world.desk.waiting("of-yesterday") == 1
    world.desk.forget(world.now + KEPT)
    assert world.desk.waiting("of-yesterday") == 0


def test_a_clock_that_was_ahead_holds_nothing_back(
    new_world: Callable[[str], World], hook: Receiver, letter: Notification
) -> None:
    world = new_world(hook.url("/ok"))
    world.now += timedelta(days=30)
    world.put(letter)
    world.desk.take("ops", world.now, hold=timedelta(minutes=2))
    world.now -= timedelta(days=30)
    assert world.go() == [DeliveryResult.SENT]


def test_its_thread_sends_what_comes_and_ends_at_once(
    new_world: Callable[[str], World], hook: Receiver, letter: Notification
) -> None:
    world = new_world(hook.url("/ok"))
    world.sender.start(world.desk)
    world.put(letter)
    world.sender.wake()
    assert hook.wait_for(1, 10)
    eventually(lambda: world.reports)
    world.sender.stop()
    world.sender.join(10)
    world.put(replace(letter, id="later"))
    assert len(hook.requests) == 1


def test_a_desk_that_is_gone_does_not_hold_its_thread(
    new_world: Callable[[str], World], hook: Receiver, letter: Notification, caplog: pytest.LogCaptureFixture
) -> None:
    world = new_world(hook.url("/ok"))
    world.put(letter)
    world.store.close()
    world.sender.start(world.desk)
    eventually(lambda: "notification_not_read" in caplog.text)
    world.sender.stop()
    world.sender.join(10)
