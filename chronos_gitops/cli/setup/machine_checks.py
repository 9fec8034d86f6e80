"""Findings about this machine: git, the data folder, its disk, descriptors, the clock and the engine."""

import os
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from chronos_gitops.cli.setup.finding import Finding, failed, ok, warning
from chronos_gitops.config.settings import Settings
from chronos_gitops.engine.clock import TOLERANCE, is_ahead
from chronos_gitops.engine.probe import probe
from chronos_gitops.git.errors import INSTALL_GIT, OLDEST_GIT, GitMissing
from chronos_gitops.process import file_descriptors
from chronos_gitops.schedule import durations
from chronos_gitops.state import disk_space

_LOW_DISK: Final = 1 << 30
_VERSION: Final = re.compile(r"git version (\d+)\.(\d+)(\S*)")


def git() -> Iterator[Finding]:
    """The program and its version."""
    program = shutil.which("git")
    if program is None:
        raise GitMissing
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False, timeout=30).stdout
    found = _VERSION.match(said)
    if found is None:
        yield failed("git", f"{program} does not say its version", INSTALL_GIT)
    elif (int(found[1]), int(found[2])) < OLDEST_GIT:
        yield failed("git", f"{said.strip()} is too old", INSTALL_GIT)
    else:
        yield ok("git", f"{said.strip()} ({program})")


def data(settings: Settings) -> Iterator[Finding]:
    """Its rights and room; a folder that does not exist yet is judged by the one that it would be made in."""
    folder = settings.data
    place = next(one for one in (folder, *folder.parents) if one.exists())
    if not place.is_dir():
        yield failed("data", f"{place} is not a folder", "choose another folder with --data")
        return
    if not os.access(place, os.W_OK | os.X_OK):
        yield failed(
            "data", f"{place} cannot be written by this user", f"give it to user {os.getuid()}, or choose --data"
        )
        return
    state = str(folder) if place == folder else f"{folder} (made at the start)"
    yield ok("data", f"{state} can be written")
    if place == folder and folder.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield warning("data", f"other users of this machine may open {folder}", f"chmod -R go-rwx {folder}")
    yield from _room(place)


def _room(place: Path) -> Iterator[Finding]:
    short = disk_space.shortage(place)
    if short:
        yield failed("disk", short, "free some space, or move the data folder with --data")
        return
    free, files = shutil.disk_usage(place).free, os.statvfs(place)
    if files.f_files and files.f_favail < 1000:
        yield failed("disk", f"{files.f_favail} inodes are free on the disk of {place}", "remove files from it")
    elif free < _LOW_DISK:
        yield warning(
            "disk", f"{free >> 20} MiB are free on the disk of {place}", "free some space, or lower retention.days"
        )
    else:
        yield ok("disk", f"{free >> 30} GiB are free")


def descriptors(settings: Settings) -> Iterator[Finding]:
    short = file_descriptors.shortage(settings.max_in_flight)
    if short is None:
        yield ok("limits", f"enough file descriptors for limits.in_flight = {settings.max_in_flight}")
        return
    most, needed = short
    message = f"limits.in_flight = {settings.max_in_flight} needs {needed} file descriptors; the hard limit is {most}"
    yield failed("limits", message, f"raise ulimit -Hn (LimitNOFILE of systemd) to {needed}, or lower limits.in_flight")


def clock(settings: Settings) -> Iterator[Finding]:
    """Files that a runner wrote later than now: the clock was, or is, wrong."""
    now = datetime.now(UTC)
    written = [one.stat().st_mtime for one in (settings.data, *settings.data.glob("*.jsonl")) if one.exists()]
    newest = datetime.fromtimestamp(max(written, default=0.0), UTC)
    if is_ahead(newest, now):
        by = durations.render(timedelta(seconds=round((newest - now).total_seconds())))
        yield failed(
            "clock", f"the data folder was written {by} later than this clock shows", "set the clock; run an NTP client"
        )
        return
    yield ok("clock", f"{now:%Y-%m-%dT%H:%M:%SZ}")


def engine(settings: Settings) -> Iterator[Finding]:
    found = probe(settings)
    yield ok("engine", f"{found.name}{', made at the start' if found.is_new else ''}")
    if found.clock_ahead is not None and abs(found.clock_ahead) > TOLERANCE:
        seconds = round(found.clock_ahead.total_seconds())
        by = durations.render(timedelta(seconds=abs(seconds)))
        word = "behind" if seconds > 0 else "ahead of"
        yield failed("clock", f"this clock is {by} {word} the database's", "set both clocks; run an NTP client")
