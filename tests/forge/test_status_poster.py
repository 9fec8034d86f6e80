"""Commit statuses on their way: the newest one, by one runner, at a bounded rate, for an hour."""

from dataclasses import dataclass, field, replace
from datetime import timedelta

from chronos_gitops.forge.calls import CommitStatus, StatusState
from chronos_gitops.forge.client import ForgeError
from chronos_gitops.forge.status_poster import BACKOFF, KEPT_S, LOOK_EVERY_S, StatusPoster

SEEN = CommitStatus("a" * 40, StatusState.PENDING, "seen", "chronos-gitops")
APPLIED = replace(SEEN, state=StatusState.SUCCESS, description="applied 14:03:22Z on 1 of 1 runner, 1 job")


@dataclass
class World:
    """A forge, a clock and the runner's state, all turned by hand."""

    wanted: CommitStatus | None = SEEN
    is_holder: bool = True
    error: ForgeError | None = None
    now: float = 0.0
    posted: list[CommitStatus] = field(default_factory=list)
    tried: list[float] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.poster = StatusPoster(
            self,
            lambda: self.wanted,
            holds=lambda: self.is_holder,
            hear=self.heard.append,
            elapsed=lambda: self.now,
        )

    def post_status(self, status: CommitStatus) -> None:
        self.tried.append(self.now)
        if self.error is not None:
            raise self.error
        self.posted.append(status)

    def run(self, seconds: float) -> None:
        """As the thread does it, one look after the other."""
        until = self.now + seconds
        while self.now <= until:
            self.poster.look()
            self.now += LOOK_EVERY_S


def test_a_status_is_posted_once_and_again_when_it_changes() -> None:
    world = World()
    world.run(60)
    world.wanted = APPLIED
    world.run(60)
    world.wanted = None
    world.run(60)
    assert world.posted == [SEEN, APPLIED]
    assert world.heard == ["posted", "posted"]


def test_only_the_holder_posts_and_the_next_holder_goes_on() -> None:
    world = World(is_holder=False)
    world.run(60)
    assert world.tried == []
    world.is_holder = True
    world.run(10)
    assert world.posted == [SEEN]


def test_however_fast_it_changes_there_are_at_most_thirty_a_minute() -> None:
    world = World()
    for number in range(300):
        world.wanted = replace(SEEN, commit=f"{number:040x}")
        world.poster.look()
        world.now += LOOK_EVERY_S
    assert len(world.posted) <= 30 * (world.now / 60) + 1


def test_while_the_forge_is_away_the_newest_status_waits() -> None:
    world = World(error=ForgeError("no connection"))
    world.run(120)
    assert world.poster.trouble == "no connection"
    assert 2 <= len(world.tried) <= 8
    world.wanted, world.error = APPLIED, None
    world.run(BACKOFF.upper_bound.total_seconds())
    assert world.posted == [APPLIED]
    assert world.poster.trouble == ""


def test_what_the_forge_asks_for_is_kept_to() -> None:
    world = World(error=ForgeError("429", retry_after=timedelta(minutes=20)))
    world.run(60)
    world.error = None
    world.run(19 * 60 - 10)
    assert world.tried == [0.0]
    world.run(60)
    assert world.posted == [SEEN]


def test_a_status_is_given_up_after_an_hour_and_the_next_one_is_tried() -> None:
    world = World(error=ForgeError("401"))
    world.run(KEPT_S + 2 * BACKOFF.upper_bound.total_seconds())
    tries = len(world.tried)
    assert world.heard[-1] == "dropped"
    assert world.heard.count("dropped") == 1
    assert tries <= 30
    world.run(KEPT_S)
    assert len(world.tried) == tries, "it is not tried again"
    world.wanted, world.error = replace(SEEN, commit="b" * 40), None
    world.run(BACKOFF.upper_bound.total_seconds())
    assert world.posted == [world.wanted]
