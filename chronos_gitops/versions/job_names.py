"""The name a job file carries, read without judging the file."""

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Final

from chronos_gitops.git.client import Git
from chronos_gitops.jobs.files.job_files import IgnoreRules, ignore_file
from chronos_gitops.jobs.folders import inside
from chronos_gitops.jobs.layers.file_roles import FileRole, place_of
from chronos_gitops.jobs.validation import document
from chronos_gitops.jobs.validation.rules.file_name import is_name
from chronos_gitops.jobs.validation.yaml.decoding import MAX_BYTES

_AT_ONCE: Final = 2_000
_MENTION: Final = re.compile(rb"""^["']?name["']?[ \t]*:""", re.MULTILINE)
# One plain line, closed by the next key: then the name is the same whatever a parser makes of the rest.
_PLAIN: Final = re.compile(
    rb"^name:[ \t]+([a-z][a-z0-9]*(?:-[a-z0-9]+)*)[ \t]*(?:[ \t]#[^\n]*)?\r?\n(?=\S|\Z)", re.MULTILINE
)
LAYER_ROLES: Final = (FileRole.DEFAULTS, FileRole.ENVIRONMENT)
_NOT_TEXT: Final = frozenset({b"null", b"true", b"false"})


def name_of(content: bytes) -> str | None:
    """The name in the content when it is one a job may have; None when it cannot be read.

    The shortcut takes 2 µs where the parser takes about 300: a history of 20,000 commits is indexed in seconds.
    """
    if len(content) > MAX_BYTES:
        return None
    plain = _PLAIN.search(content)
    if plain is not None and plain.group(1) not in _NOT_TEXT and len(_MENTION.findall(content)) == 1:
        name: str | None = plain.group(1).decode()
    else:
        name = document.read("", content).text("name")
    return sys.intern(name) if name is not None and is_name(name) else None


class JobNames:
    """Names by blob id, and the files that an ignore file excludes; a content is read once."""

    def __init__(self, git: Git, jobs: str) -> None:
        self._git = git
        self._jobs = jobs
        self.ignore_file = ignore_file(jobs)
        self._known: dict[str, str | None] = {}
        self._ignores: dict[str, IgnoreRules] = {"": IgnoreRules()}
        self._missing: set[str] = set()

    def learn(self, blobs: Iterable[str], offer: Callable[[Mapping[str, bytes]], None] = lambda _: None) -> None:
        """``offer`` is called with the contents that had to be read."""
        unknown = iter(list(dict.fromkeys(blob for blob in blobs if blob not in self._known)))
        while slice_ := list(islice(unknown, _AT_ONCE)):
            contents = self._git.read_many(slice_)
            self._missing |= self._git.missing([blob for blob in slice_ if blob not in contents])
            for blob in slice_:
                self._known[blob] = name_of(contents[blob]) if blob in contents else None
            offer(contents)

    def is_missing(self, blob: str) -> bool:
        """True if the content is not here, which is another thing than having no name."""
        return blob in self._missing

    def role(self, path: str) -> FileRole:
        """A layer that says a name is refused for it, and takes the name from no job."""
        return place_of(inside(path, self._jobs)).role

    def is_layer(self, path: str) -> bool:
        return self.role(path) in LAYER_ROLES

    def of(self, blob: str) -> str | None:
        return self._known.get(blob)

    def ignores(self, listed: str, path: str) -> bool:
        """True when the ignore file with the content ``listed``, a blob id, excludes this path."""
        if listed not in self._ignores:
            self._ignores[listed] = IgnoreRules.parse(self._git.read_many([listed]).get(listed, b""))
        patterns = self._ignores[listed]
        return bool(patterns.patterns) and patterns.ignores(inside(path, self._jobs))
