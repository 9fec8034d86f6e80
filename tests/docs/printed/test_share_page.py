"""docs/how-to/share-a-runner.md: with its settings only the team of a folder uses its secret."""

from pathlib import Path

from docs.printed.page_commands import printed_commands, ran
from harness.processes.proxied_runner import settings_of
from harness.repositories.repository import Repository

JOB = """\
name: {name}
schedule: "0 2 * * *"
enabled: true
webhook:
  url: https://api.pay.example.com/run
  method: POST
  auth: {{type: bearer, token: "${{secret:pay-key}}"}}
"""


def test_commands_check_the_settings_and_find_the_use_of_another_team(tmp_path: Path) -> None:
    """The table of the created token makes the runner refuse secrets without a binding."""
    checkout = Repository.init(tmp_path / "checkout")
    checkout.write("jobs/billing/nightly-charge.yaml", JOB.format(name="nightly-charge"))
    checkout.commit("A job of the billing team")
    settings = checkout.root / "chronos.toml"
    blocks = [settings_of("share-a-runner.md", number) for number in range(2)]
    commands = [one.line for one in printed_commands("share-a-runner")]
    assert [line.split()[1] for line in commands] == ["token", "config", "secrets"]
    created = ran(commands[0], checkout.root)
    assert created.returncode == 0, created.stderr
    settings.write_text("\n".join([*blocks, *created.stdout.splitlines()[1:]]) + "\n")
    secret = {"CHRONOS_SECRET_PAY_KEY": "0123456789abcdef"}
    for line in commands[1:]:
        done = ran(line, checkout.root, **secret)
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    checkout.write("jobs/platform/nightly-theft.yaml", JOB.format(name="nightly-theft"))
    found = ran(commands[2], checkout.root, **secret)
    assert found.returncode == 1
    assert [line.split()[1] for line in found.stdout.splitlines() if "nightly-theft" in line] == ["refused"]
