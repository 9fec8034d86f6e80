"""The message of a rollback commit: a subject for people, trailers for programs (CONTRACT 4). Pure."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from chronos_gitops.git.commit import Person, clean
from chronos_gitops.git.log import Commit

REQUEST_ID: Final = "Chronos-Request-Id"
JOB: Final = "Chronos-Job"
RESTORED_VERSION: Final = "Chronos-Restored-Version"
RESTORED_COMMIT: Final = "Chronos-Restored-Commit"
UNDONE: Final = "Chronos-Undone-Commit"
ALLOW_DELETES: Final = "Chronos-Allow-Deletes"
_TRAILER: Final = re.compile(r"(Chronos-[A-Za-z-]{1,40}): (.*)\Z")


def rollback_message(
    *,
    job: str,
    version: int | None,
    commit: str,
    requested_by: Person,
    reason: str,
    request_id: str,
    written_out: Sequence[str] = (),
) -> str:
    """An absent reason, request id or number of the version leaves its trailer out, and so does nothing written out."""
    trailers = {
        JOB: job,
        RESTORED_VERSION: "" if version is None else str(version),
        RESTORED_COMMIT: commit,
        "Chronos-Written-Out": ", ".join(written_out),
        "Chronos-Requested-By": str(requested_by),
        "Chronos-Reason": reason,
        REQUEST_ID: request_id,
    }
    return f"Roll back {clean(job)} to version {version or commit[:12]}\n\n{_lines(trailers)}"


def undo_message(
    *,
    commit: str,
    subject: str,
    jobs: Sequence[str],
    silenced: int,
    requested_by: Person,
    reason: str,
    request_id: str,
) -> str:
    """The exact count of jobs that the commit deletes or disables was reviewed with it, and lets them through."""
    trailers = {
        UNDONE: commit,
        ALLOW_DELETES: str(silenced) if silenced else "",
        "Chronos-Requested-By": str(requested_by),
        "Chronos-Reason": reason,
        REQUEST_ID: request_id,
    }
    listed = "".join(f"* {clean(job)}\n" for job in jobs)
    return f"Undo {commit[:10]} ({clean(subject)[:60]})\n\n{listed}\n{_lines(trailers)}"


def _lines(trailers: Mapping[str, str]) -> str:
    cleaned = {key: clean(value) for key, value in trailers.items()}
    return "".join(f"{key}: {value}\n" for key, value in cleaned.items() if value)


def trailers(commit: Commit) -> Mapping[str, str]:
    """The ``Chronos-...`` lines of the last paragraph."""
    found = (_TRAILER.match(line) for line in commit.body.rpartition("\n\n")[2].splitlines())
    return {match.group(1): match.group(2).strip() for match in found if match is not None}
