"""The files of a draft as they stand at HEAD and on disk, and the commands that keep or discard it."""

import shlex
from collections.abc import Iterable, Sequence

from chronos_gitops.git.tree import CommitFiles
from chronos_gitops.jobs.model import JobVersion
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.sync.source import Source


@dataclass(frozen=True, slots=True)
class DraftFile:
    """``before`` is the content at HEAD, ``after`` the one on disk; None where there is no such file."""

    path: str
    before: bytes | None
    after: bytes | None


def draft_files(source: Source, head: str | None, definition: JobVersion) -> tuple[DraftFile, ...]:
    """The files that make a running job a draft."""
    blobs = {} if head is None else CommitFiles(source.git, head, source.jobs).blobs
    wanted = [blobs[path] for path in definition.draft_files if path in blobs]
    contents = source.git.read_many(wanted)
    return tuple(
        DraftFile(path, contents.get(blobs.get(path, "")), source.read_path(path)) for path in definition.draft_files
    )


def restore_command(files: Sequence[DraftFile]) -> str:
    """Discards the draft, from the top of the checkout. A file that was never committed has nothing to go back to."""
    committed = [one.path for one in files if one.before is not None]
    new = [one.path for one in files if one.before is None]
    commands = [f"git restore -- {_quoted(committed)}"] if committed else []
    return " && ".join([*commands, *([f"rm -- {_quoted(new)}"] if new else [])])


def commit_command(files: Sequence[DraftFile], definition: JobVersion) -> str:
    """Keeps the draft: as one commit of exactly these files; "" of none, because git would commit everything staged.
    Its subject names the job, or the layer where the job's own file stays."""
    if not files:
        return ""
    paths = _quoted([one.path for one in files])
    name = definition.job.name if any(one.path == definition.path for one in files) else files[0].path
    return f"git add -- {paths} && git commit -m {shlex.quote(f'Change {name}')} -- {paths}"


def _quoted(paths: Iterable[str]) -> str:
    return " ".join(map(shlex.quote, paths))
