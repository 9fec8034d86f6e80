"""Findings about the followed repository: access, its job files, and the secrets that they need."""

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from chronos_gitops.cli.checkout.current_tree import CurrentTree, at_commit, current
from chronos_gitops.cli.setup.finding import Finding, failed, ok, warning
from chronos_gitops.config.settings import Settings
from chronos_gitops.engine.clock import is_ahead
from chronos_gitops.git.client import Git
from chronos_gitops.git.discovery import RepositoryPaths, discover
from chronos_gitops.git.refs import heads
from chronos_gitops.git.remote.address import RemoteAddress
from chronos_gitops.git.remote.credentials import GitCredentials
from chronos_gitops.jobs.secrets.usage import FAILING, report, uses
from chronos_gitops.plurals import plural
from chronos_gitops.sync.source import BranchSource, open_source
from chronos_gitops.webhooks.credentials.secrets import Secrets


def check(settings: Settings) -> Iterator[Finding]:
    """A server is asked; a folder is read."""
    path = RemoteAddress.parse(settings.repo).path
    yield from _remote(settings) if path is None else _local(path, settings)


def _remote(settings: Settings) -> Iterator[Finding]:
    """One question to the server, with the runner's credentials; nothing is fetched."""
    fault = GitCredentials(settings.git).key_fault()
    if fault:
        yield failed("repository", fault, "correct git.ssh_key_file")
    with tempfile.TemporaryDirectory(prefix="chronos-doctor-") as folder:
        source = open_source(
            settings.repo,
            data=Path(folder),
            mode=settings.follow,
            branch=settings.branch,
            jobs=settings.jobs_folder,
            access=GitCredentials(settings.git),
        )
        assert isinstance(source, BranchSource)
        source.open()
        try:
            branch = settings.branch or source.mirror.default_branch()
            tip = source.mirror.branches().get(branch)
        finally:
            source.close()
    if tip is None:
        yield failed("repository", f"{source.repository} has no branch {branch}", "name one that it has with --branch")
    else:
        yield ok("repository", f"{source.repository} answers; branch {branch} is at {tip[:12]}")


def _local(path: Path, settings: Settings) -> Iterator[Finding]:
    """The files that a runner would read in this folder."""
    place = discover(path)
    git = Git(place)
    try:
        yield from _of(git, place, settings)
    finally:
        git.close()


def _of(git: Git, place: RepositoryPaths, settings: Settings) -> Iterator[Finding]:
    is_branch = settings.follow == "branch" or settings.branch is not None or place.root is None
    name = heads(settings.branch) if settings.branch else "HEAD"
    head = git.resolve(name)
    if head is None:
        if is_branch:
            yield failed(
                "repository",
                f"{place.root or place.git_dir} has no commit at {name}",
                "commit the jobs, or name --branch",
            )
            return
        yield warning(
            "repository", f"{place.root} has no commit yet", "commit the jobs: versions and rollback need commits"
        )
    else:
        yield ok("repository", f"{place.root or place.git_dir} at {head[:12]}")
        yield from _future(git, head)
    if is_branch and head is not None:
        tree = at_commit(git, head, settings.jobs_folder, settings.environment)
    else:
        tree = current(git, settings.jobs_folder, settings.environment)
    yield from _jobs(tree)
    yield from _secrets(tree, settings)


def _future(git: Git, head: str) -> Iterator[Finding]:
    text = git.run("show", "--no-patch", "--format=%ct", head).decode().strip()
    at = datetime.fromtimestamp(int(text), UTC)
    if is_ahead(at, datetime.now(UTC)):
        message = f"the newest commit is from {at:%Y-%m-%dT%H:%M:%SZ}, which this clock has not reached"
        yield warning("clock", message, "compare this clock and the author's with a time server")


def _jobs(tree: CurrentTree) -> Iterator[Finding]:
    broken = [parsed for parsed in tree.loaded.files if parsed.job is None]
    enabled = sum(one.job.enabled for one in tree.jobs)
    if not tree.loaded.files:
        yield warning("jobs", "the jobs folder has no job file", "chronos-gitops init writes a first one")
    else:
        yield ok("jobs", f"{plural(len(tree.jobs), 'valid job')}, {enabled} of them enabled")
    if broken:
        message = f"{plural(len(broken), 'job file')} with errors, the first is {broken[0].path}"
        yield failed("jobs", message, "chronos-gitops validate shows each error with its line")


def _secrets(tree: CurrentTree, settings: Settings) -> Iterator[Finding]:
    secrets = Secrets(settings.secret_values, settings.secrets_folder, settings.bindings)
    known = secrets.names() | settings.bindings.by_name.keys()
    reports = report(uses(tree.jobs, settings.bindings), settings.bindings, secrets.state, known)
    used = [one for one in reports if one.uses]
    bad = [one for one in used if one.state in FAILING]
    for one in bad:
        message = f"{one.name} is {one.state}, and {plural(len({use.job for use in one.uses}), 'job')} would fail"
        variable = f"CHRONOS_SECRET_{one.name.upper().replace('-', '_')}"
        way = f"set {variable} or a file in secrets.folder; chronos-gitops secrets shows uses and bindings"
        yield failed("secrets", message, way)
    if not bad:
        yield ok("secrets", f"{plural(len(used), 'secret')} used, all usable" if used else "no job uses one")
