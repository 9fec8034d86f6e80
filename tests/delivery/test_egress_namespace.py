"""The same rule over real sockets, where nothing can leave: a network namespace with the forbidden addresses on lo."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent


def no_namespace() -> str:
    """Why no network namespace can be made here; "" when one can."""
    if os.geteuid() != 0 or shutil.which("unshare") is None or shutil.which("ip") is None:
        return "only root can make a network namespace, with unshare(1) and ip(8)"
    made = subprocess.run(["unshare", "--net", "ip", "link"], capture_output=True, text=True, check=False)
    return made.stderr.strip() if made.returncode else ""


@pytest.mark.timeout(100)
def test_no_spelling_and_no_name_server_leads_to_a_forbidden_address() -> None:
    """Takes some seconds: two hundred attempts over real sockets."""
    reason = no_namespace()
    if reason:
        print(f"1 egress test skipped, the address table is tested without a network: {reason}")
        pytest.skip(reason)
    command = ["unshare", "--net", sys.executable, "-m", "support.sentinel"]
    environ = {**os.environ, "PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS.parent}"}
    done = subprocess.run(command, cwd=TESTS, env=environ, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    print(found)
    assert found["spellings"] >= 60
    assert found["unwanted"] == {}, "nothing has arrived where it must not"
    assert found["friend"] > 0, "the flip-flop name server was believed while it told the truth"
    assert found["control"] == 3, "the sentinel does notice whoever arrives"
