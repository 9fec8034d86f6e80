"""A job's egress policy is that of its folder, over kept connections and shared DNS answers, too."""

import asyncio
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from harness.machine.namespaces import unshare
from harness.servers import Connection, Hostile, answer

from chronos_gitops.config import load
from chronos_gitops.config.groups import Egress
from chronos_gitops.config.model import FolderEgress, SettingsError
from chronos_gitops.jobs.validation.validate import validate_file
from chronos_gitops.webhooks.attempt import Delivery
from chronos_gitops.webhooks.credentials.secrets import Secrets
from chronos_gitops.webhooks.outcome import Outcome
from chronos_gitops.webhooks.request import AttemptContext
from chronos_gitops.webhooks.transport.egress.egress import Level
from chronos_gitops.webhooks.transport.egress.egress_folders import EgressPolicies

TESTS = Path(__file__).parents[3]


def test_no_folder_reaches_what_only_another_one_may() -> None:
    command = [*unshare("--net"), sys.executable, "-m", "harness.processes.egress_folder_probe"]
    environ = {**os.environ, "PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS.parent}"}
    done = subprocess.run(command, cwd=TESTS, env=environ, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    print(found)
    everything = ["metadata", "metadata-6", "private", "loopback", "name of metadata", "name of private"]
    assert found["reached"] == {
        "jobs": [],
        "jobs/ops": everything,
        "jobs/ops/eu": everything,
        "jobs/ops/strict": [],
        "jobs/ops2": [],
        "jobs/cloud": ["metadata", "name of metadata"],
        "jobs/inside": ["private", "name of private"],
    }
    assert found["attempts"] == 2 * 3 * 7 * 6
    assert found["ends"] == {"200": found["requests"], "refused-address": found["attempts"] - found["requests"]}
    assert found["requests"] == 2 * 3 * (6 + 6 + 2 + 2), "nobody is refused because of another folder"
    assert found["connections"] < found["requests"], "connections were kept, and shared"
    assert found["kept"] == ["jobs/cloud", "jobs/ops", "jobs/ops/eu"]


@pytest.mark.parametrize(
    ("path", "level", "allow", "keeps"),
    [
        ("jobs/x.yaml", "internal", "a.example:1", True),
        (None, "internal", "a.example:1", True),
        ("jobs/pay/x.yaml", "public", "a.example:1", False),
        ("jobs/pay/eu/x.yaml", "public", "b.example:1", False),
        ("jobs/pay/eu/deep/x.yaml", "public", "b.example:1", False),
        ("jobs/pay/us/x.yaml", "any", "a.example:1", True),
        ("jobs/pay2/x.yaml", "internal", "a.example:1", True),
        ("jobs/closed/x.yaml", "internal", "", True),
    ],
)
def test_the_deepest_folder_counts_and_inherits_what_it_leaves_out(
    path: str | None, level: str, allow: str, keeps: bool
) -> None:
    folders = {
        "jobs/pay": FolderEgress("public", responses="none"),
        "jobs/pay/eu": FolderEgress(allow=("b.example:1",)),
        "jobs/pay/us": FolderEgress("any", responses="excerpt"),
        "jobs/closed": FolderEgress(allow=()),
    }
    found = EgressPolicies.parse(Egress("internal", ("a.example:1",), folders=folders), loopback_allowed=False).of(path)
    assert found.policy.level is Level(level)
    assert [f"{one.host}:{one.port}" for one in found.policy.endpoints] == ([allow] if allow else [])
    assert found.keeps_responses is keeps


def settings_of(tmp_path: Path, text: str) -> Egress:
    config = tmp_path / "chronos.toml"
    config.write_text(text)
    return load.load({}, {}, config).egress


def test_settings_have_a_table_for_each_folder(tmp_path: Path) -> None:
    text = 'egress.responses = "none"\n[egress.folders."jobs/billing/"]\nlevel = "any"\nallow = ["10.0.0.1:80"]\n'
    found = settings_of(tmp_path, text + 'responses = "excerpt"\n[egress.folders."jobs/ops"]\nlevel = "public"\n')
    assert found.responses == "none"
    assert found.folders == {
        "jobs/billing": FolderEgress("any", ("10.0.0.1:80",), "excerpt"),
        "jobs/ops": FolderEgress("public"),
    }


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ('[egress.folders."billing"]\nlevel = "any"', '"billing" is not below jobs; write "jobs/billing"'),
        ('[egress.folders."jobs/a"]', "the table is empty; write level, allow or responses"),
        ('[egress.folders."jobs/a"]\nlevel = "open"', '"open" is none of public, internal, any'),
        ('[egress.folders."jobs/a"]\nresponses = "all"', '"all" is none of excerpt, none'),
        ('[egress.folders."jobs/a"]\nonly = ["x"]', 'there is no "only"'),
        ('[egress.folders."../jobs"]\nlevel = "any"', "not a folder inside the repository"),
        ("egress.folders = 3", 'write one [egress.folders."jobs/billing"] table'),
    ],
)
def test_a_wrong_table_is_named_with_the_way_out(tmp_path: Path, table: str, message: str) -> None:
    with pytest.raises(SettingsError, match=r"egress\.folders") as refused:
        settings_of(tmp_path, table)
    assert message in str(refused.value)


async def confide(connection: Connection) -> None:
    await connection.request()
    await connection.send(answer("200 OK", b'{"state": "confidential-4711", "count": 4711}'))


@pytest.mark.parametrize("keeps", [True, False])
@pytest.mark.parametrize("rule", ["{json: /state, equals: done}", "{json: /count, at_least: 9000}"])
def test_without_responses_nothing_of_a_target_is_kept(keeps: bool, rule: str) -> None:
    async def attempted(url: str) -> tuple[Outcome, str]:
        text = f"name: a\nschedule: '@daily'\nwebhook: {{url: '{url}', success: {{body: [{rule}]}}}}\n"
        job = validate_file("jobs/a.yaml", text.encode()).job
        assert job is not None
        call = AttemptContext("id", datetime(2026, 1, 1, tzinfo=UTC), 1, None, path="jobs/a.yaml")
        egress = Egress(responses="excerpt" if keeps else "none")
        policies = EgressPolicies.parse(egress, loopback_allowed=True)
        async with Delivery(secrets=Secrets({}), egress=policies, user_agent="test") as delivery:
            return await delivery.attempt(job, call), delivery.excerpt(job, call, "half of 4711 done")

    with Hostile(confide) as server:
        outcome, message = asyncio.run(attempted(f"http://127.0.0.1:{server.port}/"))
    assert (outcome.status_code, outcome.error_class) == (200, "assertion")
    assert ("4711" in f"{outcome.error}") is keeps
    assert ("4711" in f"{outcome.response}") is keeps
    assert message == ("half of 4711 done" if keeps else "")
    assert "body rule 1" in f"{outcome.error}"
