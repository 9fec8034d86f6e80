"""The throw-away repository: ``jobs.example`` committed team by team, then turned towards the local receiver."""

import re
import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

from chronos_gitops.cli.checkout.environment_plans import plan_change
from chronos_gitops.cli.checkout.plan_sides import compare
from chronos_gitops.git.client import Git
from chronos_gitops.git.discovery import RepositoryPaths
from chronos_gitops.jobs.schemas.resources import shipped
from chronos_gitops.plans import layers
from chronos_gitops.process.lazy_dataclass import dataclass

ROLLUP, PROBE, INVOICES, RATES = "hourly-metrics-rollup", "uptime-probe", "invoice-run", "exchange-rates"
BACKUP, CLEANUP, REPORT = "daily-backup", "session-cleanup", "weekly-report"

DEFAULTS = "platform/_defaults.yaml"


@dataclass(frozen=True, slots=True)
class DemoJob:
    """The schedule and webhook path that the demo gives a job of jobs.example."""

    schedule: str
    path: str


PARTS: Mapping[str, DemoJob] = MappingProxyType(
    {
        BACKUP: DemoJob("@every 1s", "/ok"),
        PROBE: DemoJob("@every 1s", "/status/204"),
        CLEANUP: DemoJob("@every 2s", "/ok"),
        ROLLUP: DemoJob("@every 3s", "/flaky/1"),  # answers 503 first: retried
        INVOICES: DemoJob("@every 2s", "/slow/2.5"),  # still running at the next tick: skipped, it forbids overlap
        RATES: DemoJob("@every 2s", "/slow/2.5"),  # the same, but it replaces: cancelled
        REPORT: DemoJob("@every 5s", "/status/404"),  # a 4xx fails at once
    }
)

SECRETS: Mapping[str, str] = MappingProxyType(
    {
        "CHRONOS_SECRET_BACKUP_TOKEN": "demo-backup-token",
        "CHRONOS_SECRET_METRICS_KEY": "demo-metrics-key",
        "CHRONOS_SECRET_INVOICE_SIGNING_KEY": "whsec_ZGVtby1pbnZvaWNlLXNpZ25pbmcta2V5",
        "CHRONOS_SECRET_AUTH_PASSWORD": "demo-auth-password",
    }
)

_JOBS = "jobs"
_AUTHOR = (("user.name", "Demo Author"), ("user.email", "author@example.com"))
_ACTS = (
    ("Add the platform team's jobs", ("platform",)),
    ("Add the billing team's jobs", ("billing", "_calendars")),
    ("Add the jobs of growth and security", ("growth", "security")),
)
_TURN = """\
Demo: send every webhook to the local receiver, every few seconds

The schedules and addresses of jobs.example would have nobody wait for them,
and no request of a demo may leave this machine."""


class DemoRepository:
    """The repository as its author sees it: save a file, commit it, read the log."""

    def __init__(self, folder: Path, url: Callable[[str], str]) -> None:
        self.folder = folder
        self._url = url
        self._git = Git(RepositoryPaths(folder / ".git", folder / ".git", folder), config=_AUTHOR)

    def build(self) -> None:
        """Four commits: three teams add their jobs as the examples have them, one turns them to the receiver."""
        (self.folder / ".git").mkdir(parents=True)
        self._git.run("init", "--quiet", "--initial-branch", "main")
        for subject, teams in _ACTS:
            for team in teams:
                shutil.copytree(shipped("jobs.example") / team, self.folder / _JOBS / team)
            self.commit(subject)
        for name, part in PARTS.items():
            path = self.file(name)
            path.write_text(turned(path.read_text(), part, self._url(part.path)))
        self.commit(_TURN)

    def file(self, job: str) -> Path:
        return next((self.folder / _JOBS).rglob(f"{job}.yaml"))

    def save(self, job: str, old: str, new: str) -> Path:
        """Edits the job's file in place, as an editor would; ``old`` has to be there."""
        return self.edit(str(self.file(job).relative_to(self.folder / _JOBS)), old, new)

    def edit(self, file: str, old: str, new: str) -> Path:
        """The same for a file by its path below the jobs folder."""
        path = self.folder / _JOBS / file
        text = path.read_text()
        if old not in text:
            raise ValueError(f"{path.name} does not hold {old!r}")
        path.write_text(text.replace(old, new))
        return path

    def plan(self) -> list[str]:
        """The plan of the uncommitted changes: one line for each edited value of a layer."""
        compared = compare(self._git, "HEAD", None, _JOBS, is_direct=True)
        found = plan_change(compared, self._git, _JOBS, environment=None, at=datetime.now(UTC), asked=None)
        return [line for block in layers.blocks(found) for line in block.lines]

    def commit(self, message: str) -> str:
        """Commits everything and answers the commit's id."""
        self._git.run("add", "--all")
        self._git.run("commit", "--quiet", "--message", message)
        return self._git.run("rev-parse", "HEAD").decode().strip()

    def log(self) -> list[str]:
        """``<id> <subject>`` of each commit, newest first."""
        return self._git.run("log", "--format=%H %s").decode().splitlines()


def turned(text: str, part: DemoJob, url: str) -> str:
    """The job file with the schedule and address of its part; without jitter, which would pass for lateness, and
    without calendars, for a demo runs on holidays, too."""
    text = re.sub(r"(?m)^schedule: .*$", f'schedule: "{part.schedule}"', text)
    text = re.sub(r"(?m)^(skip|on_skip):.*\n(?:  - .*\n)*", "", text)
    text = re.sub(r"(?m)^  url: .*$", f"  url: {url}", text)
    return re.sub(r"(?m)^jitter: .*$", "jitter: 0s", text)
