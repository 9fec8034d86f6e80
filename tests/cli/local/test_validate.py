"""``validate``, ``explain`` and ``schema`` as a person or a pipeline runs them."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from chronos_gitops.cli.main import main
from chronos_gitops.cli.reports.problems.formats import FORMATS
from chronos_gitops.jobs.validation.rule_texts.registry import RULES

ROOT = Path(__file__).parents[3]
SOUND = 'name: {}\nschedule: "0 2 * * *"\nenabled: true\ntimeout: 30s\nwebhook: {{url: https://api.example.com/}}\n'
Shown = pytest.CaptureFixture[str]


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Writes job files into the current folder: ``tree(**{"jobs/daily-a.yaml": text})``."""
    monkeypatch.chdir(tmp_path)

    def write(files: dict[str, str]) -> Path:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return write


def sound(name: str) -> str:
    return SOUND.format(name)


def broken(name: str) -> str:
    return SOUND.format(name) + "timezon: UTC\n"


def warned(name: str) -> str:
    return SOUND.format(name) + "jitter: 0s\nretry_policy: {initial_interval: 2m}\n"


def test_sound_jobs_end_with_0(tree: Callable[..., Path], capsys: Shown) -> None:
    tree({"jobs/daily-a.yaml": sound("daily-a"), "jobs/deep/down/daily-b.yml": sound("daily-b")})
    assert main(["validate"]) == 0
    assert capsys.readouterr().out == "Checked 2 files: no problems.\n"


def test_an_error_ends_with_1_and_is_shown_as_a_compiler_shows_it(tree: Callable[..., Path], capsys: Shown) -> None:
    tree({"jobs/daily-a.yaml": broken("daily-a")})
    assert main(["validate"]) == 1
    assert capsys.readouterr().out == (
        'jobs/daily-a.yaml:6:1: error[unknown-field]: unknown field "timezon"\n'
        "  |\n"
        "6 | timezon: UTC\n"
        "  | ^^^^^^^\n"
        '  = help: did you mean "timezone"?\n'
        "\n"
        "Checked 1 file: 1 error.\n"
    )


def test_warnings_end_with_0_and_with_1_under_strict(tree: Callable[..., Path], capsys: Shown) -> None:
    tree({"jobs/daily-a.yaml": warned("daily-a")})
    assert main(["validate", "--format", "concise"]) == 0
    assert "warning[retry-interval]" in capsys.readouterr().out
    assert main(["validate", "--format", "concise", "--strict"]) == 1
    shown = capsys.readouterr().out
    assert "error[retry-interval]" in shown
    assert shown.endswith("Checked 1 file: 1 error.\n")


@pytest.mark.parametrize(
    ("day", "rules"),
    [
        ("2029-12-31", []),
        ("2030-01-02", ["at-past"]),
        ("2030-10-31", ["at-past"]),
        ("2030-11-01", ["calendar-horizon", "at-past"]),
    ],
)
def test_dates_are_judged_as_of_the_given_day(
    tree: Callable[..., Path], capsys: Shown, day: str, rules: list[str]
) -> None:
    job = sound("daily-a").replace('"0 2 * * *"', '["0 2 * * *", "@at 2030-01-01T00:00"]') + "skip: [fr]\n"
    calendar = "covers_until: 2030-12-31\nclosed: [SAT, 2030-12-25]\n"
    tree({"jobs/daily-a.yaml": job, "jobs/_calendars/fr.yaml": calendar})
    assert main(["validate", "--as-of", day, "--format", "json"]) == 0
    assert [problem["rule"] for problem in json.loads(capsys.readouterr().out)["problems"]] == rules


def test_notes_end_with_0_even_under_strict(tree: Callable[..., Path], capsys: Shown) -> None:
    tree({"jobs/daily-a.yaml": sound("daily-a").replace("enabled: true\n", "")})
    assert main(["validate", "--strict"]) == 0
    assert "note[enabled-absent]" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["validate", "nowhere"], ["validate", "jobs/daily-a.yaml", "jobs/daily-b.yaml"]])
def test_a_path_that_is_not_there_ends_with_2(tree: Callable[..., Path], capsys: Shown, arguments: list[str]) -> None:
    tree({"jobs/daily-a.yaml": sound("daily-a")})
    assert main(arguments) == 2
    assert capsys.readouterr().err == f"error: there is no {arguments[-1]}\n"


@pytest.mark.parametrize(
    ("arguments", "place"),
    [
        (["validate"], 'the jobs folder "jobs", which does not exist'),
        (["validate", "empty"], "empty"),
        (["validate", "--jobs", "empty"], 'the jobs folder "empty"'),
        (["validate", "--jobs", "other"], 'the jobs folder "other", which does not exist'),
    ],
)
def test_nothing_to_look_at_ends_with_3(
    tree: Callable[..., Path], capsys: Shown, arguments: list[str], place: str
) -> None:
    (tree({"other.txt": ""}) / "empty").mkdir()
    assert main(arguments) == 3
    shown = capsys.readouterr()
    assert shown.out == "Checked no file.\n"
    assert shown.err.startswith(f"There is no job file in {place}. chronos-gitops init writes a first one; ")


@pytest.mark.parametrize("arguments", [["validate"], ["validate", "."], ["validate", "../jobs.git"]])
def test_a_bare_repository_has_no_files_to_validate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Shown, arguments: list[str]
) -> None:
    bare = tmp_path / "jobs.git"
    subprocess.run(["git", "init", "--quiet", "--bare", str(bare)], check=True)
    monkeypatch.chdir(bare)
    assert main(arguments) == 3
    assert capsys.readouterr().err.endswith(
        " is a bare git repository, which has no files on disk. Clone it, and validate the clone.\n"
    )


def test_nothing_is_still_json(tree: Callable[..., Path], capsys: Shown) -> None:
    tree({"other.txt": ""})
    assert main(["validate", "--format", "json"]) == 3
    assert json.loads(capsys.readouterr().out) == {"files": 0, "problems": []}


def test_without_a_path_the_jobs_folder_of_the_checkout_is_meant(
    tree: Callable[..., Path], capsys: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tree({"jobs/daily-a.yaml": broken("daily-a"), "src/deep/x.txt": "", ".git/HEAD": ""})
    monkeypatch.chdir(root / "src" / "deep")
    assert main(["validate", "--format", "concise"]) == 1
    assert capsys.readouterr().out.startswith("../../jobs/daily-a.yaml:6:1: ")


def test_the_jobs_folder_can_have_another_name(tree: Callable[..., Path], capsys: Shown) -> None:
    tree({"crons/daily-a.yaml": sound("daily-a")})
    assert main(["validate", "--jobs", "crons"]) == 0
    assert "Checked 1 file" in capsys.readouterr().out


def test_only_yaml_files_of_a_folder_are_jobs(tree: Callable[..., Path], capsys: Shown) -> None:
    tree({"jobs/daily-a.yaml": sound("daily-a"), "jobs/README.md": "x", "jobs/.git/a.yaml": "x", "jobs/a.yaml~": "x"})
    assert main(["validate", "./jobs/"]) == 0
    assert "Checked 1 file" in capsys.readouterr().out


def test_a_file_named_twice_is_one_file(tree: Callable[..., Path], capsys: Shown) -> None:
    tree({"jobs/daily-a.yaml": broken("daily-a")})
    assert main(["validate", "jobs", "jobs/daily-a.yaml", "./jobs/daily-a.yaml", "--format", "json"]) == 1
    shown = json.loads(capsys.readouterr().out)
    assert shown["files"] == 1
    assert len(shown["problems"]) == 1


@pytest.mark.parametrize("chosen", ["jobs/a.yaml", "jobs/b.yaml"])
def test_one_file_of_a_tree_is_judged_with_the_others_in_mind(
    tree: Callable[..., Path], capsys: Shown, chosen: str
) -> None:
    """A pre-commit hook names only the files of the commit."""
    tree({"jobs/a.yaml": sound("daily-a"), "jobs/b.yaml": sound("daily-a"), "jobs/c.yaml": broken("daily-c")})
    assert main(["validate", chosen, "--format", "json"]) == 1
    shown = json.loads(capsys.readouterr().out)
    assert shown["files"] == 1
    errors = [problem for problem in shown["problems"] if problem["severity"] == "error"]
    assert [(problem["file"], problem["rule"]) for problem in errors] == [("jobs/b.yaml", "duplicate-name")]


def test_links_pipes_and_unreadable_files_are_problems_and_never_read(tree: Callable[..., Path], capsys: Shown) -> None:
    root = tree({"outside.yaml": sound("daily-a"), "jobs/daily-b.yaml": sound("daily-b")})
    (root / "jobs" / "link.yaml").symlink_to(root / "outside.yaml")
    (root / "jobs" / "loop").symlink_to(root / "jobs")
    (root / "jobs" / "gone.yaml").symlink_to(root / "nowhere")
    os.mkfifo(root / "jobs" / "pipe.yaml")
    assert main(["validate", "--format", "concise"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(": ")[2].partition("]")[0] for line in lines[:-1]] == [
        "error[symlink",
        "error[symlink",
        "error[unreadable",
    ]
    assert lines[-1] == "Checked 4 files: 3 errors."


def test_a_name_that_is_no_text_does_not_end_the_program(tree: Callable[..., Path], capsys: Shown) -> None:
    folder = tree({"jobs/daily-a.yaml": sound("daily-a")}) / "jobs"
    for name in (b"caf\xe9.yaml", b"a\nb.yaml"):
        (folder / os.fsdecode(name)).write_text(sound("daily-b"))
    assert main(["validate", "--format", "concise"]) == 1
    out = capsys.readouterr().out
    assert r"jobs/caf\xe9.yaml:1:7: " in out
    assert r"jobs/a\nb.yaml:1:7: " in out


def test_exit_zero_reports_and_ends_with_0(tree: Callable[..., Path], capsys: Shown) -> None:
    tree({"jobs/daily-a.yaml": broken("daily-a")})
    assert main(["validate", "--exit-zero"]) == 0
    assert "Checked 1 file: 1 error." in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["jobs"], ["jobs/drafts"], ["jobs/drafts/daily-b.yaml"]])
def test_what_chronosignore_names_is_no_job(tree: Callable[..., Path], capsys: Shown, arguments: list[str]) -> None:
    tree(
        {
            "jobs/.chronosignore": "# not yet\ndrafts/*\n!drafts/daily-c.yaml\n",
            "jobs/drafts/daily-b.yaml": broken("daily-b"),
            "jobs/drafts/daily-c.yaml": sound("daily-c"),
        }
    )
    assert main(["validate", *arguments]) == (3 if arguments == ["jobs/drafts/daily-b.yaml"] else 0)
    assert "daily-b" not in capsys.readouterr().out


def test_chronosignore_holds_from_inside_the_folder(
    tree: Callable[..., Path], capsys: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tree({"jobs/.chronosignore": "/a.yaml\n", "jobs/a.yaml": broken("a"), "jobs/x/a.yaml": sound("daily-a")})
    monkeypatch.chdir(root / "jobs")
    assert main(["validate", "."]) == 0
    assert "Checked 1 file" in capsys.readouterr().out


def test_known_secrets_come_from_folders_files_and_lists(tree: Callable[..., Path], capsys: Shown) -> None:
    text = SOUND.format("daily-a").replace("{url", "{headers: {X-A: '${secret:mail-key}'}, url")
    root = tree(
        {"jobs/daily-a.yaml": text, "names.txt": "# ours\nmail-key # for mail\n\n", "secrets/mail-key": "value"}
    )
    for given in ("names.txt", "secrets", "mail-key,other", "other mail-key"):
        assert main(["validate", "--secrets", given]) == 0
    assert main(["validate", "--secrets", "other", "--secrets", "names.txt"]) == 0
    capsys.readouterr()
    assert main(["validate", "--secrets", "mail-keys", "--format", "concise"]) == 1
    assert 'error[unknown-secret]: there is no secret "mail-key" (did you mean "mail-keys"?)' in capsys.readouterr().out
    assert main(["validate", "--secrets", "no/such.file"]) == 2
    (root / "none").mkdir()
    assert main(["validate", "--secrets", "none"]) == 1


def git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], check=True, capture_output=True)


@pytest.fixture
def branch(tree: Callable[..., Path]) -> Callable[..., Path]:
    """A branch that has left main: main has gone on with d, the branch changed a, and e is not committed."""
    git("init", "--quiet", "--initial-branch", "main")
    tree({f"jobs/daily-{name}.yaml": broken(f"daily-{name}") for name in "abcd"})
    git("add", ".")
    git("commit", "--quiet", "--message", "one")
    git("switch", "--quiet", "--create", "work")
    tree({"jobs/daily-a.yaml": broken("daily-a") + "# changed\n"})
    git("commit", "--quiet", "--all", "--message", "two")
    git("switch", "--quiet", "main")
    tree({"jobs/daily-d.yaml": broken("daily-d") + "# changed\n"})
    git("commit", "--quiet", "--all", "--message", "three")
    git("switch", "--quiet", "work")
    tree({"jobs/daily-e.yaml": broken("daily-e"), "jobs/daily-b.yaml": sound("daily-a")})
    return tree


def test_changed_since_reports_about_the_branch_and_its_edits(branch: Callable[..., Path], capsys: Shown) -> None:
    assert main(["validate", "--changed-since", "main", "--format", "json"]) == 1
    shown = json.loads(capsys.readouterr().out)
    assert shown["files"] == 3
    assert [(problem["file"], problem["rule"]) for problem in shown["problems"] if problem["severity"] == "error"] == [
        ("jobs/daily-a.yaml", "unknown-field"),
        ("jobs/daily-b.yaml", "duplicate-name"),
        ("jobs/daily-e.yaml", "unknown-field"),
    ]


def test_changed_since_with_nothing_changed_ends_with_0(branch: Callable[..., Path], capsys: Shown) -> None:
    assert main(["validate", "jobs/daily-c.yaml", "--changed-since", "main"]) == 0
    assert capsys.readouterr().out == "Checked no file.\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--changed-since", "nowhere"], 'error: --changed-since: there is no commit "nowhere"'),
        (["-", "--changed-since", "main"], "error: - stands alone"),
    ],
)
def test_changed_since_what_is_not_there_ends_with_2(
    branch: Callable[..., Path], capsys: Shown, arguments: list[str], message: str
) -> None:
    assert main(["validate", *arguments]) == 2
    assert capsys.readouterr().err.startswith(message)


def test_changed_since_needs_a_repository(tree: Callable[..., Path], capsys: Shown) -> None:
    tree({"jobs/daily-a.yaml": sound("daily-a")})
    assert main(["validate", "--changed-since", "main"]) == 2
    assert "is not in a git repository" in capsys.readouterr().err


def test_fix_mends_the_files_that_were_asked_for_and_tells_what(tree: Callable[..., Path], capsys: Shown) -> None:
    root = tree({"jobs/daily-a.yaml": broken("daily-a"), "jobs/daily-b.yaml": broken("daily-b"), "out.yaml": "a: ["})
    (root / "jobs/daily-a.yaml").chmod(0o640)
    (root / "jobs/link.yaml").symlink_to(root / "out.yaml")
    assert main(["validate", "jobs/daily-a.yaml", "jobs/link.yaml", "--fix", "--format", "concise"]) == 1
    shown = capsys.readouterr()
    assert shown.err == 'fixed jobs/daily-a.yaml:6: unknown field "timezon"\n'
    assert (root / "jobs/daily-a.yaml").read_text() == sound("daily-a") + "timezone: UTC\n"
    assert (root / "jobs/daily-a.yaml").stat().st_mode & 0o777 == 0o640
    assert (root / "jobs/daily-b.yaml").read_text() == broken("daily-b")
    assert (root / "out.yaml").read_text() == "a: ["
    assert sorted(path.name for path in (root / "jobs").iterdir()) == ["daily-a.yaml", "daily-b.yaml", "link.yaml"]


def test_without_fix_nothing_is_written_and_it_is_told_that_it_could_be(
    tree: Callable[..., Path], capsys: Shown
) -> None:
    root = tree({"jobs/daily-a.yaml": broken("daily-a")})
    assert main(["validate"]) == 1
    assert capsys.readouterr().err == "1 problem can be fixed with --fix.\n"
    assert (root / "jobs/daily-a.yaml").read_text() == broken("daily-a")


def test_fix_is_for_files(capsys: Shown) -> None:
    assert main(["validate", "-", "--fix"]) == 2
    assert "standard input is none" in capsys.readouterr().err


class Stdin:
    def __init__(self, content: bytes) -> None:
        self.buffer = io.BytesIO(content)


def test_a_dash_reads_standard_input(capsys: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Stdin(broken("daily-a").encode()))
    assert main(["validate", "-", "--stdin-filename", "jobs/daily-a.yaml", "--format", "concise"]) == 1
    assert capsys.readouterr().out.startswith("jobs/daily-a.yaml:6:1: error[unknown-field]")


def test_standard_input_has_a_name_and_a_limit(capsys: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Stdin(b"x" * 1_000_000))
    assert main(["validate", "-", "--format", "concise"]) == 1
    assert capsys.readouterr().out.startswith("<stdin>:1:1: error[too-large]")


def test_standard_input_stands_alone(tree: Callable[..., Path], capsys: Shown) -> None:
    tree({"jobs/daily-a.yaml": sound("daily-a")})
    assert main(["validate", "-", "jobs"]) == 2
    assert "stands alone" in capsys.readouterr().err


@pytest.mark.parametrize("style", ["json", "jsonl", "github", "gitlab", "junit", "sarif"])
def test_data_goes_to_stdout_and_the_count_to_stderr(tree: Callable[..., Path], capsys: Shown, style: str) -> None:
    tree({"jobs/daily-a.yaml": broken("daily-a"), "jobs/daily-b.yaml": sound("daily-b")})
    assert main(["validate", "--format", style]) == 1
    shown = capsys.readouterr()
    assert shown.err == "Checked 2 files: 1 error.\n1 problem can be fixed with --fix.\n"
    assert "timezon" in shown.out
    if style == "json":
        assert json.loads(shown.out) == {
            "files": 2,
            "problems": [
                {
                    "file": "jobs/daily-a.yaml",
                    "line": 6,
                    "column": 1,
                    "severity": "error",
                    "rule": "unknown-field",
                    "message": 'unknown field "timezon"',
                    "hint": 'did you mean "timezone"?',
                    "jobs": 1,
                    "job_names": [],
                    "environments": None,
                    "policy": None,
                }
            ],
        }


def test_several_reports_at_once(tree: Callable[..., Path], capsys: Shown) -> None:
    root = tree({"jobs/daily-a.yaml": broken("daily-a")})
    outputs = [f"--output={name}=report.{name}" for name in FORMATS]
    assert main(["validate", "--format", "concise", *outputs]) == 1
    assert "error[unknown-field]" in capsys.readouterr().out
    assert json.loads((root / "report.sarif").read_text())["version"] == "2.1.0"
    assert ElementTree.parse(root / "report.junit").getroot().tag == "testsuites"
    assert all((root / f"report.{name}").read_text() for name in FORMATS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--output", "serif=x"], 'there is no format "serif"\nhint: did you mean "sarif"?'),
        (["--output", "sarif"], '--output "sarif" is not FORMAT=FILE'),
        (["--output", "sarif="], '--output "sarif=" is not FORMAT=FILE'),
        (["--output", "json=nowhere/x.json"], "nowhere/x.json cannot be written"),
        (["--format", "xml"], "Invalid value for '--format'"),
    ],
)
def test_wrong_questions_end_with_2(
    tree: Callable[..., Path], capsys: Shown, arguments: list[str], message: str
) -> None:
    tree({"jobs/daily-a.yaml": sound("daily-a")})
    assert main(["validate", *arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "environment", "coloured"),
    [
        ([], {}, False),
        (["--color", "always"], {}, True),
        (["--color", "never"], {"FORCE_COLOR": "1"}, False),
        ([], {"FORCE_COLOR": "1"}, True),
        ([], {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (["--color", "always"], {"NO_COLOR": "1"}, True),
        ([], {"FORCE_COLOR": "", "NO_COLOR": ""}, False),
    ],
)
def test_colour_follows_the_option_the_environment_and_the_terminal(
    tree: Callable[..., Path],
    capsys: Shown,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    environment: dict[str, str],
    coloured: bool,
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    tree({"jobs/daily-a.yaml": broken("daily-a")})
    assert main(["validate", *arguments]) == 1
    assert ("\x1b[" in capsys.readouterr().out) == coloured


def test_a_valid_file_needs_no_heavy_import(tree: Callable[..., Path]) -> None:
    root = tree({"jobs/daily-a.yaml": SOUND.format("daily-a")})
    heavy = {"flask", "aiohttp", "httpx", "git", "watchfiles", "prometheus_client", "cron_descriptor", "waitress"}
    heavy |= {"multiprocessing", "concurrent.futures.process", "ssl", "asyncio", "jsonschema", "sqlite3"}
    code = (
        f"import sys, chronos_gitops.cli.main as c; c.main(['validate']); print(set(sys.modules) & {heavy}); "
        "print(sum(name.startswith('chronos_gitops') for name in sys.modules))"
    )
    seen = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    found, ours = seen.stdout.splitlines()[-2:]
    assert found == "set()"
    assert int(ours) <= 165, "160 of our modules judge a valid file; each takes 0.1 ms"


@pytest.mark.parametrize("name", RULES)
def test_every_rule_can_be_explained(name: str, capsys: Shown) -> None:
    assert main(["explain", name]) == 0
    shown = capsys.readouterr().out
    rule = RULES[name]
    assert shown.startswith(f"{name} ({rule.severity})\n")
    assert rule.summary.split()[0] in shown
    if rule.good:
        assert all(f"    {line}" in shown for line in rule.good.splitlines())
    assert shown.isascii() or name in ("control-character",)


def test_explain_lists_every_rule(capsys: Shown) -> None:
    assert main(["explain"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == list(RULES)


def test_a_misspelt_rule_is_a_usage_error_with_the_nearest(capsys: Shown) -> None:
    assert main(["explain", "literal-credentials"]) == 2
    assert capsys.readouterr().err == (
        'error: there is no rule "literal-credentials"\nhint: did you mean "literal-credential"?\n'
    )


def test_schema_prints_the_schema_byte_for_byte(capsys: Shown) -> None:
    assert main(["schema"]) == 0
    assert capsys.readouterr().out == (ROOT / "schemas" / "job.schema.json").read_text("utf-8")


def test_layers_above_a_named_file_are_read(tree: Callable[..., Path], capsys: Shown) -> None:
    """Also from a folder below the jobs folder, and a layer that is named itself is judged with the jobs below it."""
    job = "name: daily-a\nschedule: '@daily'\nwebhook: {url: https://api.example.com/}\n"
    folder = tree({"jobs/_defaults.yaml": "timeout: 5 minutes\n", "jobs/a/daily-a.yaml": job})
    assert main(["validate", "jobs/a/daily-a.yaml", "--format", "concise"]) == 1
    assert "jobs/_defaults.yaml:1:10: error[duration]" in capsys.readouterr().out
    assert main(["validate", "jobs/_defaults.yaml", "--format", "concise"]) == 1
    assert "jobs/_defaults.yaml:1:10: error[duration]" in capsys.readouterr().out
    (folder / "jobs/_defaults.yaml").write_text("timeout: 5m\n")
    assert main(["validate", "jobs/a/daily-a.yaml"]) == 0


def test_layers_reach_from_the_named_folder_where_it_is_no_jobs_folder(tree: Callable[..., Path]) -> None:
    """Each folder has its own defaults: those of another one do not reach the job."""
    files = {"other/b/_defaults.yaml": "timeout: 1m\n", "other/a/_defaults.yaml": "webhook: {method: POST}\n"}
    job = "name: daily-a\nschedule: '@daily'\nwebhook: {url: https://api.example.com/, body: x}\ntimeout: 1m\n"
    tree(files | {"other/a/daily-a.yaml": job + "enabled: true\n"})
    assert main(["validate", "other", "--strict"]) == 0


def test_fix_mends_layers_and_blocks_and_the_jobs_below_them(tree: Callable[..., Path], capsys: Shown) -> None:
    job = "name: daily-a\nschedule: '@daily'\nwebhook: {url: 'https://api.example.com/${var:a}'}\n"
    files = {
        "jobs/_defaults.yaml": "# Kept.\ntimeuot: 5 minutes\nenvironments: {staging: {jitter: 2 minutes}}\n",
        "jobs/_environments/staging.yaml": "variables: {a: 5}\nenabled: true\n",
        "jobs/daily-a.yaml": job + "environments: {staging: {catchup_window: 3 hours, tags: {a: 1}}}\n",
    }
    folder = tree(files)
    assert main(["validate"]) == 1
    assert main(["validate", "--fix"]) == 0
    capsys.readouterr()
    assert {path: (folder / path).read_text() for path in files} == {
        "jobs/_defaults.yaml": "# Kept.\ntimeout: 5m\nenvironments: {staging: {jitter: 2m}}\n",
        "jobs/_environments/staging.yaml": 'variables: {a: "5"}\nenabled: true\n',
        "jobs/daily-a.yaml": job + 'environments: {staging: {catchup_window: 3h, tags: {a: "1"}}}\n',
    }


def test_environment_is_one_that_a_file_declares(tree: Callable[..., Path], capsys: Shown) -> None:
    job = "name: daily-a\nschedule: '@daily'\nwebhook: {url: https://api.example.com/}\n"
    files = {"jobs/_environments/staging.yaml": "timeout: never\n", "jobs/_environments/production.yaml": ""}
    tree(files | {"jobs/daily-a.yaml": job})
    assert main(["validate"]) == 1
    assert main(["validate", "--environment", "production"]) == 0
    assert main(["validate", "--environment", "staging"]) == 1
    capsys.readouterr()
    assert main(["validate", "--environment", "stagign"]) == 2
    assert 'did you mean "staging"?' in capsys.readouterr().err
    assert main(["next", "daily-a"]) == 2
    assert "--environment production or staging" in capsys.readouterr().err
    assert main(["next", "daily-a", "--environment", "production"]) == 0


@pytest.mark.parametrize(
    ("words", "left"),
    [
        ([], ["10.0.0.7", "api.team.svc.cluster.local", "backup"]),
        (["--private-hosts", "*.svc.cluster.local"], ["10.0.0.7", "backup"]),
        (["--private-hosts", "*.SVC.cluster.local", "--private-hosts", "backup,10.0.0.7"], []),
        (["--private-hosts", "cluster.local"], ["10.0.0.7", "api.team.svc.cluster.local", "backup"]),
    ],
)
def test_hosts_that_are_known_to_be_private_get_no_note(
    tree: Callable[..., Path], capsys: Shown, words: list[str], left: list[str]
) -> None:
    hosts = ("10.0.0.7", "api.team.svc.cluster.local", "backup")
    named = zip("abc", hosts, strict=True)
    tree({f"jobs/daily-{name}.yaml": sound(f"daily-{name}").replace("api.example.com", host) for name, host in named})
    assert main(["validate", "--format", "json", *words]) == 0
    problems = json.loads(capsys.readouterr().out)["problems"]
    said = [one["message"] for one in problems if one["rule"] == "private-host"]
    assert said == [f"the host {host} is private" for host in left]


def test_private_hosts_come_from_the_environment_and_are_hosts(
    tree: Callable[..., Path], capsys: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree({"jobs/daily-a.yaml": sound("daily-a").replace("api.example.com", "db.example.internal")})
    monkeypatch.setenv("CHRONOS_PRIVATE_HOSTS", "*.svc.cluster.local *.example.internal")
    assert main(["validate"]) == 0
    assert "private-host" not in capsys.readouterr().out
    assert main(["validate", "--private-hosts", "*.*.internal"]) == 2
    assert '--private-hosts "*.*.internal" is no host' in capsys.readouterr().err
