"""The tables ``[[notify]]`` and ``[heartbeat]``: accepted forms, and the messages that refuse others."""

from datetime import timedelta
from pathlib import Path

import pytest

from chronos_gitops.config import load
from chronos_gitops.config.channels import Email, SecretValue, WebhookChannel
from chronos_gitops.config.groups import Heartbeat
from chronos_gitops.config.model import SettingsError

NOTIFY = """
[[notify]]
name = "oncall"
type = "webhook"
url_file = "url"
secret = "${secret:signing}"

[[notify]]
name = "team"
type = "slack"
url = "https://hooks.example.com/services/T0/B0/hidden"
tags = { team = "backend" }
threshold = 3
reminder = "0s"
recovery = false

[[notify]]
name = "mail"
type = "email"
host = "smtp.example.com"
username = "chronos"
password_file = "password"
from = "chronos@example.com"
to = ["oncall@example.com"]
kinds = ["sync"]

[heartbeat]
url = "https://hc.example.com/hidden"
interval = "30s"
"""


def test_channels_and_the_heartbeat(tmp_path: Path) -> None:
    (tmp_path / "chronos.toml").write_text(NOTIFY)
    found = load.load({}, {}, tmp_path / "chronos.toml")
    oncall, team, mail = found.channels
    assert oncall.way == WebhookChannel(SecretValue(file=tmp_path / "url"), SecretValue("${secret:signing}"))
    assert (oncall.threshold, oncall.reminder, oncall.recovery) == (1, timedelta(hours=24), True)
    assert oncall.kinds == {"job", "sync"}
    assert (team.threshold, team.reminder, team.recovery) == (3, timedelta(0), False)
    assert (team.tags, team.kinds) == ((("team", "backend"),), {"job"}), "following git is about no team"
    password = SecretValue(file=tmp_path / "password")
    recipients = ("oncall@example.com",)
    assert mail.way == Email(
        "smtp.example.com", 587, "starttls", "chronos@example.com", recipients, "chronos", password
    )
    assert found.heartbeat == Heartbeat(SecretValue("https://hc.example.com/hidden"), timedelta(seconds=30))
    assert "hidden" not in repr(found)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('name = "a"', 'channel "a": type: "None" is none of webhook, slack, email'),
        ('name = "a"\ntype = []', 'channel "a": type: "[]" is none of webhook, slack, email'),
        ('type = "slack"', 'table 1 has no name; write one like name = "backend-team"'),
        ('name = "A b"\ntype = "slack"', "table 1 has no name"),
        ('name = "a"\ntype = "slack"', 'channel "a": there is no url; write url = "https://..." or url_file'),
        ('name = "a"\ntype = "slack"\nurl = "hidden"', 'channel "a": url is no address; write one like https://'),
        ('name = "a"\ntype = "slack"\nurl = "https://me:hidden@a/"', 'channel "a": url is no address'),
        ('name = "a"\ntype = "slack"\nurl = "${secret:}"', 'channel "a": url holds a reference that names no secret'),
        ('name = "a"\ntype = "slack"\nurl = "https://a/"\nurl_file = "a"', "url and url_file are two answers"),
        ('name = "a"\ntype = "slack"\nurl = "https://a/"\nsecret = "x"', 'there is no "secret"'),
        ('name = "a"\ntype = "slack"\nurl = "https://a/"\ntreshold = 2', 'did you mean "threshold"?'),
        ('name = "a"\ntype = "slack"\nurl = "https://a/"\nthreshold = 0', "threshold: "),
        ('name = "a"\ntype = "slack"\nurl = "https://a/"\nthreshold = 101', "threshold: 101 is too many"),
        ('name = "a"\ntype = "slack"\nurl = "https://a/"\nreminder = "a day"', 'reminder: "a day" is not a duration'),
        ('name = "a"\ntype = "slack"\nurl = "https://a/"\nrecovery = 1', "recovery: 1 is neither true nor false"),
        ('name = "a"\ntype = "slack"\nurl = "https://a/"\nkinds = ["jobs"]', "kinds: some of job, sync; got jobs"),
        ('name = "a"\ntype = "slack"\nurl = "https://a/"\ntags = {}', "tags is empty"),
        ('name = "a"\ntype = "email"', 'there is no "host"; write one like host = "smtp.example.com"'),
        ('name = "a"\ntype = "email"\nhost = "a"\nfrom = "a@b"', 'there is no "to"'),
        ('name = "a"\ntype = "email"\nhost = "a:25"\nfrom = "a@b"\nto = "b@c"', 'host: "a:25" is no host'),
        ('name = "a"\ntype = "email"\nhost = "a"\nfrom = "Ada <a@b>"\nto = "b@c"', '"Ada <a@b>" is no e-mail address'),
        (
            'name = "a"\ntype = "email"\nhost = "a"\nfrom = "a@b"\nto = "b@c"\nport = 99999',
            "port: 99999 is not between",
        ),
        ('name = "a"\ntype = "email"\nhost = "a"\nfrom = "a@b"\nto = "b@c"\nusername = "u"', "go together"),
        (
            'name = "a"\ntype = "email"\nhost = "a"\nfrom = "a@b"\nto = "b@c"\nusername = "u"\npassword = "hidden"\n'
            'tls = "none"',
            "a password would be sent in the clear",
        ),
        (
            'name = "a"\ntype = "slack"\nurl = "https://a/"\n[[notify]]\nname = "a"\ntype = "slack"\nurl = "https://b/"',
            'two channels have the name "a"',
        ),
    ],
)
def test_a_channel_that_cannot_be_names_its_table_its_key_and_a_way_out(
    tmp_path: Path, text: str, complaint: str
) -> None:
    (tmp_path / "chronos.toml").write_text(f"[[notify]]\n{text}\n")
    with pytest.raises(SettingsError) as caught:
        load.load({}, {}, tmp_path / "chronos.toml")
    assert caught.value.message.startswith(f"{tmp_path / 'chronos.toml'}: notify: ")
    assert complaint in caught.value.message
    assert "hidden" not in caught.value.message


def test_a_heartbeat_has_one_address(tmp_path: Path) -> None:
    (tmp_path / "chronos.toml").write_text('[heartbeat]\nurl = "https://a/"\nurl_file = "a"\n')
    with pytest.raises(SettingsError, match=r"heartbeat.url and heartbeat.url_file are two answers"):
        load.load({}, {}, tmp_path / "chronos.toml")
    for url in ("hidden", "ftp://a/hidden"):
        with pytest.raises(SettingsError, match="CHRONOS_HEARTBEAT_URL: it is no address") as caught:
            load.load({}, {"CHRONOS_HEARTBEAT_URL": url}, None)
        assert "hidden" not in str(caught.value)
