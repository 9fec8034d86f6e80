"""The wiring: one data folder, one runner; what cannot work is said before anything starts."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from harness.clock import HandClock

from chronos_gitops.app import build
from chronos_gitops.config import load
from chronos_gitops.config.settings import Settings
from chronos_gitops.engine.sql.store.store import StoreUnusable
from chronos_gitops.errors import UsageError
from chronos_gitops.state.data_lock import DataFolderInUse, DataFolderUnusable, DataLock


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    repo = tmp_path / "repo"
    subprocess.run(["git", "init", "-q", "-b", "main", str(repo)], check=True)
    (repo / "jobs").mkdir()
    return repo


def chosen(repo: Path, data: Path, **flags: str) -> Settings:
    return load.load({"repo": str(repo), "data": str(data), **flags}, {}, None)


def test_a_data_folder_belongs_to_one_runner_and_its_process_is_named(data_folder: Path) -> None:
    lock = DataLock(data_folder)
    with pytest.raises(DataFolderInUse, match=f"process {os.getpid()}"):
        DataLock(data_folder)
    lock.release()
    DataLock(data_folder).release()


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataFolderUnusable, match="file"):
        DataLock(tmp_path / "file" / "data")


def test_what_fails_while_building_gives_the_data_folder_back(tmp_path: Path, data_folder: Path) -> None:
    with pytest.raises(Exception, match="not in a git repository"):
        build(chosen(tmp_path, data_folder))
    DataLock(data_folder).release()


@pytest.mark.parametrize(
    ("engine", "package", "extra"),
    [
        ("postgresql://db.example.com/chronos", "psycopg", "postgres"),
        ("temporal://temporal.example.com:7233/chronos", "temporalio", "temporal"),
    ],
)
def test_an_engine_whose_package_is_missing_says_what_to_install(
    repo: Path, data_folder: Path, monkeypatch: pytest.MonkeyPatch, engine: str, package: str, extra: str
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(UsageError, match=package) as refused:
        build(chosen(repo, data_folder, engine=engine))
    assert refused.value.hint == f"pip install 'chronos-gitops[{extra}]'"


def test_the_embedded_database_may_stand_outside_of_the_data_folder(
    repo: Path, data_folder: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with build(chosen(repo, data_folder, engine=f"sqlite://{elsewhere}/ledger.db")) as service:
        assert service.engine.health().ok
    assert (elsewhere / "ledger.db").exists()
    assert not (data_folder / "ledger.db").exists()


def test_a_runner_on_sqlite_loads_no_other_engine() -> None:
    program = (
        "import sys, chronos_gitops.app; print([name for name in ('temporalio', 'psycopg') if name in sys.modules])"
    )
    seen = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert seen.stdout == "[]\n"


@pytest.mark.parametrize(
    "address",
    [
        "temporal://",
        "temporal:///chronos",
        "temporal://host:nonsense/chronos",
        "temporal://host:99999/chronos",
        "temporal://ada:hunter2@host:7233/chronos",
        "temporal://host:7233/chronos?tls=hunter2",
        "temporal://host:7233/a/b",
        "temporal://host:7233/" + "x" * 300,
    ],
)
def test_an_address_that_is_none_of_temporal_is_refused_with_the_right_form(
    repo: Path, data_folder: Path, address: str
) -> None:
    with pytest.raises(UsageError, match="temporal://host:port/namespace") as refused:
        build(chosen(repo, data_folder, engine=address))
    assert "ada:hunter2" not in str(refused.value)


def test_what_a_temporal_server_is_shown_is_read_before_anything_starts(
    repo: Path, data_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "key").write_bytes(b"\xff\xfe")
    for variables, told in (
        ({"CHRONOS_TEMPORAL_TLS_CERT_FILE": "cert.pem"}, "go together"),
        ({"CHRONOS_TEMPORAL_TLS_CA_FILE": str(tmp_path / "nowhere.pem")}, "nowhere.pem cannot be read"),
        ({"CHRONOS_TEMPORAL_API_KEY_FILE": str(tmp_path / "key")}, "holds no API key"),
    ):
        flags = {"repo": str(repo), "data": str(data_folder), "engine": "temporal://127.0.0.1:1/chronos"}
        with pytest.raises(UsageError, match=told):
            build(load.load(flags, variables, None))


def test_a_pause_is_kept_for_thirty_days_after_its_job_was_deleted(repo: Path, data_folder: Path) -> None:
    """The wall clock is stepped; what changes is another job."""

    def commit(name: str, text: str | None) -> None:
        path = repo / "jobs" / f"{name}.yaml"
        if text is None:
            path.unlink()
        else:
            path.write_text(text)
        subprocess.run(["git", "-C", str(repo), "add", "-A"], check=True)
        subprocess.run(["git", "-C", str(repo), "commit", "-qm", f"Change {name}"], check=True)
        service.follower.sync()

    def text(name: str, schedule: str = "@yearly") -> str:
        return f'name: {name}\nschedule: "{schedule}"\nenabled: true\nwebhook: {{url: "http://127.0.0.1:9/"}}\n'

    clock = HandClock(datetime(2026, 3, 2, 12, tzinfo=UTC))
    with build(chosen(repo, data_folder, follow="branch"), clock=clock) as service:
        commit("other", text("other"))
        commit("paused", text("paused"))
        service.engine.pause("paused", reason="the move", by="ada")
        commit("paused", None)
        clock.step(timedelta(days=29))
        commit("other", text("other", "@monthly"))
        assert set(service.engine.pauses()) == {"paused"}
        clock.step(timedelta(days=2))
        commit("other", text("other", "@weekly"))
        assert set(service.engine.pauses()) == set()


def test_an_address_that_means_nothing_is_refused_without_its_password(repo: Path, data_folder: Path) -> None:
    with pytest.raises(UsageError) as refused:
        build(chosen(repo, data_folder, engine="postgresql://chronos:hunter2@db.example.com:nonsense/x?hunter2"))
    assert "hunter2" not in str(refused.value)


def test_a_database_that_refuses_is_named_without_the_password(
    repo: Path, data_folder: Path, postgres_url: str
) -> None:
    """Takes no time: what will not change is not waited for."""
    address = postgres_url.rpartition("/")[0].replace("postgres@", "postgres:hunter2@") + "/nowhere"
    with pytest.raises(StoreUnusable, match="nowhere") as refused:
        build(chosen(repo, data_folder, engine=address)).start()
    assert "hunter2" not in str(refused.value)


def test_a_runner_on_postgresql_goes_by_the_clock_of_the_database(
    repo: Path, data_folder: Path, postgres_url: str
) -> None:
    late = HandClock(datetime(2020, 1, 1, tzinfo=UTC))
    with build(chosen(repo, data_folder, engine=postgres_url), clock=late) as service:
        assert abs(service.now() - datetime.now(UTC)) < timedelta(seconds=5)
        assert service.engine.health().ok


def test_the_first_commit_after_a_restart_is_compared_with_what_ran(repo: Path, data_folder: Path) -> None:
    def write(name: str, schedule: str = "@yearly") -> None:
        text = f"name: {name}\nschedule: '{schedule}'\nwebhook: {{url: 'http://127.0.0.1:9/'}}\n"
        (repo / "jobs" / f"{name}.yaml").write_text(text)

    def commit() -> str:
        subprocess.run(["git", "-C", str(repo), "add", "-A"], check=True)
        subprocess.run(["git", "-C", str(repo), "commit", "-q", "-m", "Change"], check=True)
        return subprocess.run(
            ["git", "-C", str(repo), "rev-parse", "HEAD"], check=True, capture_output=True, text=True
        ).stdout.strip()

    for name in ("one", "two", "three"):
        write(name)
    commit()
    with build(chosen(repo, data_folder)):
        pass
    write("one", "@monthly")
    write("four")
    (repo / "jobs" / "two.yaml").unlink()
    made = commit()
    with build(chosen(repo, data_folder)) as service:
        service.feed.stop()
        ((_, event),) = service.events.newest(1)
    assert (event.type, event.commit) == ("commit_applied", made)
    assert (event.added, event.changed, event.removed) == (("four",), ("one",), ("two",))
    with build(chosen(repo, data_folder)) as service:
        service.feed.stop()
        assert service.events.newest(1)[0][1] == event, "nothing is told of a restart on the same commit"


def test_a_started_service_knows_the_jobs_and_stops_twice_without_harm(repo: Path, data_folder: Path) -> None:
    (repo / "jobs" / "hello-world.yaml").write_text(
        "name: hello-world\nschedule: '@yearly'\nwebhook: {url: 'http://127.0.0.1:9/'}\n"
    )
    with build(chosen(repo, data_folder)) as service:
        assert [definition.job.name for definition in service.jobs()] == ["hello-world"]
        assert service.next_runs("hello-world", 3) == (), "it is not enabled"
    service.stop()
