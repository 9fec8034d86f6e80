"""``layers extract``: from many copies to defaults, with every comment kept and every effective job the same."""

import json
import re
from pathlib import Path

import pytest
from harness.repositories.copies import company
from harness.repositories.repository import Repository
from harness.repositories.text_tree import Texts
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chronos_gitops.cli.checkout.layer_extraction import extract
from chronos_gitops.cli.checkout.local_files import LocalFiles, job_files
from chronos_gitops.cli.main import main
from chronos_gitops.jobs.layers.inherited_lines import without_inherited
from chronos_gitops.jobs.validation import document
from chronos_gitops.jobs.validation.validate import validate_tree


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    found = Repository.init(tmp_path / "repo")
    monkeypatch.chdir(found.root)
    return found


def digests() -> dict[str, str]:
    tree = validate_tree(LocalFiles(job_files(Path("jobs"), "jobs"), "jobs"))
    return {name: parsed.job.digest for name, parsed in tree.jobs.items() if parsed.job is not None}


def lines(pattern: str = "*.yaml") -> int:
    return sum(path.read_text().count("\n") for path in Path("jobs").rglob(pattern))


def test_eighty_copies_become_short_files_and_the_same_jobs(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    company(repository)
    repository.commit("Copies")
    before = digests()
    assert (len(before), lines()) == (80, 1520)
    assert main(["layers", "extract"]) == 0
    text = capsys.readouterr().out
    assert "every effective job is the same" in text
    assert digests() == before
    assert len(list(Path("jobs").rglob("_defaults.yaml"))) == 11
    assert lines() < 700, text
    one = Path("jobs/production/billing/billing-00-production.yaml").read_text()
    assert one.startswith("# Job 0 of production.\nname: billing-00-production\n")
    assert "timezone" not in one
    top = Path("jobs/_defaults.yaml").read_text()
    assert "timezone: Europe/Paris\n" in top
    assert "schedule" not in top
    assert main(["validate"]) == 0
    assert main(["layers", "extract"]) == 3, "a second time nothing is left"
    capsys.readouterr()
    assert main(["plan", "--format", "json"]) == 0
    summary = json.loads(capsys.readouterr().out)["summary"]
    assert summary == {"added": 0, "changed": 0, "moved": 0, "removed": 0, "formatting": 80, "unsafe": 0}


def test_new_defaults_have_the_modeline_of_their_schema_where_jobs_have_one() -> None:
    modeline = "# yaml-language-server: $schema=../../schemas/job.schema.json\n"
    rest = "schedule: '@daily'\ntimeout: 9s\nwebhook: {url: 'https://a.example.com/x'}\n"
    texts = {f"a/{name}.yaml": f"{modeline}name: {name}\n{rest}" for name in ("one-job", "two-jobs")}
    (layer, *_) = extract(Texts(texts), "").edits
    assert layer.after == "# yaml-language-server: $schema=../../schemas/defaults.schema.json\ntimeout: 9s\n"


def test_dry_run_writes_nothing(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    company(repository)
    before = {path: path.read_text() for path in Path("jobs").rglob("*.yaml")}
    assert main(["layers", "extract", "--dry-run"]) == 0
    text = capsys.readouterr().out
    assert "+timezone: Europe/Paris" in text
    assert text.endswith("Nothing was written.\n")
    assert {path: path.read_text() for path in Path("jobs").rglob("*.yaml")} == before
    assert main(["layers", "extract", "jobs/staging/growth", "--dry-run", "--format", "json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert {Path(one["path"]).parent.as_posix() for one in shown["files"]} == {"jobs/staging/growth"}
    assert (shown["jobs"], shown["lines"]["before"]) == (10, 190)


def test_comments_of_a_value_keep_it_in_its_file(repository: Repository) -> None:
    for name in ("one-job", "two-jobs", "three-jobs"):
        own = "timeout: 30s  # measured\n" if name == "one-job" else "timeout: 30s\n"
        above = "# Paris opens first.\ntimezone: Europe/Paris\n" if name == "two-jobs" else "timezone: Europe/Paris\n"
        text = (
            f"# Head.\nname: {name}\nschedule: '@daily'\nwebhook: {{url: https://a.example.com/{name}}}\n{own}{above}"
        )
        repository.write(f"jobs/{name}.yaml", text)
    before = digests()
    assert main(["layers", "extract"]) == 0
    assert digests() == before
    assert "timeout: 30s  # measured\n" in Path("jobs/one-job.yaml").read_text()
    assert "timezone" not in Path("jobs/one-job.yaml").read_text()
    assert "# Paris opens first.\ntimezone: Europe/Paris\n" in Path("jobs/two-jobs.yaml").read_text()
    assert "timeout" not in Path("jobs/two-jobs.yaml").read_text()


def test_a_job_without_the_field_says_what_it_had(repository: Repository) -> None:
    for number in range(9):
        repository.write(f"jobs/job-{number}.yaml", f"name: job-{number}\n" + SHORT + "enabled: true\n")
    repository.write("jobs/other-job.yaml", "name: other-job\n" + SHORT.rstrip("\n"))
    before = digests()
    assert main(["layers", "extract"]) == 0
    assert digests() == before
    assert Path("jobs/_defaults.yaml").read_text() == "enabled: true\n"
    assert Path("jobs/other-job.yaml").read_text().endswith("\nenabled: false\n")


@pytest.mark.parametrize("folder", [None, "jobs/a/b"])
def test_what_a_layer_says_already_is_only_removed(repository: Repository, folder: str | None) -> None:
    for number in range(3):
        repository.write(f"jobs/a/b/job-{number}.yaml", f"name: job-{number}\n{SHORT}timeout: 30s\n")
    repository.write("jobs/a/_defaults.yaml", "timeout: 30s\n")
    arguments = ["layers", "extract", *filter(None, [folder])]
    before = digests()
    assert main(arguments) == 0
    assert digests() == before
    assert [path.as_posix() for path in Path("jobs").rglob("_defaults.yaml")] == ["jobs/a/_defaults.yaml"]
    assert "timeout" not in Path("jobs/a/b/job-0.yaml").read_text()
    assert main(arguments) == 3, "a second time nothing is left"


def test_a_value_that_a_nearer_layer_takes_away_is_a_default_again(repository: Repository) -> None:
    for number in range(3):
        repository.write(f"jobs/a/b/job-{number}.yaml", f"name: job-{number}\n{SHORT}tags:\n  team: ops\n")
    repository.write("jobs/_defaults.yaml", "tags: {team: ops}\n")
    repository.write("jobs/a/_defaults.yaml", "tags: {team: null}\n")
    before = digests()
    assert main(["layers", "extract"]) == 0
    assert digests() == before
    assert Path("jobs/a/b/_defaults.yaml").read_text() == "tags:\n  team: ops\n"
    assert main(["layers", "extract"]) == 3


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ("tags: {{team: ops, owner: person-{0}}}\n", "tags:\n  team: ops\n"),
        ("tags: {{team: ops, owner: person-{0}}} # why\n", None),
        ("tags: {{team: ops,\n  owner: person-{0}}}\n", None),
        ("timeout: 30s\ntags: {{owner: person-{0}, team: ops}}\n", "timeout: 30s\ntags:\n  team: ops\n"),
        ("timeout: 30s # measured\n", None),
        ("# Paris opens first.\ntimezone: Europe/Paris\n", None),
        ("tags: {{team: ops, tier: b}}\n", "tags:\n  team: ops\n  tier: b\n"),
    ],
)
def test_defaults_hold_only_what_some_job_says_no_more(repository: Repository, own: str, expected: str | None) -> None:
    for number in range(5):
        repository.write(f"jobs/job-{number}.yaml", f"name: job-{number}\n{SHORT}{own.format(number)}")
    before = digests()
    assert main(["layers", "extract"]) == (0 if expected else 3)
    assert digests() == before
    layer = Path("jobs/_defaults.yaml")
    assert (layer.read_text() if layer.exists() else None) == expected
    assert main(["layers", "extract"]) == 3


def test_no_job_writes_out_a_value_for_a_default_that_is_dropped(repository: Repository) -> None:
    for number in range(9):
        repository.write(f"jobs/job-{number}.yaml", f"name: job-{number}\n{SHORT}enabled: true # on\n")
    repository.write("jobs/other-job.yaml", f"name: other-job\n{SHORT}")
    assert main(["layers", "extract"]) == 3
    assert "enabled" not in Path("jobs/other-job.yaml").read_text()


def test_errors_and_missing_folders_are_refused(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    repository.write("jobs/job-a.yaml", "name: job-a\nschedule: never\n")
    assert main(["layers", "extract"]) == 1
    assert "jobs/job-a.yaml:1:1: error[required]" in capsys.readouterr().err
    assert main(["layers", "extract", "jobs/none"]) == 2


SHORT = "schedule: '@daily'\nwebhook: {url: https://a.example.com/x}\n"
_TIMEOUTS = st.sampled_from(["", "timeout: 30s\n", "timeout: 30s # why\n", "timeout: 1m\n"])
_ENABLED = st.sampled_from(["", "enabled: true\n", "enabled: true\n", "enabled: false\n", "# On.\nenabled: true\n"])
_TAGS = st.sampled_from(
    [
        "tags: {team: a, tier: c}\n",
        'tags: {tier: c, team: a, "x": y}\n',
        "",
        "tags: {team: a}\n",
        "tags:\n  team: a\n  tier: b # c\n",
        "tags:\n  team: a\n",
    ]
)
_WEBHOOKS = st.sampled_from(
    [
        "webhook: {url: https://a.example.com/x}\n",
        "webhook: {url: https://a.example.com/x, method: POST, headers: {A: b, C: 'd, e'}}\n",
        "webhook: {method: POST, url: https://a.example.com/x, headers: {C: d}, auth: {type: hmac, secret: x}}\n",
        "webhook:\n  url: https://a.example.com/x\n  method: POST\n  body: |\n    a\n    # b\n\n",
        "webhook:\n  url: https://a.example.com/x\n  method: POST\n\n  headers:\n    A: b\n    C: d\n",
        "webhook:\n  url: https://a.example.com/x\n  auth: {type: bearer, token: '${secret:t}'}\n  headers: {A: b}\n",
        "webhook:\n  url: https://a.example.com/x\n  success_codes:\n    - 200\n    - 201\n",
    ]
)
_BLOCKS = st.sampled_from(["", "environments:\n  staging: {timeout: 30s, tags: {team: null}}\n"])
_FILE = st.tuples(_TIMEOUTS, _ENABLED, _TAGS, _WEBHOOKS, st.sampled_from(["", "\n", "# Note.\n"]), _BLOCKS)
_LAYERS = st.sampled_from(["", "timeout: 30s\n", "tags: {team: a}\nenabled: true", "webhook: {headers: {a: z}}\n"])


@pytest.mark.timeout(400)  # 150 trees, each extracted twice
@given(st.lists(_FILE, min_size=2, max_size=7), st.permutations(range(5)), _LAYERS, st.booleans())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_effective_jobs_and_comments_stay(
    tmp_path: Path, files: list[tuple[str, ...]], order: list[int], layer: str, has_environments: bool
) -> None:
    """``extract`` proves it itself; it must never have to refuse."""
    top = tmp_path / "jobs"
    for path in top.rglob("*.yaml") if top.exists() else ():
        path.unlink()
    (top / "a").mkdir(parents=True, exist_ok=True)
    (top / "_environments").mkdir(exist_ok=True)
    for number, (*parts, block) in enumerate(files):
        text = f"name: job-{number}\nschedule: '@daily'\n" + "".join(parts[at] for at in order)
        folder = top / "a" if number % 3 == 0 else top
        (folder / f"job-{number}.yaml").write_text(text + (block if has_environments else ""))
    if layer:
        (top / "_defaults.yaml").write_text(layer)
    if has_environments:
        (top / "_environments/staging.yaml").write_text("timeout: 10s\n")
        (top / "_environments/production.yaml").write_text("")
    found = extract(LocalFiles(job_files(top, "jobs"), "jobs"), "")
    for edit in found.edits:
        Path(top.parent, edit.path).write_text(edit.after)
        if edit.before is not None:
            comments = [re.findall(r"#.*", text) for text in (edit.before, edit.after)]
            assert comments[0] == comments[1]
    assert extract(LocalFiles(job_files(top, "jobs"), "jobs"), "").edits == (), "a second time nothing is left"


@pytest.mark.parametrize(
    ("flow", "expected"),
    [
        ("{team: ops, owner: me}", "{owner: me}"),
        ("{owner: me, team: ops}", "{owner: me}"),
        ("{ owner: me , team: ops }", "{ owner: me }"),
        ("{team: ops, tier: a, owner: me}", "{owner: me}"),
        ("{team: ops, owner: me, tier: a}", "{owner: me}"),
        ("{owner: me, team: ops, tier: a,}", "{owner: me,}"),
        ("{'team': 'ops', owner: 'a, b: {c}'}", "{owner: 'a, b: {c}'}"),
        ('{"team": "ops", owner: "ü { }"}', '{owner: "ü { }"}'),
        ("{team: ops, tier: a}", None),
    ],
)
def test_keys_of_a_flow_map_are_removed_and_the_rest_stays(flow: str, expected: str | None) -> None:
    text = f"name: one-job\ntags: {flow}\nschedule: '@daily'\n"
    found = without_inherited(text, document.read("a.yaml", text.encode()), {"tags": {"team": "ops", "tier": "a"}})
    kept = "" if expected is None else f"tags: {expected}\n"
    assert found == f"name: one-job\n{kept}schedule: '@daily'\n"
