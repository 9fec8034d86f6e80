"""The operator's settings: three sources, one order, and errors that name the place."""

import hashlib
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chronos_gitops.config import load
from chronos_gitops.config.groups import Egress
from chronos_gitops.config.model import HostTls, SettingsError, Token
from chronos_gitops.config.settings import Settings
from chronos_gitops.jobs.origins.origin import OriginPattern
from chronos_gitops.jobs.secrets.bindings import SecretBinding

DIGEST = "5d" * 32
_ISSUER = "[[issuers]]\nname = 'sso'\nissuer = 'https://sso.example.com'\naudience = 'chronos'\n"
_GRANT = "[[grants]]\nfrom = 'sso'\nmatch = {groups = 'a'}\nroles = ['read']\nfolders = ['jobs/a']\n"


def chronos_toml(folder: Path, text: str) -> Path:
    path = folder / "chronos.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("word", ["test", "changeme", "Token", "secret\n", "", "chronos-gitops"])
def test_a_digest_that_anybody_can_invert_is_refused(tmp_path: Path, word: str) -> None:
    digest = hashlib.sha256(word.encode()).hexdigest()
    path = chronos_toml(tmp_path, f'[[tokens]]\nname = "ci"\nsha256 = "{digest.upper()}"\nroles = ["read"]')
    with pytest.raises(SettingsError, match=f'digest of the word "{word.strip().lower()}".*token create --name ci'):
        load.load({}, {}, path)


def test_the_placeholder_of_the_examples_is_refused(tmp_path: Path) -> None:
    path = chronos_toml(tmp_path, f'[[tokens]]\nname = "ci"\nsha256 = "{"0" * 64}"\nroles = ["read"]')
    with pytest.raises(SettingsError, match=r"the placeholder of the examples.*token create --name ci"):
        load.load({}, {}, path)


def test_defaults_are_the_contracts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    found = load.load({}, {}, None)
    assert found.repo == str(tmp_path)
    assert (found.host, found.port) == ("127.0.0.1", 8080)
    assert (found.jobs_folder, found.follow, found.branch, found.on_invalid) == ("jobs", None, None, "quarantine")
    assert (found.interval, found.drain) == (timedelta(seconds=60), timedelta(seconds=25))
    assert (found.egress, found.engine) == (Egress("internal", ()), "sqlite")
    assert found.data.parent.name == "chronos-gitops"


def test_flags_win_over_environment_over_file(tmp_path: Path) -> None:
    config = chronos_toml(tmp_path, 'interval = "10s"\nbranch = "file"\nfollow = "branch"\n')
    environ = {"CHRONOS_INTERVAL": "20s", "CHRONOS_BRANCH": "environment"}
    found = load.load({"interval": "30s", "branch": None}, environ, config)
    assert found.interval == timedelta(seconds=30)
    assert found.branch == "environment"
    assert found.follow == "branch"


def test_every_part_of_a_whole_file_is_read(tmp_path: Path) -> None:
    config = chronos_toml(
        tmp_path,
        f"""
        repo = "checkout"
        data = "state"
        listen = "0.0.0.0:80"
        on_invalid = "reject"
        engine = "postgresql://chronos@db.example.com/chronos"
        drain = "0s"

        [egress]
        level = "public"
        allow = ["169.254.169.254", "10.0.0.0/8"]

        ca_file = "ca.pem"

        [secrets]
        folder = "secrets"
        bind.backup-token = {{ folders = ["jobs/backup"], origins = ["https://api.example.com"] }}

        [[tokens]]
        name = "ci"
        sha256 = "{DIGEST.upper()}"
        roles = ["read", "operate"]

        [limits]
        in_flight = 10
        in_flight_per_host = 5
        rate_per_host = 20
        breaker_after = 0

        [retention]
        days = 30
        rows = 500

        [log]
        format = "json"
        level = "debug"
        """,
    )
    found = load.load({}, {}, config)
    assert found == Settings(
        repo=str(tmp_path / "checkout"),
        data=tmp_path / "state",
        host="0.0.0.0",
        port=80,
        on_invalid="reject",
        engine="postgresql://chronos@db.example.com/chronos",
        drain=timedelta(0),
        egress=Egress("public", ("169.254.169.254", "10.0.0.0/8"), ca_file=tmp_path / "ca.pem"),
        secrets_folder=tmp_path / "secrets",
        secret_bindings={
            "backup-token": SecretBinding(("jobs/backup",), (OriginPattern.parse("https://api.example.com"),))
        },
        tokens=(Token("ci", DIGEST, frozenset({"read", "operate"})),),
        max_in_flight=10,
        max_in_flight_per_host=5,
        rate_per_host=20,
        breaker_after=0,
        retention_days=30,
        retention_rows=500,
        log_format="json",
        log_level="debug",
    )


def test_the_file_may_be_named_by_the_environment(tmp_path: Path) -> None:
    config = chronos_toml(tmp_path, 'branch = "release"')
    assert load.load({}, {"CHRONOS_CONFIG": str(config)}, None).branch == "release"


def test_the_public_url_may_have_a_path_and_has_no_slash_at_its_end(tmp_path: Path) -> None:
    config = chronos_toml(tmp_path, 'public_url = "https://example.com/chronos/"')
    assert load.load({}, {}, config).public_url == "https://example.com/chronos"
    found = load.load({}, {"CHRONOS_PUBLIC_URL": "http://[fd00::1]:8080"}, config)
    assert (found.public_url, found.callback_url(1)) == ("http://[fd00::1]:8080", "http://[fd00::1]:8080")


def test_a_file_in_the_current_folder_is_not_read_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chronos_toml(tmp_path, 'egress.level = "any"')
    monkeypatch.chdir(tmp_path)
    assert load.load({}, {}, None).egress.level == "internal"


def test_hosts_have_their_own_tls_files(tmp_path: Path) -> None:
    config = chronos_toml(
        tmp_path,
        """
        [egress.hosts."*.Bank.example"]
        cert_file = "bank.pem"
        key_file = "/run/secrets/bank.key"
        [egress.hosts."[fd00::1]"]
        ca_file = "lab.pem"
        """,
    )
    assert load.load({}, {}, config).egress.hosts == {
        "*.bank.example": HostTls(None, tmp_path / "bank.pem", Path("/run/secrets/bank.key")),
        "fd00::1": HostTls(tmp_path / "lab.pem"),
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:8080", ("127.0.0.1", 8080)),
        ("[::1]:8080", ("::1", 8080)),
        ("localhost:0", ("localhost", 0)),
        (":0", ("127.0.0.1", 0)),
        (":8080", ("127.0.0.1", 8080)),
        ("9000", ("127.0.0.1", 9000)),
    ],
)
def test_listen_address(text: str, expected: tuple[str, int]) -> None:
    found = load.load({"listen": text}, {}, None)
    assert (found.host, found.port) == expected


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]", "10.1.2.3", "chronos.example.com"])
def test_an_open_door_needs_tokens(host: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="without tokens the runner listens on loopback only") as refused:
        load.load({"listen": f"{host}:8080"}, {}, None)
    assert "[[tokens]]" in refused.value.hint
    assert refused.value.exit_code == 2
    config = chronos_toml(tmp_path, f'[[tokens]]\nname = "a"\nsha256 = "{DIGEST}"\nroles = ["read"]')
    assert load.load({"listen": f"{host}:8080"}, {}, config).tokens


@pytest.mark.parametrize(
    ("flags", "environ", "message"),
    [
        ({"interval": "soon"}, {}, '--interval: "soon" is not a duration; write one like 300ms, 30s, 5m or 1h30m'),
        ({"interval": "10ms"}, {}, '--interval: "10ms" is too short; 1s is the least'),
        ({"on_invalid": "panic"}, {}, '--on-invalid: "panic" is none of quarantine, reject'),
        ({"listen": "8080:127.0.0.1"}, {}, '--listen: "8080:127.0.0.1" is not an address'),
        ({"listen": "127.0.0.1:99999"}, {}, '--listen: "127.0.0.1:99999" is not an address'),
        ({"listen": "::1:8080"}, {}, '--listen: "::1:8080" is not an address'),
        ({"jobs": "../other"}, {}, '--jobs: "../other" is not a folder inside the repository'),
        ({"engine": "mysql://root:secret@db"}, {}, '--engine: "mysql" is none of sqlite'),
        ({"engine": "sqlite://ledger.db"}, {}, '--engine: "sqlite://ledger.db" names no file; write sqlite:///var'),
        ({"engine": "sqlite:///"}, {}, '--engine: "sqlite:///" names no file'),
        ({}, {"CHRONOS_EGRESS": "everything"}, 'CHRONOS_EGRESS: "everything" is none of public, internal, any'),
        ({}, {"CHRONOS_MAX_IN_FLIGHT": "0"}, 'CHRONOS_MAX_IN_FLIGHT: "0" is not a whole number from 1 on'),
        ({}, {"CHRONOS_SECRET_A__B": "x"}, "CHRONOS_SECRET_A__B: no secret can have this name"),
    ],
)
def test_a_bad_value_names_where_it_came_from(flags: dict[str, str], environ: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load.load(flags, environ, None)
    assert refused.value.message.startswith(message)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("intervall = '5s'", ('chronos.toml: there is no setting "intervall"', 'did you mean "interval"?')),
        ("[egress]\nlevels = 'any'", ('"egress.levels"', '"egress.level"')),
        ("egress = 'any'", ('there is no setting "egress"', "egress.only")),
        ("interval = 60", ("chronos.toml: interval: 60 is not a text",)),
        ("limits.in_flight = true", ('chronos.toml: limits.in_flight: "True" is not a whole number',)),
        ("[retention]\ndays = 0", ('chronos.toml: retention.days: "0" is not a whole number from 1 on',)),
        ("failpoint = 'nowhere:kill'", ("chronos.toml: failpoint:", "after-claim", "kill, stop, hang, fail")),
        ("[egress]\nhosts = 'all'", ('egress.hosts: write one [egress.hosts."HOST"] table',)),
        ("[egress.hosts.'a.example.com:443']\nca_file = 'x'", ('"a.example.com:443" is no host', "without port")),
        ("[egress.hosts.a]\ncafile = 'x'", ('there is no "cafile"', 'did you mean "ca_file"?')),
        ("[egress.hosts.a]\nkey_file = 'x'", ('"a": a key_file belongs to a cert_file',)),
        ("interval = soon\n", ("chronos.toml: Invalid value", "line 1")),
        ("tokens = 'secret'", ("chronos.toml: tokens: write one [[tokens]] table",)),
        ("[[tokens]]\nname = 'ci'\nsha256 = 'x'\nroles = ['read']", ('token "ci": sha256 is the hex digest',)),
        (
            f"[[tokens]]\nname = 'ci'\nsha256 = '{DIGEST}'\nroles = ['write']",
            ('token "ci": roles are some of', "write"),
        ),
        (f"[[tokens]]\nname = 'ci'\nsha256 = '{DIGEST}'", ('token "ci": roles are some of', "none")),
        (
            f"[[tokens]]\nname = 'ci'\nsha256 = '{DIGEST}'\nroles = ['read']\ntags = ['backend']",
            ('token "ci": tags is a table of texts, like { team = "backend" }',),
        ),
        (
            f"[[tokens]]\nname = 'ci'\nsha256 = '{DIGEST}'\nroles = ['read']\ntags = {{}}",
            ('token "ci": tags is empty; leave it out to mean every job',),
        ),
        (
            f"[[tokens]]\nname = 'ci'\nsha256 = '{DIGEST}'\nroles = ['read']\ntags = {{team = 'a'}}",
            ('token "ci": tags do not limit a token by themselves', "folders = ["),
        ),
        (
            f"[[tokens]]\nname = 'ci'\nsha256 = '{DIGEST}'\nroles = ['read']\nfolders = []",
            ('token "ci": folders is empty',),
        ),
        (
            f"[[tokens]]\nname = 'ci'\nsha256 = '{DIGEST}'\nroles = ['read']\nfolders = ['billing']",
            ('tokens.ci: "billing" is not below jobs; write "jobs/billing"',),
        ),
        (
            f"[[tokens]]\nname = 'ci'\nsha256 = '{DIGEST}'\nroles = ['read']\nexpires = '2027-01-01'",
            ('token "ci": expires is a time without quotes',),
        ),
        (_ISSUER.replace("audience", "audiense"), ('sso: there is no "audiense"', '"audience"')),
        (_ISSUER.replace("https://", "http://"), ("sso: issuer", "is no https address")),
        (_ISSUER.replace("'sso'", "'token'"), ("token: name is kebab-case",)),
        (_ISSUER + _ISSUER, ("two issuers have the same name",)),
        (_ISSUER + _GRANT.replace("'sso'", "'ssso'"), ('grants.1: there is no issuer "ssso"', '"sso"')),
        (_ISSUER + _GRANT.replace("groups", "environment"), ("grants.1: match names none of sub, repository",)),
        (_ISSUER + _GRANT.replace("'read'", "'metrics'"), ("grants.1: roles are some of read, operate, rollback",)),
        (_ISSUER + _GRANT.replace("jobs/a", "a"), ('grants.1: "a" is not below jobs; write "jobs/a"',)),
        (_ISSUER + _GRANT.replace("folders = ['jobs/a']", "tags = {team = 'a'}"), ("grants.1: tags do not limit",)),
        ("cors_origins = ['*']", ("is no origin; write one like https://dashboard.example.com",)),
        ("cors_origins = ['https://a.example/']", ("is no origin",)),
        (
            "public_url = 'chronos.example.com'",
            ("public_url: it is no address of a server", "https://chronos.example.com"),
        ),
        ("public_url = 'https://ada:secret@chronos.example.com'", ("it is no address of a server",)),
        ("public_url = 'https://chronos.example.com/?a=b'", ("without a query",)),
        ("hosts = ['https://chronos.example.com']", ("is no name of a host; write one like chronos.example.com",)),
        (f"[[tokens]]\nname = 'ci'\nsha = '{DIGEST}'", ('there is no "sha"', '"sha256"')),
        ("[secrets.bind.Backup]\norigins = []", ('"Backup" is not the name of a secret',)),
        ("[secrets.bind.backup]\norigin = []", ('secrets.bind.backup: there is no "origin"', '"origins"')),
        ("[secrets.bind.backup]", ("secrets.bind.backup: the binding is empty",)),
        ("[secrets.bind.backup]\norigins = []", ("secrets.bind.backup: origins is empty",)),
        ("[secrets.bind.backup]\nfolders = []", ("secrets.bind.backup: folders is empty",)),
        ("[secrets.bind.backup]\nfolders = ['billing']", ('"billing" is not below jobs; write "jobs/billing"',)),
        (
            "[secrets.bind.pay-key]\nhosts = ['api.pay.example.com']",
            ('secrets.bind.pay-key: "hosts" is now "origins"; write origins = ["https://api.pay.example.com"]',),
        ),
        *(
            (f"[secrets.bind.k]\norigins = ['{odd}']", ("secrets.bind.k: ", "is no origin"))
            for odd in (
                "*",
                "https://*",
                "https://a.example/x",
                "10.0.0.0/8",
                "https://u@a.example",
                "a.example",
                "ftp://a",
            )
        ),
    ],
)
def test_a_bad_file_names_the_file_and_the_way_out(text: str, words: tuple[str, ...], tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        load.load({}, {}, chronos_toml(tmp_path, text))
    assert str(tmp_path / "chronos.toml") in refused.value.message
    for word in words:
        assert word in str(refused.value)


@pytest.mark.parametrize(
    ("expires", "moment"),
    [
        ("2027-02-23T17:50:00Z", datetime(2027, 2, 23, 17, 50, tzinfo=UTC)),
        ("2027-02-23T17:50:00+02:00", datetime(2027, 2, 23, 15, 50, tzinfo=UTC)),
        ("2027-02-23 17:50:00", datetime(2027, 2, 23, 17, 50, tzinfo=UTC)),
        ("2027-02-23", datetime(2027, 2, 23, tzinfo=UTC)),
    ],
)
def test_a_token_can_expire_and_see_some_jobs_only(expires: str, moment: datetime, tmp_path: Path) -> None:
    text = f"[[tokens]]\nname = 'ci'\nsha256 = '{DIGEST}'\nroles = ['read']\nexpires = {expires}\n"
    found = load.load(
        {}, {}, chronos_toml(tmp_path, text + "folders = ['jobs/backend']\ntags = { team = 'backend', env = 'prod' }")
    )
    (token,) = found.tokens
    assert token.expires == moment
    assert token.tags == (("env", "prod"), ("team", "backend"))
    assert not token.is_over(moment - timedelta(seconds=1))
    assert token.is_over(moment)


@pytest.mark.parametrize("variable", ["GIT_SSH_COMMAND", "GIT_SSH"])
@pytest.mark.parametrize("key", ["ssh_key_file", "known_hosts_file"])
def test_a_variable_of_git_beside_our_setting_is_refused_and_not_dropped(
    tmp_path: Path, key: str, variable: str
) -> None:
    (tmp_path / "file").write_text("x")
    toml = chronos_toml(tmp_path, f'[git]\n{key} = "{tmp_path}/file"\n')
    with pytest.raises(SettingsError, match=f"git.{key} and {variable} are two answers") as raised:
        load.load({}, {variable: "ssh -i other"}, toml)
    assert raised.value.hint == f"unset {variable}, or leave git.{key} out"


def test_names_that_a_host_header_may_have(tmp_path: Path) -> None:
    config = chronos_toml(tmp_path, "hosts = ['Chronos.example.com']")
    assert load.load({}, {}, config).hosts == ("chronos.example.com",)
    assert load.load({}, {"CHRONOS_HOSTS": "a.example, b.example"}, None).hosts == ("a.example", "b.example")


def test_origins_that_may_ask(tmp_path: Path) -> None:
    config = chronos_toml(tmp_path, "cors_origins = ['https://dashboard.example.com', 'http://localhost:3000']")
    assert load.load({}, {}, config).cors_origins == ("https://dashboard.example.com", "http://localhost:3000")


def test_the_readmes_file_is_one(tmp_path: Path) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    text = readme.partition("```toml\n")[2].partition("```")[0]
    found = load.load({}, {}, chronos_toml(tmp_path, text.replace("0" * 64, DIGEST)))
    assert [token.name for token in found.tokens] == ["ci"]
    assert found.egress.allow == ("vault.example.com:8200",)


def test_a_file_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read: No such file"):
        load.load({}, {}, tmp_path / "chronos.toml")


def test_secrets_come_from_the_environment_and_are_not_shown() -> None:
    found = load.load({}, {"CHRONOS_SECRET_BACKUP_TOKEN": "hunter2", "HOME": "/home/x"}, None)
    assert dict(found.secret_values) == {"backup-token": "hunter2"}
    assert "hunter2" not in repr(found)


def test_passwords_in_addresses_are_not_shown() -> None:
    flags = {"repo": "https://bot:hunter2@git.example.com/jobs.git", "engine": "postgresql://chronos:hunter2@db/x"}
    assert "hunter2" not in repr(load.load(flags, {}, None))


@pytest.mark.parametrize(
    "repo", ["https://git.example.com/jobs.git", "git@git.example.com:team/jobs.git", "forge:team/jobs.git"]
)
def test_an_address_stays_as_it_is(repo: str) -> None:
    found = load.load({"repo": repo}, {}, None)
    assert found.repo == repo
    assert found.data.name.startswith("jobs-")


def test_each_repository_has_its_own_state_folder_whatever_its_credentials() -> None:
    first = load.default_data("https://git.example.com/jobs.git")
    assert first == load.default_data("https://bot:hunter2@git.example.com/jobs.git")
    assert first != load.default_data("https://git.example.com/other/jobs.git")


@pytest.mark.parametrize(
    ("flags", "environ", "expected"),
    [
        ({}, {}, ("http://127.0.0.1:8080", None)),
        (
            {},
            {"CHRONOS_SERVER": "https://chronos.example.com/", "CHRONOS_TOKEN": "t"},
            ("https://chronos.example.com", "t"),
        ),
        ({"server": "localhost:9000", "token": "u"}, {"CHRONOS_TOKEN": "t"}, ("http://localhost:9000", "u")),
    ],
)
def test_the_runner_a_command_asks(
    flags: dict[str, str | None], environ: dict[str, str], expected: tuple[str, str | None]
) -> None:
    assert load.client(flags, environ) == expected


PROFILES = """
default = "staging"
[production]
url = "https://ops.example.com/chronos/"
token_file = "production.token"
[staging]
url = "staging.example.com:8080"
"""


@pytest.fixture
def profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    file = tmp_path / "chronos-gitops" / "servers.toml"
    file.parent.mkdir()
    file.write_text(PROFILES)
    (file.parent / "production.token").write_text("of-production\n")
    return file


@pytest.mark.parametrize(
    ("flags", "environ", "expected"),
    [
        ({}, {}, ("http://staging.example.com:8080", None)),
        ({}, {"CHRONOS_TOKEN": "t"}, ("http://staging.example.com:8080", "t")),
        ({"server": "production"}, {}, ("https://ops.example.com/chronos", "of-production")),
        ({}, {"CHRONOS_SERVER": "production"}, ("https://ops.example.com/chronos", "of-production")),
        ({"server": "production"}, {"CHRONOS_TOKEN": "t"}, ("https://ops.example.com/chronos", "of-production")),
        ({"server": "production", "token": "u"}, {}, ("https://ops.example.com/chronos", "u")),
        ({"server": "elsewhere"}, {}, ("http://elsewhere", None)),
        ({"server": "http://production"}, {"CHRONOS_TOKEN": "t"}, ("http://production", "t")),
    ],
)
def test_a_runner_has_a_name_in_the_folder_of_the_user(
    profiles: Path, flags: dict[str, str | None], environ: dict[str, str], expected: tuple[str, str | None]
) -> None:
    assert load.client(flags, environ) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("default = ", "servers.toml: Invalid value"),
        ('default = "nowhere"', 'servers.toml: default = "nowhere" names no table'),
        ("[a]\nurl = 'x'\ntoken = 'y'", r'\[a\]: there is no "token"; did you mean'),
        ("[a]\ntoken_file = 'y'", r"\[a\]: url is missing"),
        ("url = 'x'", '"url" is no profile'),
        ("[a]\nurl = 'ftp://x'", 'servers.toml: "ftp://x" is no address of a runner'),
        ("[a]\nurl = 'x'\ntoken_file = 'none'", "none cannot be read: No such file"),
        ("[a]\nurl = 'x'\ntoken_file = 'empty'", "empty is empty"),
    ],
)
def test_a_wrong_profile_is_refused_with_its_place(profiles: Path, text: str, said: str) -> None:
    profiles.write_text(text)
    (profiles.parent / "empty").touch()
    with pytest.raises(SettingsError, match=said):
        load.client({"server": "a"}, {})


def test_a_server_that_is_no_address_is_refused_with_its_place() -> None:
    with pytest.raises(SettingsError, match='CHRONOS_SERVER: "ftp://x" is no address of a runner'):
        load.client({}, {"CHRONOS_SERVER": "ftp://x"})


def test_hook_secrets_come_from_the_file_or_the_environment_and_are_never_shown(tmp_path: Path) -> None:
    config = chronos_toml(tmp_path, '[hooks]\ngithub_secrets = ["new-one", "old-one"]\n')
    found = load.load({"data": str(tmp_path)}, {"CHRONOS_HOOK_SECRET_GITLAB": "a,b"}, config)
    assert found.push_secrets.github == ("new-one", "old-one")
    assert (found.push_secrets.gitlab, found.push_secrets.gitea) == (("a", "b"), ())
    assert "new-one" not in repr(found)
    for wrong in ('["canary", ""]', "[]", "7", '["canary", 7]'):
        broken = chronos_toml(tmp_path, f"hooks.gitea_secrets = {wrong}\n")
        with pytest.raises(SettingsError) as refused:
            load.load({}, {}, broken)
        assert "canary" not in str(refused.value)


def test_issuers_and_grants_are_callers(tmp_path: Path) -> None:
    found = load.load({"listen": "0.0.0.0:8080"}, {}, chronos_toml(tmp_path, _ISSUER + _GRANT))
    assert found.has_callers
    assert found.bindings.unbound == "refuse"
    (one,) = found.callers.grants
    assert one.holds({"groups": ["b", "a"]})
    assert (one.origin, one.grant.folders, one.grant.roles) == ("sso", ("jobs/a",), {"read"})


FORGE = '[forge]\nrepository = "acme/jobs"\ntoken_file = "token"\n'


@pytest.mark.parametrize(
    ("table", "why"),
    [
        (FORGE, "has no type"),
        ('forge.type = "github"', "needs forge.repository"),
        ('[forge]\ntype = "gitlab"\nrepository = "a/b/c"', "needs forge.token_file"),
        (f'{FORGE}type = "gitea"', "needs forge.url"),
        (f'{FORGE}type = "bitbucket"', "is none of github, gitlab, gitea"),
        (f'{FORGE}type = "github"'.replace("acme/jobs", "acme/ops/jobs"), "is not owner/name"),
        (f'{FORGE}type = "github"'.replace("acme/jobs", "../jobs"), "is no repository of a forge"),
        (f'{FORGE}type = "github"\ncontext = "{"x" * 101}"', "at most 100 ASCII characters"),
        (f'{FORGE}type = "github"\nurl = "https://u:p@git.example.com"', "is no address"),
    ],
)
def test_half_a_forge_is_a_settings_error(tmp_path: Path, table: str, why: str) -> None:
    config = tmp_path / "chronos.toml"
    config.write_text(table)
    with pytest.raises(SettingsError, match=why):
        load.load({"repo": str(tmp_path)}, {}, config)


@pytest.mark.parametrize(
    ("kind", "url", "address"),
    [
        ("github", "", "https://api.github.com"),
        ("github", "https://ghe.example.com/api/v3/", "https://ghe.example.com/api/v3"),
        ("gitlab", "", "https://gitlab.com"),
        ("gitea", "https://git.example.com", "https://git.example.com"),
    ],
)
def test_a_forge_has_an_address_and_its_status_a_name(tmp_path: Path, kind: str, url: str, address: str) -> None:
    config = tmp_path / "chronos.toml"
    config.write_text(f'{FORGE}type = "{kind}"\n' + (f'url = "{url}"' if url else ""))
    found = load.load({"repo": str(tmp_path)}, {}, config).forge
    assert (found.address, found.token_file) == (address, tmp_path / "token")
    assert [found.status_name(one) for one in (None, "production")] == ["chronos-gitops", "chronos-gitops/production"]


@pytest.mark.parametrize("table", ['approval.rollback = "review"', 'rollback.push_ref = "refs/for/main"'])
def test_a_review_needs_somewhere_to_push_to(tmp_path: Path, table: str) -> None:
    config = tmp_path / "chronos.toml"
    config.write_text(table)
    with pytest.raises(SettingsError, match="needs a remote repository"):
        load.load({"repo": str(tmp_path)}, {}, config)
    found = load.load({"repo": "https://git.example.com/jobs.git"}, {}, config)
    assert found.commits.needs_review or found.commits.push_ref


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ('[proxy]\nuser_header = "X-User"\ntrusted = ["10.0.0.0/8"]', "proxy.user_header needs proxy.secret_file"),
        ('[proxy]\nuser_header = "X-User"\nsecret_file = "x"', "proxy.user_header needs proxy.trusted"),
        (
            '[proxy]\ngroups_header = "X-G"\ntrusted = ["::1"]\nsecret_file = "x"',
            "groups_header needs proxy.user_header",
        ),
        ('[proxy]\ntrusted = ["0.0.0.0/0"]', "is every address there is"),
        ('[proxy]\ntrusted = ["proxy.example.com"]', "is no network"),
        ('[proxy]\nuser_header = "Authorization"', "is no header for this"),
        (
            '[[issuers]]\nname = "sso"\nissuer = "https://sso.example.com"\naudience = "c"\nlogin = {}',
            'the login with "sso" needs public_url',
        ),
        (
            '[[issuers]]\nname = "sso"\nissuer = "https://a.example.com"\naudience = "c"\nlogin = {scopes = ["email"]}',
            'scopes lacks "openid"',
        ),
        ('[[grants]]\nfrom = "proxy"\nmatch = {user = "ada"}\nroles = ["read"]', 'there is no issuer "proxy"'),
    ],
)
def test_half_a_way_in_is_refused(tmp_path: Path, table: str, why: str) -> None:
    config = tmp_path / "chronos.toml"
    config.write_text(table)
    with pytest.raises(SettingsError, match=re.escape(why)):
        load.load({"repo": str(tmp_path)}, {}, config)
