"""``run``: the runner, from its first line to its last."""

import contextlib
import os
import signal
import socket
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from chronos_gitops.cli.settings_flags import config_option, runner_flags
from chronos_gitops.config import load
from chronos_gitops.config.settings import Settings
from chronos_gitops.observability import logging_setup
from chronos_gitops.plurals import plural
from chronos_gitops.process import file_descriptors, gc_tuning
from chronos_gitops.process.systemd import SystemdNotifier

if TYPE_CHECKING:
    from chronos_gitops.service import Service
    from chronos_gitops.sync.status import SyncStatus


@click.command("run")
@runner_flags
@click.option(
    "--accept-environment",
    is_flag=True,
    help="After the environment was renamed: assign the database or namespace to this runner's environment.",
)
@config_option
def command(config: Path | None, accept_environment: bool, **flags: Any) -> int:
    """Follow REPO (a checkout, a bare repository or a URL; default: the current folder) and run its jobs.

    Every option is also a setting in chronos.toml (--config, CHRONOS_CONFIG) and a variable CHRONOS_<NAME>; options
    take precedence. On SIGTERM or Ctrl-C, running requests get the time of --drain to finish; a second signal exits
    at once.
    """
    chosen = load.load(flags, os.environ, config)
    unread = load.unread_file(os.environ, config)
    if unread is not None:
        click.echo(f"{unread} is not read; name it with --config {unread} or CHRONOS_CONFIG", err=True)
    logging_setup.configure(chosen.log_format, chosen.log_level)
    return _serve(chosen, SystemdNotifier.of(os.environ), is_renamed=accept_environment)


def _serve(chosen: Settings, supervisor: SystemdNotifier, *, is_renamed: bool = False) -> int:
    """Listens first, so that a taken address ends it before the first webhook; answers questions while it drains."""
    from chronos_gitops.app import build
    from chronos_gitops.engine.engine import NotRunning
    from chronos_gitops.server.lazy_app import LazyApp
    from chronos_gitops.server.wsgi import Server

    gc_tuning.share_one_arena()
    file_descriptors.provide(chosen.max_in_flight)
    stop = StopSignals()
    try:
        service = build(chosen, is_stopping=lambda: stop.came, is_renamed=is_renamed)
    except NotRunning:
        return 0
    api = LazyApp(service)
    server = Server(api, host=chosen.host, port=chosen.port, probes=api.probes)
    service.on_refusal = stop.request
    try:
        port = server.start()
        service.listener.bound(server.address, port)
        with gc_tuning.loading():
            _start(service, stop)
        if not stop.came:
            line = _ready_line(chosen.host, port, service.follower.status())
            click.echo(line)
            supervisor.ready(line)
            service.warm_up.launch()
        while not stop.wait(supervisor.interval):
            # systemd restarts a runner that stops reporting; /readyz tells everything that a restart does not mend.
            if not service.liveness_failure():
                supervisor.alive()
    finally:
        supervisor.stopping(within=chosen.drain.total_seconds())
        service.stop()
        server.stop()
    if service.refusals:
        raise service.refusals[0]
    return 0


def _start(service: "Service", stop: "StopSignals") -> None:
    """A start that was stopped while it waited for a database or a disk is no failure."""
    from chronos_gitops.engine.engine import NotRunning

    try:
        service.start()
    except NotRunning:
        if not stop.came:
            raise


class StopSignals:
    """SIGTERM, SIGINT and ``request``: the first one ends ``wait``, the second one ends the process at once.

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
        """True if a signal came, within this time or, with None, ever."""
        self._hears.settimeout(seconds)
        while not self.came:
            try:
                self._hears.recv(64)
            except TimeoutError:
                return self.came
        return True

    def request(self) -> None:
        """Ends ``wait`` from any thread of this process."""
        self.came = True
        with contextlib.suppress(BlockingIOError):
            self._tells.send(b"\0")

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self.came:
            os._exit(128 + number)  # asked twice: threads that still drain must not hold the exit up
        self.came = True


def _ready_line(host: str, port: int, status: "SyncStatus") -> str:
    address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    environment = f"environment {status.environment}, " if status.environment else ""
    followed = f"on {address} ({environment}following {status.repository}"
    if not status.has_job_set:
        return f"chronos-gitops is not ready {followed}, no jobs are loaded: {status.reason}: {status.message})"
    return f"chronos-gitops is ready {followed}, {plural(status.jobs, 'job')})"
