"""``import`` as a person runs it."""

import io
import json
import sys
from pathlib import Path

import pytest

from chronos_gitops.cli.checkout.local_files import LocalFiles, job_files
from chronos_gitops.cli.main import main
from chronos_gitops.jobs.validation.validate import validate_tree

LINES = "@daily curl https://a.example.com/x/y\n@daily curl -L https://a.example.com/x/z\n"
Shown = pytest.CaptureFixture[str]


@pytest.fixture
def crontab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "crontab").write_text(LINES)
    return tmp_path / "crontab"


def test_without_output_files_are_shown_and_not_written(crontab: Path, capsys: Shown) -> None:
    assert main(["import", "crontab", "crontab"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("# x-y.yaml\nname: x-y\n")
    assert "# not carried over from line 2: redirects are not followed" in shown
    assert shown.endswith("# 2 imported, 0 not converted\n")
    assert list(crontab.parent.iterdir()) == [crontab]


def test_what_is_written_is_what_validate_calls_sound(crontab: Path, capsys: Shown) -> None:
    assert main(["import", "crontab", "crontab", "--output", "jobs/old", "--enable"]) == 0
    assert "wrote jobs/old/x-y.yaml" in capsys.readouterr().out
    assert main(["validate", "jobs", "--strict"]) == 0
    assert "Checked 2 files" in capsys.readouterr().out


def test_what_is_written_where_no_job_is_read_is_said(crontab: Path, capsys: Shown) -> None:
    (crontab.parent / "jobs").mkdir()
    (crontab.parent / "jobs/.chronosignore").write_text("later/x-z.yaml\n")
    assert main(["import", "crontab", "crontab", "--output", "jobs/.later"]) == 0
    hidden = "jobs/.later/x-y.yaml is not a job file: files and folders whose name begins with a dot are not read"
    assert f"# {hidden}\n" in capsys.readouterr().out
    assert main(["import", "crontab", "crontab", "--output", "jobs/later", "--format", "json"]) == 0
    notes = json.loads(capsys.readouterr().out)["notes"]
    assert notes[-1:] == ["jobs/later/x-z.yaml is not a job file: .chronosignore excludes it"]


def test_nothing_is_ever_overwritten(crontab: Path, capsys: Shown) -> None:
    (crontab.parent / "jobs").mkdir()
    (crontab.parent / "jobs/x-z.yaml").write_text("mine")
    assert main(["import", "crontab", "crontab", "--output", "jobs"]) == 1
    assert capsys.readouterr().err.startswith("error: jobs/x-z.yaml exists already")
    assert [path.name for path in (crontab.parent / "jobs").iterdir()] == ["x-z.yaml"]
    assert (crontab.parent / "jobs/x-z.yaml").read_text() == "mine"


def test_json_has_the_files_and_the_report(crontab: Path, capsys: Shown) -> None:
    crontab.write_text(LINES + "@daily backup.sh\n")
    assert main(["import", "crontab", "crontab", "--format", "json", "--timezone", "Europe/Paris"]) == 1
    shown = json.loads(capsys.readouterr().out)
    assert [(one["from"], one["job"], one["file"]) for one in shown["imported"]] == [
        ("line 1", "x-y", None),
        ("line 2", "x-z", None),
    ]
    assert "timezone: Europe/Paris\n" in shown["imported"][0]["yaml"]
    assert shown["refused"] == [
        {"from": "line 3", "text": "@daily backup.sh", "reason": "it is not a call of curl or wget"}
    ]


def test_standard_input(capsys: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stdin:
        buffer = io.BytesIO(LINES.encode())

    monkeypatch.setattr(sys, "stdin", Stdin())
    assert main(["import", "crontab", "-"]) == 0
    assert "# 2 imported" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["crontab", "nowhere"], "error: nowhere cannot be read: No such file"),
        (
            ["cron", "crontab"],
            "error: Invalid value for '{crontab|k8s|chronos|dkron|cronicle|ofelia|",
        ),
        (["crontab", "crontab", "--output", "crontab/x"], "error: crontab is not a folder"),
        (["crontab", "crontab", "--target", "a=b"], "error: --target goes with eventbridge only"),
        (["eventbridge", "crontab", "--target", "arn:x"], "error: Invalid value for '--target': \"arn:x\" is not of"),
    ],
)
def test_wrong_questions_end_with_2(crontab: Path, capsys: Shown, arguments: list[str], message: str) -> None:
    assert main(["import", *arguments]) == 2
    assert capsys.readouterr().err.startswith(message)


def test_a_file_of_another_kind_is_a_sentence(crontab: Path, capsys: Shown) -> None:
    crontab.write_text("a: [")
    assert main(["import", "k8s", "crontab"]) == 1
    assert capsys.readouterr().err.startswith("error: this is not YAML: ")


def test_jobs_mean_in_a_folder_with_layers_what_the_source_meant(crontab: Path, capsys: Shown) -> None:
    """Its defaults have headers, another way to authenticate, a zone and a time-out: the jobs get none of them."""
    layers = {
        "jobs/_defaults.yaml": "timezone: Europe/Paris\ntimeout: 1s\nvariables: {a: b}\nenabled: true\n",
        "jobs/old/_defaults.yaml": "webhook: {auth: {type: bearer, token: '${secret:t}'}, headers: {X-Team: a, A: b}}\n"
        "tags: {team: a}\n",
    }
    (crontab.parent / "crontab").write_text("@daily curl -H 'x-team: own' https://a.example.com/x/y\n" + LINES)
    for path, text in layers.items():
        (crontab.parent / path).parent.mkdir(exist_ok=True)
        (crontab.parent / path).write_text(text)
    assert main(["import", "crontab", "crontab", "--output", "jobs/old"]) == 0
    (crontab.parent / "plain").mkdir()
    assert main(["import", "crontab", "crontab", "--output", "plain"]) == 0
    found, plain = (validate_tree(LocalFiles(job_files(Path(one), "jobs"), "jobs")) for one in ("jobs", "plain"))
    assert len(found.jobs) == 3
    for name, parsed in plain.jobs.items():
        there = found.jobs[name].job
        assert parsed.job is not None
        assert there is not None
        assert there.document() == parsed.job.document()
    assert "    x-team: own\n    A: null\n" in Path("jobs/old/x-y.yaml").read_text()
    assert "  headers: null\n" in Path("jobs/old/x-z.yaml").read_text()


def test_a_target_of_eventbridge_gets_its_address(crontab: Path, capsys: Shown) -> None:
    schedule = {"Name": "nightly", "ScheduleExpression": "rate(1 hour)", "Target": {"Arn": "arn:aws:lambda:x:1:f"}}
    crontab.write_text(json.dumps(schedule))
    assert main(["import", "eventbridge", "crontab"]) == 1
    assert "no HTTP address; give one: --target ARN=URL" in capsys.readouterr().out
    assert (
        main(["import", "eventbridge", "crontab", "--target", "arn:aws:lambda:x:1:f=https://a.example.com/x?a=b"]) == 0
    )
    assert "https://a.example.com/x?a=b" in capsys.readouterr().out


MANY = "".join(
    f"{minute} 2 * * * curl -X POST -H 'X-Team: billing' --max-time 20 https://a.example.com/v1/{name}\n"
    for minute, name in enumerate(("charge", "refund", "report", "settle"))
)


def effective(folder: Path) -> dict[str, str]:
    """Digest of each job by its name, in every environment."""
    tree = validate_tree(LocalFiles(job_files(folder, "jobs"), "jobs"), environment="staging")
    assert not [one for one in tree.problems if one.severity == "error"]
    return {name: one.job.digest for name, one in tree.jobs.items() if one.job is not None}


@pytest.mark.parametrize(
    ("output", "above"),
    [
        ("jobs", {}),
        ("jobs/cron", {}),
        ("jobs/a/cron", {"_defaults.yaml": "timeout: 9m\njitter: 5s\n", "a/_defaults.yaml": "tags: {team: a}\n"}),
        ("jobs/cron", {"_environments/staging.yaml": "timeout: 40s\n", "_environments/production.yaml": ""}),
        ("jobs", {"_environments/staging.yaml": "webhook: {headers: {x-team: s}}\n"}),
    ],
)
def test_layers_hold_what_most_jobs_have_in_common_and_every_effective_job_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str, above: dict[str, str]
) -> None:
    for name in ("plain", "layered"):
        folder = tmp_path / name
        for path, text in above.items():
            (folder / "jobs" / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / "jobs" / path).write_text(text)
        folder.mkdir(exist_ok=True)
        (folder / "crontab").write_text(MANY)
        monkeypatch.chdir(folder)
        more = ["--layers"] if name == "layered" else []
        assert main(["import", "crontab", "crontab", "--output", output, "--timezone", "Europe/Paris", *more]) == 0
    plain, layered = (effective(tmp_path / name / "jobs") for name in ("plain", "layered"))
    assert layered == plain
    assert len(plain) == 4
    lines, before = (
        sum(path.read_text().count("\n") for path in (tmp_path / name / output).rglob("*.yaml"))
        for name in ("layered", "plain")
    )
    assert lines < before / 1.5
    assert "timezone: Europe/Paris" in (tmp_path / "layered" / output / "_defaults.yaml").read_text()


def test_layers_are_shown_without_output_and_in_json(crontab: Path, capsys: Shown) -> None:
    crontab.write_text(MANY)
    assert main(["import", "crontab", "crontab", "--layers"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("# _defaults.yaml\n")
    assert shown.count("X-Team: billing") == 1
    assert main(["import", "crontab", "crontab", "--layers", "--format", "json", "--output", "jobs"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["defaults"]["file"] == "jobs/_defaults.yaml"
    assert document["defaults"]["yaml"] == (crontab.parent / "jobs/_defaults.yaml").read_text()


def test_jobs_that_have_nothing_in_common_get_no_defaults(crontab: Path, capsys: Shown) -> None:
    crontab.write_text(LINES.splitlines()[0] + "\n")
    assert main(["import", "crontab", "crontab", "--layers", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["defaults"] is None


@pytest.mark.parametrize("beside", ["mine.yaml", "deep/mine.yaml", "_defaults.yaml"])
def test_defaults_never_reach_a_job_that_was_there(crontab: Path, capsys: Shown, beside: str) -> None:
    (crontab.parent / "jobs/cron" / beside).parent.mkdir(parents=True)
    (crontab.parent / "jobs/cron" / beside).write_text("timeout: 5s\n")
    assert main(["import", "crontab", "crontab", "--output", "jobs/cron", "--layers"]) == 1
    assert f"jobs/cron/{beside} stands in the folder" in capsys.readouterr().err
    assert [path.name for path in (crontab.parent / "jobs/cron").iterdir()] == [beside.split("/")[0]]


def test_layers_go_with_jobs_only(crontab: Path, capsys: Shown) -> None:
    assert main(["import", "ics", "crontab", "--name", "days", "--layers"]) == 2
    assert "--layers goes with jobs only" in capsys.readouterr().err
