"""Files to jobs: each on its own, then all together, and only what changed when there is a cache."""

import json
import subprocess
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chronos_gitops.jobs.model import Job
from chronos_gitops.jobs.problem import Severity, ordered
from chronos_gitops.jobs.validation import document as validation_document
from chronos_gitops.jobs.validation.validate import (
    FileKind,
    TreeEntry,
    TreeResult,
    ValidationCache,
    git_blob_id,
    validate_file,
    validate_tree,
)

SEED = Path(__file__).parent / "seed" / "daily-backup.yaml"
SEED_DOCUMENT = {
    "name": "daily-backup",
    "description": "Backup database to S3",
    "schedule": "0 2 * * *",
    "timezone": "America/New_York",
    "webhook": {
        "url": "https://api.example.com/backup",
        "method": "POST",
        "headers": {"Authorization": "Bearer token123"},
        "body": '{"type": "full"}',
    },
    "retry_policy": {"max_attempts": 3, "initial_interval": "1s", "multiplier": 2.0},
    "timeout": "30m",
    "concurrency": "forbid",
    "tags": {"team": "platform", "priority": "critical"},
    "enabled": True,
}


def job_text(name: str, *, minute: int = 0) -> str:
    return f'name: {name}\nschedule: "{minute} 2 * * *"\nenabled: true\ntimeout: 30s\nwebhook: {{url: https://a.example.com/}}\n'


class Tree:
    """Files in memory that remember which of them were read."""

    def __init__(self, files: Mapping[str, str | bytes], *, vanished: Sequence[str] = ()) -> None:
        self.contents = {path: text.encode() if isinstance(text, str) else text for path, text in files.items()}
        self.vanished = vanished
        self.reads: list[str] = []
        self.odd: list[TreeEntry] = []

    @property
    def entries(self) -> Sequence[TreeEntry]:
        files = [TreeEntry(path, git_blob_id(content), len(content)) for path, content in self.contents.items()]
        return sorted([*files, *self.odd], key=lambda entry: entry.path)

    def place(self, path: str) -> str:
        return path.removeprefix("jobs/")

    def read(self, entries: Sequence[TreeEntry]) -> Mapping[str, bytes]:
        self.reads += [entry.path for entry in entries]
        return {entry.path: self.contents[entry.path] for entry in entries if entry.path not in self.vanished}


def rules(loaded: TreeResult) -> list[tuple[str, str]]:
    return [(problem.file, problem.rule) for problem in loaded.problems]


def test_every_file_is_parsed_and_every_sound_one_is_a_job() -> None:
    loaded = validate_tree(Tree({"jobs/daily-b.yaml": job_text("daily-b"), "jobs/daily-a.yaml": job_text("daily-a")}))
    assert [parsed.path for parsed in loaded.files] == ["jobs/daily-a.yaml", "jobs/daily-b.yaml"]
    assert list(loaded.jobs) == ["daily-a", "daily-b"]
    assert loaded.problems == ()


def test_an_invalid_file_keeps_its_identity_and_is_no_job() -> None:
    loaded = validate_tree(Tree({"jobs/daily-a.yaml": job_text("daily-a") + "timezone: Mars\n"}))
    assert loaded.files[0].name == "daily-a"
    assert loaded.files[0].job is None
    assert dict(loaded.jobs) == {}
    assert [(problem.file, problem.rule) for problem in loaded.problems] == [("jobs/daily-a.yaml", "timezone")]


@pytest.mark.parametrize("name", ["Daily-A", "[daily-a]", "5", '""'])
def test_a_name_that_no_job_can_have_is_no_identity(name: str) -> None:
    assert validate_file("jobs/a.yaml", job_text(name).encode()).name is None


def test_a_file_that_breaks_off_keeps_the_name_that_was_read() -> None:
    assert validate_file("jobs/daily-a.yaml", b'name: daily-a\nschedule: "0 2').name == "daily-a"


def test_where_nobody_had_the_name_the_first_file_in_path_order_gets_it() -> None:
    loaded = validate_tree(
        Tree(
            {"jobs/a.yaml": job_text("daily-a"), "jobs/b.yaml": job_text("daily-a"), "jobs/c.yaml": job_text("daily-a")}
        )
    )
    assert loaded.jobs["daily-a"].path == "jobs/a.yaml"
    taken = [problem for problem in loaded.problems if problem.rule == "duplicate-name"]
    assert [(problem.file, problem.line, problem.column) for problem in taken] == [
        ("jobs/b.yaml", 1, 7),
        ("jobs/c.yaml", 1, 7),
    ]
    assert taken[0].message == 'the name "daily-a" belongs to jobs/a.yaml:1'
    assert [parsed.job is None for parsed in loaded.files] == [False, True, True]


def test_an_invalid_file_keeps_its_name_too() -> None:
    """Mending the first file must not take the job away from the second: neither runs until a person decides."""
    loaded = validate_tree(Tree({"jobs/a.yaml": job_text("daily-a") + "oops: 1\n", "jobs/b.yaml": job_text("daily-a")}))
    assert dict(loaded.jobs) == {}
    assert ("jobs/b.yaml", "duplicate-name") in rules(loaded)


@pytest.mark.parametrize(
    ("entry", "rule"),
    [
        (TreeEntry("jobs/link.yaml", "0" * 40, 10, FileKind.SYMLINK), "symlink"),
        (TreeEntry("jobs/module.yaml", "0" * 40, 0, FileKind.SUBMODULE), "submodule"),
        (TreeEntry("jobs/large.yaml", "0" * 40, 256 * 1024 + 1), "too-large"),
    ],
)
def test_what_is_no_file_of_sound_size_is_never_read(entry: TreeEntry, rule: str) -> None:
    tree = Tree({"jobs/daily-a.yaml": job_text("daily-a")})
    tree.odd.append(entry)
    loaded = validate_tree(tree)
    assert rules(loaded) == [(entry.path, rule)]
    assert tree.reads == ["jobs/daily-a.yaml"]
    assert list(loaded.jobs) == ["daily-a"]


def test_a_file_that_vanished_meanwhile_is_a_problem_of_its_own() -> None:
    files = {"jobs/daily-a.yaml": job_text("daily-a"), "jobs/daily-b.yaml": job_text("daily-b")}
    loaded = validate_tree(Tree(files, vanished=["jobs/daily-a.yaml"]))
    assert rules(loaded) == [("jobs/daily-a.yaml", "unreadable")]
    assert list(loaded.jobs) == ["daily-b"]


def test_a_cache_reads_only_what_changed() -> None:
    cache = ValidationCache()
    tree = Tree({f"jobs/daily-{letter}.yaml": job_text(f"daily-{letter}") for letter in "abc"})
    first = validate_tree(tree, cache)
    tree.reads.clear()
    tree.contents["jobs/daily-b.yaml"] = job_text("daily-b", minute=5).encode()
    second = validate_tree(tree, cache)
    assert tree.reads == ["jobs/daily-b.yaml"]
    assert second.jobs["daily-a"].job is first.jobs["daily-a"].job
    assert second.jobs["daily-b"].job != first.jobs["daily-b"].job


def test_a_cache_forgets_what_the_last_load_did_not_use() -> None:
    cache = ValidationCache()
    with_b = Tree({"jobs/daily-a.yaml": job_text("daily-a"), "jobs/daily-b.yaml": job_text("daily-b")})
    validate_tree(with_b, cache)
    validate_tree(Tree({"jobs/daily-a.yaml": job_text("daily-a")}), cache)
    with_b.reads.clear()
    validate_tree(with_b, cache)
    assert with_b.reads == ["jobs/daily-b.yaml"]


def test_a_duplicate_is_judged_anew_when_the_other_file_goes() -> None:
    cache = ValidationCache()
    both = Tree({"jobs/a.yaml": job_text("daily-a"), "jobs/b.yaml": job_text("daily-a")})
    assert validate_tree(both, cache).jobs["daily-a"].path == "jobs/a.yaml"
    del both.contents["jobs/a.yaml"]
    assert validate_tree(both, cache).jobs["daily-a"].path == "jobs/b.yaml"


def test_a_vanished_file_is_tried_again() -> None:
    cache = ValidationCache()
    tree = Tree({"jobs/daily-a.yaml": job_text("daily-a")}, vanished=["jobs/daily-a.yaml"])
    assert dict(validate_tree(tree, cache).jobs) == {}
    tree.vanished = ()
    assert list(validate_tree(tree, cache).jobs) == ["daily-a"]


def test_the_calendar_is_consulted_only_when_the_day_is_given() -> None:
    content = (job_text("daily-a").replace("0 2", "30 2") + "timezone: America/New_York\n").encode()
    today = datetime(2026, 1, 1, tzinfo=UTC)
    assert validate_file("jobs/daily-a.yaml", content).problems == ()
    assert [p.rule for p in validate_file("jobs/daily-a.yaml", content, today=today).problems] == [
        "daylight-saving-gap"
    ]


def test_problems_come_by_file_line_and_column() -> None:
    loaded = validate_tree(Tree({"jobs/b.yaml": "name: B\noops: 1\n", "jobs/a.yaml": "name: A\nschedule: x\n"}))
    assert loaded.problems == ordered(loaded.problems)


def test_blob_ids_are_those_of_git(tmp_path: Path) -> None:
    content = b"name: \xff\r\n"
    (tmp_path / "file").write_bytes(content)
    seen = subprocess.run(
        ["git", "hash-object", "--no-filters", "file"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert git_blob_id(content) == seen.stdout.strip()


def test_the_seeds_own_job_validates_and_shows_the_same_fields() -> None:
    parsed = validate_file("jobs/daily-backup.yaml", SEED.read_bytes())
    assert parsed.job is not None
    assert all(problem.severity is not Severity.ERROR for problem in parsed.problems)
    assert {problem.rule for problem in parsed.problems} == {"kept-by-runner", "literal-credential"}
    shown = parsed.job.document()
    for field, value in SEED_DOCUMENT.items():
        if isinstance(value, dict):
            assert {key: shown[field][key] for key in value} == value
        else:
            assert shown[field] == value


def test_the_seeds_job_written_as_json_is_the_same_job() -> None:
    as_json = validate_file("jobs/daily-backup.yaml", json.dumps(SEED_DOCUMENT).encode())
    assert as_json.job == validate_file("jobs/daily-backup.yaml", SEED.read_bytes()).job


WORDS = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), max_size=20)
DURATIONS = st.sampled_from(["0s", "300ms", "1.5s", "30s", "5m", "1h30m", "24h"])
SECRET = st.sampled_from(["${secret:api-token}", "literal"])
AUTHS = st.one_of(
    st.fixed_dictionaries({"type": st.just("bearer"), "token": SECRET}),
    st.fixed_dictionaries({"type": st.just("basic"), "username": st.just("backup"), "password": st.just("")}),
    st.fixed_dictionaries({"type": st.just("api_key"), "api_key": SECRET}, optional={"header": st.just("X-Key")}),
    st.fixed_dictionaries(
        {
            "type": st.just("oauth2"),
            "token_url": st.just("https://auth.example.com/"),
            "client_id": st.just("a"),
            "client_secret": SECRET,
        },
        optional={"scope": st.just("read write")},
    ),
    st.fixed_dictionaries({"type": st.just("hmac"), "secret": SECRET}),
)
DOCUMENTS = st.fixed_dictionaries(
    {
        "name": st.from_regex(r"[a-z0-9]{1,8}(-[a-z0-9]{1,8}){0,3}", fullmatch=True),
        "schedule": st.sampled_from(["0 2 * * *", "*/15 * * * * *", "@daily", "@every 90s", "H H * * 1-5"]),
        "webhook": st.fixed_dictionaries(
            {"url": st.sampled_from(["https://a.example.com/", "http://localhost:9000/{{.JobName}}"])},
            optional={
                "method": st.sampled_from(["GET", "POST", "DELETE"]),
                "headers": st.dictionaries(st.sampled_from(["X-A", "Accept", "Cookie"]), st.just("a; b=1"), max_size=3),
                "body": WORDS.filter(lambda text: "{{" not in text and "${" not in text),
                "auth": AUTHS,
                "success_codes": st.lists(st.sampled_from([200, 204, "200-299", "300-399"]), min_size=1, max_size=3),
                "timeout": DURATIONS,
            },
        ),
    },
    optional={
        "description": WORDS,
        "timezone": st.sampled_from(["UTC", "Europe/Paris", "America/New_York"]),
        "enabled": st.booleans(),
        "timeout": DURATIONS,
        "retry_policy": st.fixed_dictionaries(
            {},
            optional={
                "max_attempts": st.integers(1, 100),
                "initial_interval": DURATIONS,
                "multiplier": st.sampled_from([1, 1.5, 2.0, 10]),
                "max_interval": DURATIONS,
            },
        ),
        "concurrency": st.sampled_from(["forbid", "allow", "replace"]),
        "missed_run_policy": st.sampled_from(["execute_one", "ignore", "execute_all"]),
        "catchup_window": DURATIONS,
        "jitter": DURATIONS,
        "tags": st.dictionaries(WORDS, WORDS, max_size=3),
    },
)


@settings(max_examples=150, deadline=None)
@given(DOCUMENTS)
def test_a_job_is_what_its_own_document_says(document: dict[str, object]) -> None:
    job = Job.from_document(document)
    assert Job.from_document(job.document()) == job
    parsed = validate_file("jobs/a.yaml", json.dumps(document, ensure_ascii=False).encode())
    assert parsed.job == job, parsed.problems
    assert parsed.job is not None
    assert parsed.job.digest == job.digest


def test_a_thousand_files_load_in_a_moment() -> None:
    """A bound far above what is measured (a quarter of a second), so that only a change of kind fails it."""
    text = SEED.read_text()
    tree = Tree({f"jobs/job-{n}.yaml": text.replace("daily-backup", f"job-{n}") for n in range(1_000)})
    cache = ValidationCache()
    validate_tree(Tree({"jobs/daily-a.yaml": job_text("daily-a")}))
    before = time.process_time()
    assert len(validate_tree(tree, cache).jobs) == 1_000
    first = time.process_time() - before
    before = time.process_time()
    validate_tree(tree, cache)
    again = time.process_time() - before
    assert first < 3
    assert again < first / 5


def test_reading_never_raises_for_a_text_that_cannot_be_decoded() -> None:
    assert [problem.rule for problem in validation_document.read("a.yaml", b"\xc3\x28").problems] == ["encoding"]


def test_a_one_off_in_a_gap_is_told_of_once() -> None:
    content = b"""name: daily-a
enabled: true
timeout: 30s
webhook: {url: https://api.example.com/report}
timezone: Europe/Paris
schedule: ["@at 2027-03-28T02:30", "0 9 * * *"]
"""
    found = validate_file("jobs/daily-a.yaml", content, today=datetime(2026, 11, 29, tzinfo=UTC)).problems
    assert [problem.rule for problem in found] == ["at-clock-change"]
