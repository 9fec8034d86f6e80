"""The same rule over real sockets, where nothing can leave: a network namespace with the forbidden addresses on lo."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from harness.machine.namespaces import unshare
from harness.programs.tools import tool

TESTS = Path(__file__).parents[3]


@pytest.mark.timeout(100)
def test_no_spelling_and_no_name_server_leads_to_a_forbidden_address() -> None:
    """Takes some seconds: two hundred attempts over real sockets."""
    found = _in_namespace("harness.processes.egress_probe")
    assert found["spellings"] >= 60
    assert found["unwanted"] == {}, "nothing has arrived where it must not"
    assert found["friend"] > 0, "the flip-flop name server was believed while it told the truth"
    assert found["control"] == 3, "the sentinel does notice whoever arrives"


@pytest.mark.timeout(100)
def test_a_preflight_goes_by_the_same_rule_as_a_webhook() -> None:
    found = _in_namespace("harness.processes.preflight_probe")
    assert found["hosts"] >= 60
    assert found["differ"] == []
    assert found["unwanted"] == {}
    assert (found["both"], found["friend"]) == ("address", "pass")


def _in_namespace(module: str) -> dict[str, Any]:
    tool("ip")
    command = [*unshare("--net"), sys.executable, "-m", module]
    environ = {**os.environ, "PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS.parent}"}
    done = subprocess.run(command, cwd=TESTS, env=environ, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    print(found)
    return found
