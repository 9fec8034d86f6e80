"""Builds what follows git, as the settings say."""

from collections.abc import Callable
from datetime import datetime

from chronos_gitops.config.settings import Settings
from chronos_gitops.errors import UsageError
from chronos_gitops.git.remote.credentials import GitCredentials
from chronos_gitops.git.signatures.signers import Signers
from chronos_gitops.git.verification.commit_verifier import CommitVerifier
from chronos_gitops.git.verification.verified_history import VerifiedHistory
from chronos_gitops.jobs.model import JobSet
from chronos_gitops.jobs.origins.private_hosts import PrivateHosts
from chronos_gitops.sync.controller import SyncController
from chronos_gitops.sync.source import BranchSource, Source, open_source


def signers(settings: Settings) -> Signers | None:
    """Whose commits are trusted; None where commits are not verified. UsageError for a setting without effect."""
    if settings.verify_commits is not None:
        return Signers(settings.verify_commits, settings.verify_revoked_file)
    idle = {"verify_since": settings.verify_since, "verify.revoked_file": settings.verify_revoked_file}
    for name in (name for name, given in idle.items() if given is not None):
        raise UsageError(f"{name} does nothing without --verify-commits", hint="name the file of allowed signers, too")
    return None


def _verifier(settings: Settings, trusted: Signers, source: Source) -> CommitVerifier:
    if not isinstance(source, BranchSource):
        hint = "files on disk are not signed; commits of a branch are"
        raise UsageError("--verify-commits needs --follow branch", hint=hint)
    history = VerifiedHistory(settings.data / "verified.jsonl", source.repository)
    return CommitVerifier(trusted, history, since=settings.verify_since, fetch=source.mirror.fetch_blobs)


def controller(
    settings: Settings,
    trusted: Signers | None,
    on_change: Callable[[JobSet], None],
    on_fetch: Callable[[str, float], None],
    now: Callable[[], datetime],
) -> SyncController:
    """Follows the repository of the settings; ``on_fetch`` is told the result of each fetch and its seconds."""
    source = open_source(
        settings.repo,
        data=settings.data,
        mode=settings.follow,
        branch=settings.branch,
        jobs=settings.jobs_folder,
        access=GitCredentials(settings.git),
        on_fetch=on_fetch,
    )
    return SyncController(
        source,
        on_change=on_change,
        on_invalid=settings.on_invalid,
        environment=settings.environment,
        interval=settings.interval,
        data=settings.data,
        now=now,
        bindings=settings.bindings,
        private_hosts=PrivateHosts(settings.egress.private_hosts),
        verifier=None if trusted is None else _verifier(settings, trusted, source),
    )
