"""The laws of an incident: whatever happens, in whatever order it is looked at, over any number of restarts."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chronos_gitops.engine.model import Execution, Status, Trigger
from chronos_gitops.notifications import incidents
from chronos_gitops.notifications.incidents import (
    ChangeKind,
    IncidentChange,
    IncidentRule,
    IncidentUpdate,
    Watch,
    fold,
    judge,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAY = timedelta(hours=24)
LONG_AGO = NOON - timedelta(days=3650)


def ended(number: int, status: Status, at: datetime) -> Execution:
    return Execution(f"{number:08d}", "a", at, Trigger.SCHEDULE, status, completed_at=at)


@dataclass
class World:
    """One job on one channel, by a clock that is turned by hand."""

    threshold: int = 1
    reminder: timedelta | None = DAY
    now: datetime = NOON
    since: datetime = LONG_AGO
    watch: Watch = field(default_factory=Watch)
    outcomes: list[Execution] = field(default_factory=list)
    told: list[tuple[datetime, IncidentChange]] = field(default_factory=list)

    def end(self, status: Status, after: timedelta = MINUTE) -> None:
        self.now += after
        self.outcomes.append(ended(len(self.outcomes), status, self.now))

    def look(self) -> list[ChangeKind]:
        rule = IncidentRule(self.threshold, self.reminder)
        return self._take(fold(self.watch, self.outcomes, place="ops", rule=rule, now=self.now, since=self.since))

    def judge(self, *faults: str) -> list[ChangeKind]:
        return self._take(judge(self.watch, faults, place="ops", rule=IncidentRule(1, self.reminder), now=self.now))

    def _take(self, folded: IncidentUpdate) -> list[ChangeKind]:
        self.watch = Watch.read(folded.watch.document())  # as if the runner had been killed and started again
        self.told += [(self.now, message) for message in folded.messages]
        return [message.news for message in folded.messages]

    def run(self, word: str) -> list[ChangeKind]:
        """``F`` failed, ``S`` succeeded, ``.`` a look, ``x`` nobody waits for the job any more."""
        before = len(self.told)
        for letter in word:
            if letter == ".":
                self.look()
            elif letter == "x":
                self.watch = incidents.closed(self.now)
            else:
                self.end(Status.FAILED if letter == "F" else Status.SUCCESS)
        return [message.news for _, message in self.told[before:]]


FAILING, STILL, RECOVERED = ChangeKind.FAILING, ChangeKind.STILL_FAILING, ChangeKind.RECOVERED


@pytest.mark.parametrize(
    ("threshold", "story", "told"),
    [
        (1, "S.F.", [FAILING]),
        (1, "F.F.F.", [FAILING]),
        (1, "F.S.", [FAILING, RECOVERED]),
        (1, "F.S.S.S.", [FAILING, RECOVERED]),
        (2, "F.S.F.S.", []),
        (2, "F.F.", [FAILING]),
        (2, "FF.FS.", [FAILING, RECOVERED]),
        (3, "FFSFF.", []),
        (3, "FFSFFF.", [FAILING]),
        (1, "FSF.", [FAILING, RECOVERED, FAILING]),
        (1, "F.FSFSF.", [FAILING, RECOVERED, FAILING, RECOVERED, FAILING]),
        (1, "F.x.", [FAILING]),
        (1, "F.x.S.", [FAILING]),
        (1, "F.x.F.", [FAILING, FAILING]),
        (2, "FF.x.F.", [FAILING]),
        (2, "FF.x.F.F.", [FAILING, FAILING]),
    ],
)
def test_a_story_and_what_is_told_of_it(threshold: int, story: str, told: list[ChangeKind]) -> None:
    assert World(threshold).run(story) == told


def test_the_threshold_and_the_count_are_of_failures_in_a_row() -> None:
    world = World(threshold=3)
    world.run("SFFFFF.")
    [(_, message)] = world.told
    assert (message.incident.count, message.incident.first) == (5, "00000001")
    assert message.incident.since == NOON + 2 * MINUTE
    world.run("FF.S.")
    assert world.told[-1][1].incident.count == 7


def test_what_was_over_before_the_channel_was_there_is_history() -> None:
    world = World()
    world.since = NOON + 10 * MINUTE
    assert world.run("FSFS.") == []
    assert world.run("F.") == [FAILING]


def test_what_lasts_when_a_channel_comes_is_told() -> None:
    world = World()
    world.since = NOON + 10 * MINUTE
    assert world.run("SFF.") == [FAILING]


def test_what_is_over_for_more_than_a_day_is_history() -> None:
    world = World()
    world.run("FS")
    world.now += 2 * DAY
    assert world.run(".") == []


def test_a_reminder_comes_each_day_and_none_where_it_is_off() -> None:
    world, quiet = World(), World(reminder=None)
    for one in (world, quiet):
        one.run("F.")
        for _ in range(72):
            one.now += timedelta(hours=1)
            one.look()
    assert [message.news for _, message in world.told] == [FAILING, STILL, STILL, STILL]
    assert [message.news for _, message in quiet.told] == [FAILING]


def test_a_clock_that_steps_back_tells_nothing_twice() -> None:
    world = World()
    world.run("F.")
    world.now -= timedelta(days=3)
    assert world.run(".F.") == []


@settings(max_examples=200, deadline=None)
@given(
    threshold=st.integers(1, 4),
    steps=st.lists(
        st.tuples(st.sampled_from("FFFSx"), st.booleans(), st.integers(1, 40)),
        max_size=60,
    ),
)
def test_the_laws_hold_for_any_story(threshold: int, steps: list[tuple[str, bool, int]]) -> None:
    world = World(threshold)
    for letter, is_looked_at, hours in steps:
        if letter == "x":
            world.watch = incidents.closed(world.now)
            world.told.append((world.now, None))  # type: ignore[arg-type]  # the mark of a quiet end
        else:
            world.end(Status.FAILED if letter == "F" else Status.SUCCESS, timedelta(hours=hours))
        if is_looked_at:
            world.look()
    lasting: IncidentChange | None = None
    told_at = LONG_AGO
    seen: set[str] = set()
    for at, message in world.told:
        if message is None:
            lasting = None
            continue
        assert message.id not in seen, "an id is used once"
        seen.add(message.id)
        if message.news is FAILING:
            assert lasting is None, "never two beginnings without an end between them"
            assert message.incident.count >= threshold
            lasting = message
        else:
            assert lasting is not None, "an end, or a reminder, only of what was told"
            assert message.incident.id == lasting.incident.id
            assert message.news is RECOVERED or at - told_at >= DAY, "a reminder each 24 hours at most"
            lasting = None if message.news is RECOVERED else lasting
        told_at = at


@settings(max_examples=100, deadline=None)
@given(
    threshold=st.integers(1, 4),
    story=st.text("FS", max_size=40),
    looks=st.lists(st.integers(1, 7), min_size=4, max_size=10),
)
def test_how_often_somebody_looks_changes_nothing(threshold: int, story: str, looks: list[int]) -> None:
    often, seldom = World(threshold, None), World(threshold, None)
    often.run("".join(f"{letter}." for letter in story) + ".")
    rest = story
    for size in looks * 10:
        seldom.run(rest[:size] + ".")
        rest = rest[size:]
    assert [(m.id, m.news) for _, m in often.told] == [(m.id, m.news) for _, m in seldom.told]


def test_faults_are_told_once_each_and_their_end_once() -> None:
    world = World()
    assert world.judge() == []
    assert world.judge("a", "b") == [FAILING]
    assert world.told[-1][1].faults == ("a", "b")
    assert world.judge("b") == []
    assert world.judge("b", "c") == [FAILING]
    assert world.told[-1][1].faults == ("c",)
    world.now += DAY
    assert world.judge("c") == [STILL]
    assert world.judge() == [RECOVERED]
    assert world.judge() == []
    assert len({message.incident.id for _, message in world.told}) == 1
    world.now += MINUTE
    assert world.judge("a") == [FAILING]
    assert len({message.incident.id for _, message in world.told}) == 2
