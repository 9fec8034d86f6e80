"""Files in memory."""

from collections.abc import Mapping, Sequence

from chronos_gitops.jobs.validation.files import FileKind, TreeEntry
from chronos_gitops.jobs.validation.validate import git_blob_id


class Texts:
    """Files in memory below ``jobs``."""

    def __init__(self, texts: Mapping[str, str], links: Sequence[str] = ()) -> None:
        self._texts = {f"jobs/{path}": text.encode() for path, text in texts.items()}
        entries = [TreeEntry(path, git_blob_id(content), len(content)) for path, content in self._texts.items()]
        entries += [TreeEntry(f"jobs/{path}", "", 1, FileKind.SYMLINK) for path in links]
        self.entries: Sequence[TreeEntry] = sorted(entries, key=lambda entry: entry.path)
        self.reads = 0

    def read(self, entries: Sequence[TreeEntry]) -> Mapping[str, bytes]:
        self.reads += len(entries)
        return {entry.path: self._texts[entry.path] for entry in entries}

    def place(self, path: str) -> str:
        return path.removeprefix("jobs/")
