"""``config check`` and ``config show``: every error at once, every value with its source, no secret."""

import json
from pathlib import Path
from typing import Any

import pytest

from chronos_gitops.cli.main import main
from chronos_gitops.cli.reports import settings as report
from chronos_gitops.config.settings import TABLE

Captured = pytest.CaptureFixture[str]
SECRET = "tops3cret-Value"
TOML = f"""\
listen = "127.0.0.1:9000"
engine = "postgresql://chronos:{SECRET}@db.example.com/chronos?password={SECRET}"
hosts = ["chronos.example.com"]
[git]
password = "{SECRET}"
[hooks]
github_secrets = ["{SECRET}"]
[[tokens]]
name = "ci"
sha256 = "{"ab" * 32}"
roles = ["read"]
[[notify]]
name = "on-call"
type = "slack"
url = "https://hooks.example.com/services/{SECRET}"
"""


@pytest.fixture
def toml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "settings.toml"
    file.write_text(TOML)
    file.chmod(0o600)
    return file


def shown(capsys: Captured, *words: str) -> dict[str, dict[str, Any]]:
    assert main(["config", "show", "--format", "json", *words]) == 0
    return {one["key"]: one for one in json.loads(capsys.readouterr().out)["items"]}


def findings(capsys: Captured, code: int, *words: str) -> list[dict[str, str]]:
    assert main(["config", "check", "--format", "json", *words]) == code
    items: list[dict[str, str]] = json.loads(capsys.readouterr().out)["items"]
    return items


def test_each_value_names_where_it_comes_from(toml: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.setenv("CHRONOS_INTERVAL", "90s")
    found = shown(capsys, "--config", str(toml), "--listen", "127.0.0.1:9001", "--all")
    assert found["listen"] == {"key": "listen", "value": "127.0.0.1:9001", "source": "--listen"}
    assert found["interval"] == {"key": "interval", "value": "1m30s", "source": "CHRONOS_INTERVAL"}
    assert found["hosts"] == {"key": "hosts", "value": ["chronos.example.com"], "source": f"{toml}: hosts"}
    assert found["retention.days"] == {"key": "retention.days", "value": 100, "source": "default"}
    assert set(found) >= {row.key for row in TABLE} - {"heartbeat.url", "heartbeat.url_file"}


def test_only_what_is_given_is_shown_without_all(toml: Path, capsys: Captured) -> None:
    assert set(shown(capsys, "--config", str(toml))) == {
        "listen", "engine", "hosts", "git.password", "hooks.github_secrets", "tokens", "notify"
    }  # fmt: skip
    assert main(["config", "show"]) == 0
    assert capsys.readouterr().out == "no setting is given; --all shows the defaults\n"


@pytest.mark.parametrize("style", ["text", "json"])
def test_no_secret_is_shown(toml: Path, style: str, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.setenv("CHRONOS_SECRET_BACKUP", SECRET)
    monkeypatch.setenv("CHRONOS_REPO", f"https://me:{SECRET}@git.example.com/jobs.git")
    assert main(["config", "show", "--config", str(toml), "--all", "--format", style]) == 0
    out = capsys.readouterr().out
    assert SECRET not in out
    assert "ab" * 32 not in out
    assert "https://***@git.example.com/jobs.git" in out
    assert "postgresql://***@db.example.com/chronos?***" in out


def test_every_secret_setting_is_hidden_by_its_declaration() -> None:
    """A new secret is hidden without a line here: what a class does not show, no report shows."""
    hidden = {row.key for row in TABLE if report.setting.is_secret(report.Settings, row)}
    assert hidden >= {"git.password", "engine", "repo", "hooks.github_secrets", "temporal.api_key"}


def test_check_names_every_error_at_once(toml: Path, capsys: Captured) -> None:
    toml.write_text('listen = "nowhere:x"\ninterval = "soon"\n[retention]\ndays = 0\n')
    items = findings(capsys, 1, "--config", str(toml))
    assert [one["verdict"] for one in items] == ["failed"] * 3
    for key, item in zip(("interval", "listen", "retention.days"), items, strict=True):
        assert item["message"].startswith(f"{toml}: {key}: ")
    assert all(one["hint"] for one in items)


def test_check_says_what_a_start_would(toml: Path, capsys: Captured) -> None:
    toml.write_text('lisen = ":1"\n')
    (item,) = findings(capsys, 1, "--config", str(toml))
    assert "listen" in item["hint"]
    toml.write_text('listen = "0.0.0.0:80"\n')
    (item,) = findings(capsys, 1, "--config", str(toml))
    assert "loopback" in item["message"]
    (item,) = findings(capsys, 1, "--config", str(toml.parent / "none.toml"))
    assert "cannot be read" in item["message"]


def test_check_looks_at_the_files_that_settings_name(toml: Path, capsys: Captured) -> None:
    toml.write_text('[git]\npassword_file = "missing"\n[egress.hosts."a.example.com"]\nca_file = "missing.pem"\n')
    items = findings(capsys, 1, "--config", str(toml))
    told = [one["message"] for one in items if one["verdict"] == "failed"]
    assert sorted(message.split(":")[0] for message in told) == ["egress.hosts", "git.password_file"]


def test_check_warns_of_an_open_file_and_of_one_that_is_not_read(toml: Path, capsys: Captured) -> None:
    toml.chmod(0o644)
    (toml.parent / "chronos.toml").write_text("")
    items = findings(capsys, 0, "--config", str(toml))
    assert [one["hint"] for one in items if one["verdict"] == "warning"] == [f"chmod o-r {toml}"]
    items = findings(capsys, 0)
    assert "chronos.toml in the current folder is not read" in items[0]["message"]
