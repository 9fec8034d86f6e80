"""A real git repository that a test writes, commits and pushes in."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

JOB = """\
name: {name}
schedule: "{schedule}"
enabled: true
webhook:
  url: https://hooks.example.com/{name}
"""


def job_text(name: str, *, schedule: str = "0 2 * * *") -> str:
    """The smallest enabled job of that name."""
    return JOB.format(name=name, schedule=schedule)


class Repository:
    """A checkout with a branch ``main``. ``clone`` and ``bare`` make others out of it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)

    @classmethod
    def init(cls, root: Path, *, branch: str = "main") -> "Repository":
        repository = cls(root)
        repository.git("init", "--quiet", "--template=", "--initial-branch", branch)
        return repository

    def git(self, *args: str, env: Mapping[str, str] | None = None, stdin: str | None = None) -> str:
        """The output of git, without the last line break; CalledProcessError when it fails."""
        done = subprocess.run(
            ["git", *args],
            cwd=self.root,
            env=os.environ | dict(env or {}),
            input=stdin,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.rstrip("\n")

    def write(self, path: str, text: str | bytes) -> Path:
        """In one step, as a careful editor saves."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh = file.with_name(f".{file.name}.fresh")
        fresh.write_bytes(text.encode() if isinstance(text, str) else text)
        fresh.replace(file)
        return file

    def write_job(self, name: str, *, schedule: str = "0 2 * * *", path: str | None = None) -> Path:
        return self.write(path or f"jobs/{name}.yaml", job_text(name, schedule=schedule))

    def remove(self, path: str) -> None:
        (self.root / path).unlink()

    def commit(self, message: str = "A change") -> str:
        """Everything that differs, as one commit; its id."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.head()

    def head(self, ref: str = "HEAD") -> str:
        return self.git("rev-parse", "--verify", f"{ref}^{{commit}}")

    def bare(self, folder: Path) -> "Repository":
        """A bare copy, as a server keeps it, that becomes this one's ``origin``."""
        self.git("clone", "--quiet", "--template=", "--bare", str(self.root), str(folder))
        self.git("remote", "add", "origin", str(folder))
        return Repository(folder)

    def clone(self, folder: Path) -> "Repository":
        self.git("clone", "--quiet", "--template=", str(self.root), str(folder))
        return Repository(folder)

    def push(self, *args: str) -> None:
        self.git("push", "--quiet", "origin", *(args or ("HEAD",)))

    def hook(self, name: str, script: str) -> Path:
        """A hook of this repository, executable."""
        folder = Path(self.git("rev-parse", "--path-format=absolute", "--git-common-dir")) / "hooks"
        folder.mkdir(exist_ok=True)
        hook = folder / name
        hook.write_text(f"#!/bin/sh\n{script}\n")
        hook.chmod(0o755)
        return hook
