"""Faults of a runner, its disk, its clock and its git server: every engine suffers them."""

import shutil
import signal
import threading
from collections.abc import Mapping
from pathlib import Path
from random import Random

from faults.evidence import Window, WrongClock
from faults.world import Fault, World, now_ms

_RED_S = 15.0
_LATE_MS = 10_000
"""A busy machine begins with an empty ledger so late."""
_HOUR_S = 3600
_YEAR_S = 365 * 24 * _HOUR_S


def kill(world: World, random: Random) -> None:
    world.runners[_one(world, random)].signal(signal.SIGKILL)


def drain(world: World, random: Random) -> None:
    """SIGTERM while it works: it exits 0. After one by its supervisor it would be the second one, which ends it at
    once."""
    number = _one(world, random)
    runner = world.runners[number]
    world.wait(lambda: not runner.is_ending and runner.status("/livez") == 200, 60)
    before = runner.ends["exit 0"]
    runner.signal(signal.SIGTERM)
    code = runner.wait_for_end(40)
    if code != 0 and runner.ends["exit 0"] == before:
        world.accuse("SIGTERM exits 0", f"runner {number} ended with {code}")


def freeze(world: World, random: Random) -> None:
    runner = world.runners[_one(world, random)]
    runner.signal(signal.SIGSTOP)
    pause(random.uniform(1.0, 9.0))
    runner.signal(signal.SIGCONT)


def clock_ahead(world: World, random: Random) -> None:
    """The wall clock of one runner is wrong for seconds, by an hour to a year."""
    number = _one(world, random)
    ahead = random.choice((_HOUR_S, 8 * _HOUR_S, random.randrange(_HOUR_S, 30 * 24 * _HOUR_S), _YEAR_S))
    since = now_ms()
    world.clocks[number].step_to(ahead)
    pause(random.uniform(2.0, 6.0))
    world.clocks[number].step_to(0)
    world.wrong_clocks.append(WrongClock(since, now_ms(), ahead * 1000))


def full_disk(world: World, random: Random) -> None:
    disk = world.disks[_one(world, random)]
    disk.fill()
    pause(random.uniform(3.0, 12.0))
    disk.empty()


def killed_on_a_full_disk(world: World, random: Random) -> None:
    """It starts again while the disk is full, and waits for room."""
    number = _one(world, random)
    world.disks[number].fill()
    pause(random.uniform(0.5, 3.0))
    world.runners[number].signal(signal.SIGKILL)
    before = sum(world.runners[number].ends.values())
    pause(random.uniform(4.0, 8.0))
    if sum(world.runners[number].ends.values()) > before + 1:
        world.accuse("a start waits for room", f"runner {number} ended: {dict(world.runners[number].ends)}")
    world.disks[number].empty()


def data_folder_moved(world: World, random: Random) -> None:
    """Moved away under the runner, and back after that has seen it."""
    number = _one(world, random)
    with Lost(world, number) as lost:
        lost.runner.signal(signal.SIGKILL)
        lost.runner.wait_for_end(10)
        lost.put_back()


def data_folder_emptied(world: World, random: Random) -> None:
    """An empty one is in its place, and a second runner begins there while the first still lives."""
    number, since = _one(world, random), world.claimed_until()
    with Lost(world, number) as lost:
        (world.data(number)).mkdir()
        lost.replace_runner(archive=True)
        world.expect_recovery(90)
    world.lost_ledgers.append(Window(since, now_ms() + _LATE_MS))


def data_folder_copied(world: World, random: Random) -> None:
    """A copy is in its place, and a second runner begins there while the first still lives."""
    with Lost(world, _one(world, random)) as lost:
        shutil.copytree(lost.away, lost.path)
        lost.replace_runner(archive=True)


class Lost:
    """A data folder that was moved away; its runner must see it and send nothing more, and is not started again."""

    def __init__(self, world: World, number: int) -> None:
        self._world, self._number = world, number
        self.runner = world.runners[number]
        self.path = world.data(number)
        self.away = self.path.with_name(f"away-{now_ms()}")

    def __enter__(self) -> "Lost":
        self._world.wait(lambda: self.runner.status("/livez") == 200, 30)
        self.runner.hold()
        self.path.rename(self.away)
        if not self._world.wait(lambda: self.runner.status("/livez") == 503, _RED_S):
            self._world.accuse("a lost data folder is red", f"runner {self._number} after {_RED_S:.0f} s")
        return self

    def __exit__(self, *_: object) -> None:
        self._world.runners[self._number].release()

    def put_back(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        self.away.rename(self.path)

    def replace_runner(self, *, archive: bool) -> None:
        """Another one on what is there now; the first is killed only once the second works."""
        if archive:
            self._world.engine.archive(self._world, self.away)
        second = self._world.another(self._number)
        self._world.runners[self._number] = second
        self._world.wait(lambda: second.status("/readyz") == 200, 60)
        self.runner.signal(signal.SIGKILL)
        self.runner.close()


def git_server_fails(world: World, random: Random) -> None:
    """502, 429 with Retry-After or 503, while a commit is pushed."""
    world.git_server.fields = {"Retry-After": "2"}
    world.git_server.answer = (random.choice((429, 502, 503)), "")
    world.push()
    for runner in world.runners:
        runner.request_sync()
    pause(random.uniform(2.0, 6.0))
    world.git_server.answer, world.git_server.fields = None, {}
    world.expect_applied()


def mirror_damaged(world: World, random: Random) -> None:
    """A file of objects is emptied, overwritten or removed."""
    files = sorted(
        path for mirror in world.data(_one(world, random)).glob("mirror-*.git") for path in mirror.glob("objects/*/*")
    )
    damaged = [path for path in files if path.suffix in ("", ".pack", ".idx") and path.is_file()]
    if damaged:
        random.choice((_emptied, _overwritten, _removed))(random.choice(damaged))
    world.push()
    world.expect_applied()


def _emptied(path: Path) -> None:
    path.chmod(0o600)
    path.write_bytes(b"")


def _overwritten(path: Path) -> None:
    path.chmod(0o600)
    path.write_bytes(b"\xa5" * path.stat().st_size)


def _removed(path: Path) -> None:
    path.unlink()


def pause(seconds: float) -> None:
    threading.Event().wait(seconds)


def _one(world: World, random: Random) -> int:
    return random.randrange(len(world.runners))


COMMON: Mapping[str, Fault] = {
    fault.__name__.replace("_", " "): fault
    for fault in (
        kill,
        drain,
        freeze,
        clock_ahead,
        full_disk,
        killed_on_a_full_disk,
        data_folder_moved,
        data_folder_emptied,
        data_folder_copied,
        git_server_fails,
        mirror_damaged,
    )
}
