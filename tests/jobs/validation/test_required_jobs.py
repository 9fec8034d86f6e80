"""Gates across files: unknown jobs, rings, and what they stop, in each environment on its own."""

import json
from collections.abc import Mapping

import pytest
from harness.machine.growth import assert_linear

from chronos_gitops.jobs.validation.required_jobs import rings
from chronos_gitops.jobs.validation.validate import TreeEntry, TreeResult, git_blob_id, validate_tree


class Tree:
    def __init__(self, files: Mapping[str, str]) -> None:
        self.contents = {path: text.encode() for path, text in files.items()}

    @property
    def entries(self) -> list[TreeEntry]:
        return [TreeEntry(path, git_blob_id(text), len(text)) for path, text in self.contents.items()]

    def place(self, path: str) -> str:
        return path.removeprefix("jobs/")

    def read(self, wanted: list[TreeEntry]) -> dict[str, bytes]:
        return {one.path: self.contents[one.path] for one in wanted}


def text(name: str, *more: str) -> str:
    head = (
        f'name: {name}\nschedule: "0 2 * * *"\nenabled: true\ntimeout: 30s\nwebhook: {{url: https://a.example.com/}}\n'
    )
    return head + "".join(f"{line}\n" for line in more)


def gate(job: str) -> str:
    return f"requires: {{job: {job}, success_within: 24h}}"


def load(files: Mapping[str, str], environment: str | None = None) -> TreeResult:
    return validate_tree(Tree(files), environment=environment)  # type: ignore[arg-type]  # entries in memory


def found(loaded: TreeResult) -> list[tuple[str, int, str, str, str]]:
    rules = [one for one in loaded.problems if one.rule.startswith("requires-")]
    return [(one.file, one.line, one.rule, one.message, one.hint) for one in rules]


def test_a_gate_of_a_job_that_there_is_is_no_finding() -> None:
    loaded = load({"jobs/daily-a.yaml": text("daily-a", gate("daily-b")), "jobs/daily-b.yaml": text("daily-b")})
    assert found(loaded) == []
    job = loaded.jobs["daily-a"].job
    assert job is not None
    assert job.document()["requires"] == {"job": "daily-b", "success_within": "24h", "wait": "0s", "otherwise": "skip"}


def test_an_unknown_job_quarantines_the_one_that_requires_it() -> None:
    loaded = load({"jobs/daily-a.yaml": text("daily-a", gate("daily-bb")), "jobs/daily-b.yaml": text("daily-b")})
    says = 'there is no job "daily-bb" that it could require', 'did you mean "daily-b"?'
    assert found(loaded) == [("jobs/daily-a.yaml", 6, "requires-unknown", *says)]
    assert set(loaded.jobs) == {"daily-b"}


def test_a_required_job_whose_file_is_broken_is_known() -> None:
    loaded = load({"jobs/daily-a.yaml": text("daily-a", gate("daily-b")), "jobs/b.yaml": text("daily-b", "oops: 1")})
    assert found(loaded) == []
    assert set(loaded.jobs) == {"daily-a"}


def test_a_ring_is_named_at_each_of_its_jobs() -> None:
    files = {
        "jobs/daily-a.yaml": text("daily-a", gate("daily-b")),
        "jobs/daily-b.yaml": text("daily-b", gate("daily-c")),
        "jobs/daily-c.yaml": text("daily-c", gate("daily-a")),
        "jobs/daily-d.yaml": text("daily-d", gate("daily-a")),
    }
    loaded = load(files)
    ways = ["daily-" + " requires daily-".join(letters) for letters in ("abca", "bcab", "cabc")]
    said = [f"jobs wait for each other: {way}" for way in ways]
    assert [(file, rule, message) for file, _, rule, message, _ in found(loaded)] == [
        (f"jobs/daily-{letter}.yaml", "requires-cycle", words) for letter, words in zip("abc", said, strict=True)
    ]
    assert set(loaded.jobs) == {"daily-d"}


def test_the_job_itself_is_said_once() -> None:
    loaded = load({"jobs/daily-a.yaml": text("daily-a", gate("daily-a"))})
    assert [rule for _, _, rule, _, _ in found(loaded)] == ["requires-self"]


ENVIRONMENTS = {"_environments/production.yaml": "", "_environments/staging.yaml": ""}


def in_environment(name: str, environment: str, job: str) -> str:
    return text(name, "environments:", f"  {environment}:", f"    {gate(job)}")


@pytest.mark.parametrize("environment", ["production", "staging"])
def test_each_environment_is_judged_on_its_own(environment: str) -> None:
    files = {f"jobs/{path}": content for path, content in ENVIRONMENTS.items()}
    across = files | {
        "jobs/daily-a.yaml": in_environment("daily-a", "production", "daily-b"),
        "jobs/daily-b.yaml": in_environment("daily-b", "staging", "daily-a"),
    }
    assert found(load(across, environment)) == []
    within = files | {
        "jobs/daily-a.yaml": in_environment("daily-a", "production", "daily-b"),
        "jobs/daily-b.yaml": in_environment("daily-b", "production", "daily-a"),
    }
    loaded = load(within, environment)
    problems = [one for one in loaded.problems if one.rule == "requires-cycle"]
    assert {one.environments for one in problems} == {("production",)}
    assert set(loaded.jobs) == (set() if environment == "production" else {"daily-a", "daily-b"})


def test_rings_of_many_gates_take_time_that_grows_with_their_number() -> None:
    def made(number: int) -> tuple[dict[str, str], dict[str, str]]:
        chain = {f"job-{i}": f"job-{i + 1}" for i in range(number)}
        return chain | {f"job-{number - 1}": "job-0"}, chain

    def run(both: tuple[dict[str, str], dict[str, str]]) -> None:
        ring, chain = both
        assert [len(one) for one in rings(ring)] == [len(ring)]
        assert rings(chain) == []

    assert_linear(run, made, 5_000)


def test_messages_of_a_large_ring_stay_short() -> None:
    number = 300
    files = {f"jobs/job-{i}.yaml": text(f"job-{i}", gate(f"job-{(i + 1) % number}")) for i in range(number)}
    loaded = load(files)
    assert len(found(loaded)) == number
    assert max(len(message) for _, _, _, message, _ in found(loaded)) < 300
    assert json.dumps(found(loaded))
