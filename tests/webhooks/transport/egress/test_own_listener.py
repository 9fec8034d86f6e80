"""A job never calls its own runner (TEAMS 5): judged on the connected socket, before the first byte."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from harness.machine.namespaces import unshare
from harness.own_listener import LOOPBACK, OTHERS, SPELLINGS, attempt, listening, tried
from harness.programs.tools import tool

from chronos_gitops.webhooks.transport.egress.own_listener import Listener

TESTS = Path(__file__).parents[3]


@pytest.mark.parametrize("host", LOOPBACK)
def test_no_spelling_and_no_level_leads_to_the_runner_itself(host: str) -> None:
    ends = asyncio.run(tried(host, (*SPELLINGS, *OTHERS)))
    assert ends["bytes"] == 0
    assert ends["tried"] == 66
    if host in ("0.0.0.0", "::"):
        assert ends["refused-address"] == 66, "each one, by the level or because it is the runner"
    assert ends["itself"] >= 10


def test_another_port_of_the_same_address_is_another_server() -> None:
    with listening("127.0.0.1") as sock:
        port = sock.getsockname()[1]
        outcome = asyncio.run(attempt("http://127.0.0.1:1/", Listener("127.0.0.1", port), "internal"))
    assert outcome.error_class == "connect"


def test_another_address_of_the_machine_is_another_server() -> None:
    listener = Listener("127.0.0.1", 8080)
    assert not listener.is_reached("127.0.0.2", 8080)
    assert not listener.is_reached("::1", 8080)
    assert not Listener("0.0.0.0", 8080).is_reached("192.0.2.7", 8080)
    assert not Listener("::", 8080).is_reached("2001:db8::7", 8080)
    assert not Listener("127.0.0.1", 0).is_reached("127.0.0.1", 0)


@pytest.mark.timeout(100)
def test_neither_do_addresses_of_the_machine() -> None:
    """Takes some seconds: 504 attempts over real sockets, where a secondary address answers from the primary one."""
    tool("ip")
    command = [*unshare("--net"), sys.executable, "-m", "harness.own_listener"]
    environ = {**os.environ, "PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS.parent}"}
    done = subprocess.run(command, cwd=TESTS, env=environ, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert sum(ends["tried"] for ends in found.values()) == 504
    assert {host: ends["bytes"] for host, ends in found.items()} == dict.fromkeys(found, 0)
    assert found["0.0.0.0"]["itself"] >= 72
    assert found["10.0.0.2"]["itself"] == 12
