"""Namespaces of Linux for tests that must not touch the machine: one of its own network, one of its own mounts."""

import os
import subprocess

import pytest
from harness.programs.tools import tool


def unshare(*kinds: str) -> tuple[str, ...]:
    """The words of a command that runs what follows in new namespaces (``--net``, ``--mount``); who is not root maps
    itself to root in a user namespace. A machine that forbids both fails the test."""
    words = (tool("unshare"), *([] if os.geteuid() == 0 else ["--user", "--map-root-user"]), *kinds)
    made = subprocess.run([*words, "true"], capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.fail(f"no namespace can be made, so nothing was tested: {made.stderr.strip()}")
    return words
