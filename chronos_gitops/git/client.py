"""The gateway to git: one repository, every command in a fixed environment, objects through one reader."""

import os
import subprocess
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Final

from chronos_gitops.git import process
from chronos_gitops.git.discovery import RepositoryPaths
from chronos_gitops.git.errors import (
    Corrupt,
    GitError,
    GitMissing,
    NotARepository,
    ObjectMissing,
    OutputTooLarge,
    Stopped,
    Timeout,
    failure,
)
from chronos_gitops.git.objects.cat_file import lines, parsed
from chronos_gitops.git.objects.object_reader import HEADER_BYTES, NoAnswer, ObjectReader
from chronos_gitops.git.process_environment import quarantine

MAX_BLOB_BYTES: Final = 1 << 20
_READ_CHUNK_BYTES: Final = 32 << 20
_OUTPUT_BYTES: Final = 256 << 20
_QUICK: Final = 30.0
_ANSWER: Final = 10.0
_FEW: Final = 200

# What an operator may say about credentials and transport; every other GIT_* variable could redirect a command.
_PASSED_ON: Final = ("GIT_ASKPASS", "GIT_SSH", "GIT_SSH_COMMAND", "GIT_SSH_VARIANT", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH")
_SSH: Final = "ssh -o BatchMode=yes -o StrictHostKeyChecking=yes -o ConnectTimeout=15 -o LogLevel=ERROR"
_FIXED: Final = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_LITERAL_PATHSPECS": "1",
    "LC_ALL": "C",
}
# Settings of a repository that would run a program or change an answer (git-config(1)); these win over its own config.
_CONFIG: Final = (
    ("core.hooksPath", os.devnull),
    ("core.fsmonitor", "false"),
    ("core.splitIndex", "false"),
    ("core.untrackedCache", "false"),
    ("core.pager", "cat"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("log.showSignature", "false"),
    ("log.follow", "false"),
    ("diff.orderFile", os.devnull),
    ("i18n.logOutputEncoding", "UTF-8"),
    ("i18n.commitEncoding", "UTF-8"),
    ("push.gpgSign", "false"),
    ("gpg.program", "false"),
    ("gpg.x509.program", "false"),
    ("gpg.ssh.program", "ssh-keygen"),
    ("gpg.ssh.defaultKeyCommand", ""),
    ("gpg.ssh.revocationFile", ""),
    ("push.recurseSubmodules", "no"),
    ("http.followRedirects", "false"),
    ("http.lowSpeedLimit", "1000"),
    ("http.lowSpeedTime", "20"),
    ("protocol.version", "2"),
)


def author_of(place: RepositoryPaths) -> tuple[str, str] | None:
    """Name and email of the person at the keyboard, as git would write them into a commit; None when it cannot tell."""
    git = Git(place, global_config=None)
    said = {key: os.environ[key] for key in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL") if key in os.environ}
    done = git.attempt("var", "GIT_AUTHOR_IDENT", env=said)
    name, _, rest = done.stdout.decode("utf-8", "replace").partition(" <")
    return (name, rest.partition(">")[0]) if done.code == 0 else None


class Git:
    """One repository. Safe to use from several threads; ``close`` ends what still runs.

    ``protocols`` is what this repository's commands may speak ("none" for a repository that is only read), ``config``
    are further settings for every command, ``global_config`` a file that stands for the user's own configuration (None
    lets that one speak). ``on_damage`` is called, from any thread, for each object that is missing or unreadable.
    """

    def __init__(
        self,
        place: RepositoryPaths,
        *,
        protocols: str = "none",
        config: Sequence[tuple[str, str]] = (),
        global_config: str | None = os.devnull,
        on_damage: Callable[[], None] = lambda: None,
    ) -> None:
        self.place = place
        self._on_damage = on_damage
        self._options = (protocols, tuple(config), global_config)
        self._config = _settings(place, config)
        self._env = _environment(place, protocols, self._config, global_config)
        self._reader: ObjectReader | None = None
        self._reader_lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._running_lock = threading.Lock()
        self._closed = False
        self._object_format = ""

    def run(
        self,
        *args: str,
        stdin: bytes = b"",
        timeout: float = _QUICK,
        env: Mapping[str, str] | None = None,
        limit: int = _OUTPUT_BYTES,
    ) -> bytes:
        """Run the command and return its output. GitError with its typed reason when it fails."""
        done = self.attempt(*args, stdin=stdin, timeout=timeout, env=env, limit=limit)
        if done.code != 0:
            raise self._failure(f"git {args[0]}", done)
        return done.stdout

    def attempt(
        self,
        *args: str,
        stdin: bytes = b"",
        timeout: float = _QUICK,
        env: Mapping[str, str] | None = None,
        limit: int = _OUTPUT_BYTES,
    ) -> process.Completed:
        """The same for commands whose status is an answer; raises only when there is no status."""
        argv = ("git", "--no-pager", *args)
        try:
            with process.started(argv, cwd=self._cwd, env=self._env | dict(env or {}), stdin=stdin) as child:
                self._register(child)
                try:
                    return process.finish(child, timeout=timeout, limit=limit)
                finally:
                    self._forget(child)
        except FileNotFoundError as error:
            raise self._not_started() from error
        except process.Overdue as error:
            raise Timeout(f"git {args[0]} did not end within {timeout:g} s") from error
        except process.Flooded as error:
            raise OutputTooLarge(f"git {args[0]} printed more than {limit:,} bytes") from error

    def with_config(self, config: Sequence[tuple[str, str]]) -> dict[str, str]:
        """The environment of one command that has further settings: ``run(..., env=git.with_config(...))``."""
        return _spoken((*self._config, *config))

    def resolve(self, ref: str) -> str | None:
        """The commit behind a full ref, HEAD or a commit id; None when there is none."""
        done = self.attempt("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
        if done.code == 0:
            return done.stdout.decode().strip()
        if done.stderr.strip():
            raise self._failure(f"git rev-parse {ref}", done)
        return None

    @property
    def object_format(self) -> str:
        """``sha1`` or ``sha256``; one repository has one for ever."""
        if not self._object_format:
            self._object_format = self.run("rev-parse", "--show-object-format").decode().strip()
        return self._object_format

    def head_ref(self) -> str | None:
        """The full name of the branch that is checked out; None for a detached HEAD."""
        done = self.attempt("symbolic-ref", "--quiet", "HEAD")
        return done.stdout.decode("utf-8", "replace").strip() if done.code == 0 else None

    def read(self, blob: str) -> bytes:
        """The content of one object through the persistent reader. ObjectMissing, OutputTooLarge over 1 MiB."""
        try:
            with self._reader_lock:
                return self._read_again(blob)
        except (Corrupt, ObjectMissing):
            self._on_damage()
            raise

    def missing(self, blobs: Collection[str]) -> frozenset[str]:
        """Those that are not here."""
        if not blobs:
            return frozenset()
        listing = self.run("cat-file", "--batch-check", stdin=lines(sorted(blobs))).decode().splitlines()
        return frozenset(line.removesuffix(" missing") for line in listing if line.endswith(" missing"))

    def read_many(self, blobs: Sequence[str]) -> dict[str, bytes]:
        """Contents by id; what is missing or over 1 MiB is left out."""
        wanted = list(dict.fromkeys(blobs))
        if len(wanted) > _FEW:
            return self._read_in_bulk(wanted)
        contents = {}
        for blob in wanted:
            try:
                contents[blob] = self.read(blob)
            except (ObjectMissing, OutputTooLarge):
                continue
        return contents

    def close(self) -> None:
        """Kills what runs; later commands raise Stopped."""
        with self._running_lock:
            self._closed = True
            for child in self._running:
                process.kill_group(child)
        with self._reader_lock:
            self._drop_reader()

    def reopened(self) -> "Git":
        """Another gateway to the same place, for a question that comes after this one was closed."""
        protocols, config, global_config = self._options
        return Git(self.place, protocols=protocols, config=config, global_config=global_config)

    def relocate(self, place: RepositoryPaths) -> None:
        """From now on the repository is there: the path that led to it leads elsewhere now."""
        protocols, config, global_config = self._options
        self.place = place
        self._config = _settings(place, config)
        self._env = _environment(place, protocols, self._config, global_config)
        self.reset()

    def reset(self) -> None:
        """Forgets the reader after the repository's folder was replaced."""
        self._object_format = ""
        with self._reader_lock:
            self._drop_reader()

    def _register(self, child: "subprocess.Popen[bytes]") -> None:
        with self._running_lock:
            if self._closed:
                raise Stopped("the repository was closed")
            self._running.add(child)

    def _forget(self, child: "subprocess.Popen[bytes]") -> None:
        with self._running_lock:
            self._running.discard(child)
            if self._closed:
                raise Stopped("the repository was closed")

    def _failure(self, doing: str, done: process.Completed) -> GitError:
        error = failure(doing, done.code, done.stderr)
        if isinstance(error, Corrupt):
            self._on_damage()
        return error

    @property
    def _cwd(self) -> Path:
        return self.place.root or self.place.common

    def _not_started(self) -> GitError:
        if self._cwd.is_dir():
            return GitMissing("the program git was not found")
        return NotARepository(
            f"{self._cwd} is gone", hint="put the repository back, or start the runner with its new place"
        )

    def _read_again(self, blob: str) -> bytes:
        """Twice, for the reader may have died, or have files open that are damaged or replaced by now."""
        try:
            return self._open_reader().read(blob)
        except NoAnswer:
            self._drop_reader()
        except OutputTooLarge:
            self._drop_reader()  # it prints all of the object
            raise
        return self._read_alone(blob)

    def _read_alone(self, blob: str) -> bytes:
        """In a process of its own, which gives the reason when the object cannot be read."""
        output = self.run("cat-file", "--batch", stdin=lines([blob]), limit=MAX_BLOB_BYTES + HEADER_BYTES)
        contents = parsed(output)
        if blob not in contents:
            raise ObjectMissing(f"object {blob} is not in {self.place.git_dir}")
        return contents[blob]

    def _open_reader(self) -> ObjectReader:
        if self._reader is None:
            try:
                reader = ObjectReader(cwd=self._cwd, env=self._env, limit=MAX_BLOB_BYTES, timeout=_ANSWER)
            except FileNotFoundError as error:
                raise self._not_started() from error
            try:
                self._register(reader.process)
            except Stopped:
                reader.close()
                raise
            self._reader = reader
        return self._reader

    def _drop_reader(self) -> None:
        if self._reader is not None:
            with self._running_lock:
                self._running.discard(self._reader.process)
            self._reader.close()
            self._reader = None

    def _read_in_bulk(self, blobs: Sequence[str]) -> dict[str, bytes]:
        """Two processes for all of them: 10 ms at first, then less for each object than the persistent reader takes."""
        listing = self.run("cat-file", "--batch-check", stdin=lines(blobs)).decode().splitlines()
        contents: dict[str, bytes] = {}
        chunk: list[str] = []
        room = _READ_CHUNK_BYTES
        if any(line.endswith(" missing") for line in listing):
            self._on_damage()
        for words in (line.split() for line in listing):
            if len(words) != 3 or words[1] != "blob" or int(words[2]) > MAX_BLOB_BYTES:
                continue
            if int(words[2]) > room:
                contents |= parsed(self.run("cat-file", "--batch", stdin=lines(chunk)))
                chunk, room = [], _READ_CHUNK_BYTES
            chunk.append(words[0])
            room -= int(words[2])
        return contents | parsed(self.run("cat-file", "--batch", stdin=lines(chunk)))


def _settings(place: RepositoryPaths, config: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    # git(1), safe.directory: this folder was given by the operator; no other one becomes trusted by it.
    return (*_CONFIG, ("safe.directory", str(place.root or place.git_dir)), *config)


def _environment(
    place: RepositoryPaths, protocols: str, settings: Sequence[tuple[str, str]], global_config: str | None
) -> dict[str, str]:
    dropped = ("SSH_ASKPASS", "LANGUAGE")
    env = {
        key: value
        for key, value in os.environ.items()
        if (not key.startswith("GIT_") or key in _PASSED_ON) and key not in dropped
    }
    env.setdefault("GIT_SSH_COMMAND", _SSH)
    env |= _FIXED | {"GIT_ALLOW_PROTOCOL": protocols, "GIT_DIR": str(place.git_dir)}
    if global_config is not None:
        env["GIT_CONFIG_GLOBAL"] = global_config
    if place.root is not None:
        env["GIT_WORK_TREE"] = str(place.root)
    return env | quarantine(place.common) | _spoken(settings)


def _spoken(settings: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Settings for one command in its environment, see GIT_CONFIG_COUNT in git-config(1)."""
    env = {"GIT_CONFIG_COUNT": str(len(settings))}
    for number, (key, value) in enumerate(settings):
        env[f"GIT_CONFIG_KEY_{number}"] = key
        env[f"GIT_CONFIG_VALUE_{number}"] = value
    return env
