"""``run``: the runner, from its first line to its last."""

import os
import signal
import socket
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from chronos_gitops.config import load
from chronos_gitops.config.model import Settings
from chronos_gitops.observability import logging_setup
from chronos_gitops.process import file_descriptors, gc_tuning
from chronos_gitops.process.systemd import SystemdNotifier

if TYPE_CHECKING:
    from chronos_gitops.app import Service
    from chronos_gitops.sync.status import SyncStatus


@click.command("run")
@click.argument("repo", required=False)
@click.option("--jobs", metavar="FOLDER", help="Where the job files are in the repository.  [default: jobs]")
@click.option("--follow", metavar="worktree|branch", help="Run the files on disk, or what is committed on a branch.")
@click.option("--branch", metavar="NAME", help="The branch to follow.  [default: the repository's HEAD]")
@click.option("--interval", metavar="DURATION", help="How often a remote is fetched.  [default: 60s]")
@click.option("--listen", metavar="HOST:PORT", help="Where the API and the page are.  [default: 127.0.0.1:8080]")
@click.option("--data", metavar="DIR", help="Where state is kept.  [default: the user's state folder]")
@click.option("--on-invalid", metavar="quarantine|reject", help="What an invalid file does.  [default: quarantine]")
@click.option(
    "--egress", metavar="LEVEL", help="Addresses webhooks reach: public, internal or any.  [default: internal]"
)
@click.option(
    "--engine",
    metavar="ENGINE",
    help="What keeps executions: sqlite[:///FILE], postgresql://..., temporal://...  [default: sqlite]",
)
@click.option("--verify-commits", metavar="FILE", help="Run only commits signed by one of these SSH keys.")
@click.option("--signing-key", metavar="FILE", help="The SSH key that signs the runner's own rollback commits.")
@click.option("--config", metavar="FILE", type=click.Path(path_type=Path), help="A chronos.toml.")
@click.option("--log-format", metavar="auto|plain|json", help="How log lines look on stderr.  [default: auto]")
@click.option("--log-level", metavar="LEVEL", help="debug, info, warning or error.  [default: info]")
def command(config: Path | None, **flags: Any) -> int:
    """Follow REPO (a checkout, a bare repository or a URL; the current folder when absent) and run its jobs.

    Every option can stand in chronos.toml (--config, CHRONOS_CONFIG) and, as CHRONOS_<NAME>, in the environment;
    options win. SIGTERM and Ctrl-C let running requests end for up to 25 s; a second one exits at once.
    """
    chosen = load.load(flags, os.environ, config)
    logging_setup.configure(chosen.log_format, chosen.log_level)
    return _serve(chosen, SystemdNotifier.of(os.environ))


def _serve(chosen: Settings, supervisor: SystemdNotifier) -> int:
    """Listens first, so that a taken address ends it before the first webhook; answers questions while it drains."""
    from chronos_gitops.app import build
    from chronos_gitops.server.web.app import create_app
    from chronos_gitops.server.wsgi import Server

    file_descriptors.provide(chosen.max_in_flight)
    gc_tuning.collect_seldom()
    gc_tuning.share()
    stop = StopSignals()
    service = build(chosen, is_stopping=lambda: stop.came)
    server = Server(create_app(service), host=chosen.host, port=chosen.port)
    try:
        port = server.start()
        service.listener.bound(server.address, port)
        with gc_tuning.loading():
            _start(service, stop)
        if not stop.came:
            line = _ready_line(chosen.host, port, service.follower.status())
            click.echo(line)
            supervisor.ready(line)
        while not stop.wait(supervisor.interval):
            # systemd restarts a runner that stops reporting; /readyz tells everything that a restart does not mend.
            if not service.liveness_failure():
                supervisor.alive()
    finally:
        supervisor.stopping(within=chosen.drain.total_seconds())
        service.stop()
        server.stop()
    return 0


def _start(service: "Service", stop: "StopSignals") -> None:
    """A start that was stopped while it waited for a database is no failure."""
    from chronos_gitops.engine.engine import NotRunning

    try:
        service.start()
    except NotRunning:
        if not stop.came:
            raise


class StopSignals:
    """SIGTERM and SIGINT: the first one ends ``wait``, the second one ends the process at once.

    The kernel may hand a signal to any thread, and then a main thread that waits for a lock sleeps on: its Python
    handler never runs. So the main thread waits for the byte that the interpreter writes whoever got the signal.
    """

    def __init__(self) -> None:
        self.came = False
        self._hears, self._tells = socket.socketpair()
        self._tells.setblocking(False)
        signal.set_wakeup_fd(self._tells.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._handle)

    def wait(self, seconds: float | None = None) -> bool:
        """Whether a signal came, within this time or, with None, ever."""
        self._hears.settimeout(seconds)
        while not self.came:
            try:
                self._hears.recv(64)
            except TimeoutError:
                return self.came
        return True

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self.came:
            os._exit(128 + number)  # asked twice: threads that still drain must not hold the exit up
        self.came = True


def _ready_line(host: str, port: int, status: "SyncStatus") -> str:
    address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    if not status.has_job_set:
        return (
            f"chronos-gitops is not ready on {address} (following {status.repository}, no jobs are loaded: "
            f"{status.reason}: {status.message})"
        )
    return f"chronos-gitops is ready on {address} (following {status.repository}, {status.jobs} jobs)"
