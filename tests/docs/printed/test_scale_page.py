"""docs/how-to/scale.md: its commands and settings start two runners on a real PostgreSQL, and on a real Temporal."""

import json
import re
import shlex
import textwrap
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
from docs.printed.page_commands import HOW_TO, printed_commands, ran
from harness.processes.subprocess_runner import Runner
from harness.programs.postgres import Server, debian_programs
from harness.programs.temporal import TemporalServer
from harness.repositories.repository import Repository

from chronos_gitops.cli.demo.receiver import Receiver

PAGE = (HOW_TO / "scale.md").read_text("utf-8")
COMMANDS = [one.line for one in printed_commands("scale")]
PASSWORD = "a long password"
_RUN = "chronos-gitops run --config chronos.toml"
_DOCTOR = "chronos-gitops doctor --config chronos.toml"


def block(kind: str, number: int = 0) -> str:
    """A block of the page without its indent."""
    found = re.findall(rf"^ *```{kind}\n(.*?)^ *```$", PAGE, re.MULTILINE | re.DOTALL)
    return textwrap.dedent(found[number])


def only(beginning: str) -> str:
    (found,) = {line for line in COMMANDS if line.startswith(beginning)}
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """The folder of the commands, with a bare repository beside it whose job calls a target that answers."""
    repository = Repository.init(tmp_path / "checkout")
    with Receiver() as receiver:
        text = f'name: nightly-backup\nschedule: "@yearly"\nenabled: true\nwebhook: {{url: "{receiver.url()}"}}\n'
        repository.write("jobs/nightly-backup.yaml", text)
        repository.commit("A job")
        repository.bare(tmp_path / "jobs.git")
        (tmp_path / "work").mkdir()
        yield tmp_path / "work"


def save_settings(folder: Path, text: str, address: str) -> None:
    """With the repository and the engine of the test in place of the page's."""
    text = re.sub("^repo = .*$", f'repo = "{folder.parent / "jobs.git"}"', text, flags=re.MULTILINE)
    text = re.sub("^engine = .*$", f'engine = "{address}"', text, flags=re.MULTILINE)
    (folder / "chronos.toml").write_text(text.replace("/etc/chronos-gitops", str(folder)))


def well(line: str, folder: Path, stubs: dict[str, str] | None = None, **environment: str) -> str:
    done = ran(line, folder, stubs, CHRONOS_DATA=str(folder.parent / "state"), no_proxy="*", **environment)
    assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    return done.stdout


def check_that_two_runners_share_the_work(folder: Path, **environment: str) -> None:
    """Both run the page's command. An execution that one starts is an execution of the other."""
    words = shlex.split(only("chronos-gitops run"))[2:]
    words[-1] = str(folder / words[-1])
    with ExitStack() as stack:
        first, second = (
            stack.enter_context(Runner(*words, data=folder.parent / name, environ=environment)) for name in "ab"
        )
        started = first.client.post("/jobs/nightly-backup/trigger").json()["id"]
        row = second.until(f"/executions/{started}", lambda row: row["status"] == "success", timeout=60)
        assert row["job"] == "nightly-backup"
        assert second.client.post("/jobs/nightly-backup/pause", json={"reason": "it moves"}).status_code == 200
        first.until("/jobs/nightly-backup", lambda job: job["state"] == "paused", timeout=60)


@pytest.fixture
def database() -> Iterator[Server]:
    """It wants a password from every role but its administrator."""
    server = Server(programs=debian_programs())
    try:
        with psycopg.connect(server.url(), autocommit=True) as connection:
            (file,) = connection.execute("SHOW hba_file").fetchone() or ("",)
            rules = "host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
            Path(str(file)).write_text(rules)
            connection.execute("SELECT pg_reload_conf()")
        yield server
    finally:
        server.close()


@pytest.mark.timeout(400)
def test_the_steps_for_postgresql_start_two_runners(folder: Path, database: Server) -> None:
    programs = debian_programs() / "bin"
    stubs = {
        "createuser": f"printf '{PASSWORD}\\n{PASSWORD}\\n' | setsid --wait {programs}/createuser \"$@\"\n",
        "createdb": f'exec {programs}/createdb "$@"\n',
    }
    for program in stubs:
        line = only(program)
        well(line.replace("db.example.com", "127.0.0.1"), folder, stubs, PGPORT=str(database.port))
    pgpass = folder / "pgpass"
    line = block("text").replace("db.example.com:5432", f"127.0.0.1:{database.port}")
    pgpass.write_text(line.replace("PASSWORD", PASSWORD))
    pgpass.chmod(0o600)
    settings = block("toml", 0)
    assert "postgresql://chronos@db.example.com/chronos?sslmode=verify-full&sslrootcert=system" in settings
    save_settings(folder, settings, f"postgresql://chronos@127.0.0.1:{database.port}/chronos")
    exported = only("export PGPASSFILE=").replace("/etc/chronos-gitops", str(folder))
    assert ran(_DOCTOR, folder, CHRONOS_DATA=str(folder.parent / "state")).returncode == 1  # without the password
    well(f"{exported}\n{only('chronos-gitops doctor')}", folder)
    check_that_two_runners_share_the_work(folder, PGPASSFILE=str(pgpass))


@pytest.mark.timeout(400)
def test_the_steps_for_temporal_start_two_runners(folder: Path, tmp_path: Path) -> None:
    with TemporalServer(tmp_path) as server:
        address = {"TEMPORAL_ADDRESS": f"127.0.0.1:{server.port}"}
        well(only("temporal operator namespace create"), folder, **address)
        well(only("openssl rand"), folder)
        settings = block("toml", 1)
        assert settings.count("tls_ca_file") == 1
        save_settings(folder, re.sub("^tls_ca_file.*\n", "", settings, flags=re.MULTILINE), server.url("chronos"))
        well(only("chronos-gitops doctor"), folder)
        check_that_two_runners_share_the_work(folder)
        listed = "temporal operator search-attribute list --namespace chronos --output json"
        found = json.loads(well(listed, folder, **address))
    rows = re.findall(r"^ *\| (Keyword|Datetime) \| (.*) \|$", PAGE, re.MULTILINE)
    named = {
        name: f"INDEXED_VALUE_TYPE_{kind.upper()}" for kind, names in rows for name in re.findall(r"`(\w+)`", names)
    }
    assert named == {name: kind for name, kind in found["customAttributes"].items() if name.startswith("Chronos")}


def test_every_command_of_the_page_is_run() -> None:
    programs = ("createuser", "createdb", "export", "temporal", "openssl")
    assert sorted(set(COMMANDS)) == sorted({*(only(one) for one in programs), _DOCTOR, _RUN})
