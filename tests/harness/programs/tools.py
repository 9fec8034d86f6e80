"""Programs that tests run and that are no Python: there, or a failure that says how to install them."""

import importlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

_BIN = Path(sys.executable).parent
_FOLDERS = (_BIN, _BIN.parent / "node/node_modules/.bin")


def tool(name: str) -> str:
    """The program that `make test` installed into the virtual environment, or else one on PATH."""
    found = shutil.which(name, path=os.pathsep.join([*map(str, _FOLDERS), os.environ.get("PATH", os.defpath)]))
    if found is None:
        pytest.fail(f"{name} is not installed, so nothing was tested: `make test` installs it")
    return found


def library(name: str) -> ModuleType:
    """A module that comes with the programs."""
    try:
        return importlib.import_module(name)
    except ImportError:
        pytest.fail(f"{name} is not installed, so nothing was tested: `make test` installs it")


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def await_port(port: int, process: subprocess.Popen[str], said: Callable[[], str]) -> None:
    """Return once the program listens on 127.0.0.1; fail with ``said`` if it ends before, or takes 10 s."""
    until = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert process.poll() is None, said()
            assert time.monotonic() < until, f"port {port} stays closed"
            time.sleep(0.01)
        else:
            return
