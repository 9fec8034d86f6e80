"""Debian's Chromium, without a window, and the real program: a repository, a receiver, a runner."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from harness.processes.subprocess_runner import Runner
from harness.repositories.repository import Repository
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from chronos_gitops.cli.demo.receiver import Receiver

CHROMIUM = os.environ.get("CHRONOS_TEST_CHROMIUM", "/usr/bin/chromium")
# What keeps it from looking for its maker's servers, which a closed network would refuse again and again.
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
XSS = tuple(
    template.replace("MARK", "window.pwned=1")
    for template in (
        "<script>MARK</script>",
        "<img src=x onerror=MARK>",
        "<svg onload=MARK>",
        "<svg><script>MARK</script></svg>",
        "<body onload=MARK>",
        "<iframe srcdoc='<script>parent.MARK</script>'>",
        "<a href=javascript:MARK>x</a>",
        "<details open ontoggle=MARK>",
        "<input autofocus onfocus=MARK>",
        "<video><source onerror=MARK></video>",
        "<math><mtext></mtext><mglyph><style><!--</style><img title='--><img src=x onerror=MARK>'></math>",
        "</title><script>MARK</script>",
        "</textarea><script>MARK</script>",
        "</style><script>MARK</script>",
        "</pre><script>MARK</script>",
        "--><script>MARK</script>",
        "]]><script>MARK</script>",
        "' onmouseover='MARK",
        '" onfocus="MARK" autofocus="',
        "`-MARK-`",
        "${MARK}",
        "{{MARK}}",
        "{{ self.__init__.__globals__ }}",
        "{% print(1) %}",
        "&lt;script&gt;MARK&lt;/script&gt;",
        "&#60;script&#62;MARK&#60;/script&#62;",
        "<noscript><p title='</noscript><img src=x onerror=MARK>'>",
        "<ScRiPt >MARK</sCrIpT>",
        "<scr<script>ipt>MARK</script>",
        "<base href='javascript:MARK//'>",
    )
)


@dataclass
class Site:
    """One runner with its repository. ``troubles`` are what browsers complained of, or asked of other hosts."""

    runner: Runner
    repository: Repository
    troubles: list[str] = field(default_factory=list)

    def url(self, path: str) -> str:
        return self.runner.address + path

    def watch(self, page: Page) -> Page:
        page.on("console", lambda said: self.troubles.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.troubles.append(str(error)))
        page.on("request", lambda asked: self._note(asked.url))
        return page

    def _note(self, url: str) -> None:
        if not url.startswith((self.runner.address, "data:")):
            self.troubles.append(f"asked {url}")


@pytest.fixture(scope="session")
def chromium(_guarded_environment: None) -> Iterator[Browser]:
    assert Path(CHROMIUM).exists(), f"{CHROMIUM} is not there: make test-browser installs it, as root, on Debian"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield browser
        browser.close()


@contextmanager
def running(folder: Path) -> Iterator[Site]:
    """Five jobs in every kind of state, with hostile words wherever people may write some."""
    with Receiver() as receiver:
        repository = Repository.init(folder / "checkout")
        populate(repository, receiver.url(""))
        with Runner(str(repository.root), data=folder / "data") as runner:
            site = Site(runner, repository)
            for name in ("daily-backup", "always-fails", "hostile-words"):
                runner.client.post(f"/jobs/{name}/trigger").raise_for_status()
            runner.client.post("/jobs/weekly-report/pause", json={"reason": XSS[1]}).raise_for_status()
            runner.until("/executions?status=failed", lambda found: bool(found["items"]))
            runner.until("/executions?status=success", lambda found: len(found["items"]) >= 2)
            yield site


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, _guarded_environment: None) -> Iterator[Site]:
    with running(tmp_path_factory.mktemp("site")) as site:
        yield site


@pytest.fixture
def own_site(tmp_path: Path) -> Iterator[Site]:
    """For tests that change something."""
    with running(tmp_path) as site:
        yield site


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    yield context
    context.close()


def populate(repository: Repository, receiver: str) -> None:
    write(repository, "daily-backup", "0 2 * * *", f"{receiver}/backup")
    write(repository, "weekly-report", "0 9 * * MON", f"{receiver}/report")
    write(repository, "always-fails", "0 3 * * *", f"{receiver}/status/400")
    write(repository, "switched-off", "0 4 * * *", f"{receiver}/off", enabled=False)
    repository.commit("Add the jobs")
    write(repository, "daily-backup", "30 2 * * *", f"{receiver}/backup")
    write(repository, "hostile-words", "0 5 * * *", f"{receiver}/echo", words=XSS)
    repository.write("jobs/broken.yaml", "name: broken\nschedule: '<script>window.pwned=1</script>'\n")
    repository.git("-c", f"user.name={XSS[0]}", "add", "-A")
    repository.git("-c", f"user.name={XSS[0]}", "commit", "-q", "-m", f"Half an hour later {' '.join(XSS[:12])}")


def write(
    repository: Repository, name: str, schedule: str, url: str, *, enabled: bool = True, words: tuple[str, ...] = ()
) -> None:
    lines = [
        f"name: {name}",
        f'schedule: "{schedule}"',
        "timezone: Europe/Berlin",
        f"enabled: {str(enabled).lower()}",
        "webhook:",
        f"  url: {url}",
        "  method: POST",
        "retry_policy: {max_attempts: 1}",
        "timeout: 30s",
    ]
    templates = ("{{", "${")  # what a job file itself gives a meaning to
    safe = [word for word in words if not any(mark in word for mark in templates)]
    lines += ["description: |", *(f"  {word}" for word in words)] if words else [f"description: What {name} does."]
    tags = {f"tag-{number}": word for number, word in enumerate(safe[:8])} or {"team": "platform"}
    lines += ["tags:", *(f"  {key}: '{value.replace(chr(39), chr(39) * 2)}'" for key, value in tags.items())]
    repository.write(f"jobs/{name}.yaml", "\n".join(lines) + "\n")
