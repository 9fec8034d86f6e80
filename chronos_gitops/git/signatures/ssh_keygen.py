"""The program ssh-keygen, which makes and checks SSH signatures."""

import os
from pathlib import Path
from typing import Final

from chronos_gitops.git import process
from chronos_gitops.git.errors import GitMissing, Timeout

_SECONDS: Final = 30.0
_LIMIT: Final = 1 << 20


def run(folder: Path, *args: str, stdin: bytes = b"") -> process.Completed:
    """``ssh-keygen -Y ARGS`` in this folder; it never asks for a passphrase. A GitError when it does not end."""
    argv = ("ssh-keygen", "-Y", *args)
    env = dict(os.environ) | {"LC_ALL": "C", "SSH_ASKPASS_REQUIRE": "never"}
    try:
        with process.started(argv, cwd=folder, env=env, stdin=stdin) as child:
            return process.finish(child, timeout=_SECONDS, limit=_LIMIT)
    except FileNotFoundError as error:
        raise GitMissing("the program ssh-keygen was not found", hint="install OpenSSH 8.9 or newer") from error
    except (process.Overdue, process.Flooded) as error:
        raise Timeout(f"ssh-keygen did not end within {_SECONDS:g} s") from error
