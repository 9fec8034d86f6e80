"""Problems in every format, held to what the readers of that format document."""

import json
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chronos_gitops.cli.reports.problems import concise, full, github, gitlab, jsonl, junit, sarif
from chronos_gitops.cli.reports.problems import json as json_report
from chronos_gitops.cli.reports.problems.fingerprint import fingerprints
from chronos_gitops.cli.reports.problems.formats import FORMATS
from chronos_gitops.jobs.problem import Problem, Severity
from chronos_gitops.jobs.validation.rule_texts.registry import RULES


def problem(**fields: object) -> Problem:
    values: dict[str, object] = {
        "file": "jobs/a.yaml",
        "line": 3,
        "column": 5,
        "severity": Severity.ERROR,
        "rule": "unknown-field",
        "message": 'unknown field "oops"',
        "hint": "remove it",
        "end_column": 9,
        "excerpt": "    oops: 1",
    }
    return Problem(**(values | fields))  # type: ignore[arg-type]


WARNING = problem(severity=Severity.WARNING, rule="file-name", message="m", hint="", line=1, file="jobs/b.yaml")
NOTE = problem(severity=Severity.NOTE, rule="enabled-absent", message="n", hint="", line=2, file="jobs/b.yaml")
ALL = (problem(), WARNING, NOTE)


def test_concise_is_one_line_each_and_a_count() -> None:
    assert concise.render(ALL, 3).splitlines() == [
        'jobs/a.yaml:3:5: error[unknown-field]: unknown field "oops" (remove it)',
        "jobs/b.yaml:1:5: warning[file-name]: m",
        "jobs/b.yaml:2:5: note[enabled-absent]: n",
        "Checked 3 files: 1 error, 1 warning, 1 note.",
    ]


@pytest.mark.parametrize(
    ("problems", "files", "line"),
    [
        ((), 0, "Checked no file."),
        ((), 1, "Checked 1 file: no problems."),
        ((WARNING, WARNING), 1_234, "Checked 1,234 files: 2 warnings."),
    ],
)
def test_the_count_speaks_english(problems: tuple[Problem, ...], files: int, line: str) -> None:
    assert concise.render(problems, files).splitlines()[-1] == line


def test_full_shows_the_line_a_caret_and_a_hint() -> None:
    assert full.render((problem(),), 1) == (
        'jobs/a.yaml:3:5: error[unknown-field]: unknown field "oops"\n'
        "  |\n"
        "3 |     oops: 1\n"
        "  |     ^^^^\n"
        "  = help: remove it\n"
        "\n"
        "Checked 1 file: 1 error.\n"
    )


@pytest.mark.parametrize(
    ("excerpt", "column", "end", "shown", "caret"),
    [
        ("oops: 1", 1, 5, "oops: 1", "^^^^"),
        ("\toops: 1", 2, 6, "    oops: 1", "    ^^^^"),
        ("a\toops: 1", 3, 7, "a    oops: 1", "     ^^^^"),
        ("漢字: 1", 1, 3, "漢字: 1", "^^^^"),
        ("漢字: oops", 5, 9, "漢字: oops", "      ^^^^"),
        ("e\u0301: oops", 5, 9, "e\u0301: oops", "   ^^^^"),
        ("a\x1b[31m: oops", 9, 13, "a�[31m: oops", "        ^^^^"),
        ("a\u202e: oops", 5, 9, "a�: oops", "    ^^^^"),
        ("\U0001f680: oops", 4, 8, "\U0001f680: oops", "    ^^^^"),
        ("oops: 1", 7, 30, "oops: 1", "      ^"),
        ("oops: 1", 30, 31, "oops: 1", "       ^"),
        ("oops: 1", 3, 0, "oops: 1", "  ^"),
    ],
)
def test_the_caret_stands_under_what_is_meant(excerpt: str, column: int, end: int, shown: str, caret: str) -> None:
    block = full.block(problem(excerpt=excerpt, column=column, end_column=end)).splitlines()
    assert block[2] == f"3 | {shown}"
    assert block[3] == f"  | {caret}"


@pytest.mark.parametrize("column", [1, 50, 500, 1_000])
def test_a_long_line_is_cut_around_the_place(column: int) -> None:
    line = "".join(f"{number:<10}" for number in range(0, 1_000, 10))
    block = full.block(problem(excerpt=line, column=column, end_column=column + 3)).splitlines()
    shown, caret = block[2], block[3]
    assert len(shown) <= 4 + 120 + 6
    start = caret.index("^")
    assert shown[start] == line[column - 1]


def test_a_problem_without_a_line_shows_none() -> None:
    assert full.block(problem(excerpt="", hint="")) == 'jobs/a.yaml:3:5: error[unknown-field]: unknown field "oops"\n'


def test_colour_adds_nothing_but_escapes() -> None:
    coloured = full.render(ALL, 2, colour=True)
    assert "\x1b[1;31m" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == full.render(ALL, 2)


def test_json_has_the_shape_of_the_contract() -> None:
    assert json.loads(json_report.render((problem(),), 7)) == {
        "files": 7,
        "problems": [
            {
                "file": "jobs/a.yaml",
                "line": 3,
                "column": 5,
                "severity": "error",
                "rule": "unknown-field",
                "message": 'unknown field "oops"',
                "hint": "remove it",
                "jobs": 1,
                "job_names": [],
                "environments": None,
                "policy": None,
            }
        ],
    }
    assert json.loads(json_report.render((), 0)) == {"files": 0, "problems": []}


def test_jsonl_is_one_object_per_line_and_nothing_for_nothing() -> None:
    assert [json.loads(line) for line in jsonl.render(ALL, 2).splitlines()] == json.loads(json_report.render(ALL, 2))[
        "problems"
    ]
    assert jsonl.render((), 2) == ""


def test_github_annotates_errors_first_and_escapes() -> None:
    odd = problem(file="jobs/a,b:c.yaml", message="50% of\nit", hint="", severity=Severity.NOTE)
    assert github.render((odd, WARNING, problem()), 3).splitlines() == [
        "::error title=chronos-gitops (unknown-field),file=jobs/a.yaml,line=3,endLine=3,col=5,endColumn=9"
        '::unknown field "oops"%0Aremove it',
        "::warning title=chronos-gitops (file-name),file=jobs/b.yaml,line=1,endLine=1,col=5,endColumn=9::m",
        "::notice title=chronos-gitops (unknown-field),file=jobs/a%2Cb%3Ac.yaml,line=3,endLine=3,col=5,endColumn=9"
        "::50%25 of%0Ait",
    ]


def test_gitlab_has_every_field_that_code_quality_needs() -> None:
    issues = json.loads(gitlab.render((*ALL, problem(file="./jobs/c.yaml")), 3))
    assert issues[0] == {
        "description": 'unknown field "oops" (remove it)',
        "check_name": "unknown-field",
        "fingerprint": issues[0]["fingerprint"],
        "severity": "major",
        "location": {"path": "jobs/a.yaml", "lines": {"begin": 3}},
    }
    assert [issue["severity"] for issue in issues] == ["major", "minor", "info", "major"]
    assert issues[-1]["location"]["path"] == "jobs/c.yaml"
    assert len({issue["fingerprint"] for issue in issues}) == len(issues)
    assert json.loads(gitlab.render((), 1)) == []


def test_fingerprints_outlive_lines_that_come_and_go_and_are_unique() -> None:
    first = [problem(line=3), problem(line=8)]
    moved = [problem(line=30, column=1), problem(line=80)]
    assert fingerprints(first) == fingerprints(moved)
    assert len(set(fingerprints(first))) == 2
    assert set(fingerprints([problem(file="jobs/b.yaml")])).isdisjoint(fingerprints(first))


def test_junit_has_a_case_per_file_with_problems_and_one_for_the_rest() -> None:
    suite = ElementTree.fromstring(junit.render((problem(message='a <b> & "c"'), problem(), WARNING, NOTE), 5))[0]
    assert suite.attrib == {"name": "chronos-gitops", "tests": "3", "failures": "1", "errors": "0"}
    assert [case.get("name") for case in suite] == ["jobs/a.yaml", "jobs/b.yaml", "3 files without problems"]
    failure = suite[0].find("failure")
    assert failure is not None
    assert failure.get("message") == 'a <b> & "c"'
    assert failure.get("type") == "unknown-field"
    assert len((failure.text or "").splitlines()) == 2
    assert suite[1].find("failure") is None
    assert len((suite[1].findtext("system-out") or "").splitlines()) == 2


def test_junit_of_nothing_is_an_empty_suite() -> None:
    suite = ElementTree.fromstring(junit.render((), 0))[0]
    assert suite.get("tests") == "0"
    assert len(suite) == 0


def test_sarif_is_what_code_scanning_reads() -> None:
    log = json.loads(sarif.render((*ALL, problem(file="jobs/ä b.yaml", end_column=0)), 3))
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["enabled-absent", "file-name", "unknown-field"]
    for result, given_problem in zip(run["results"], ALL, strict=False):
        rule = rules[result["ruleIndex"]]
        assert rule["id"] == result["ruleId"] == given_problem.rule
        assert rule["defaultConfiguration"]["level"] == result["level"] == given_problem.severity.value
        assert rule["shortDescription"]["text"] == RULES[given_problem.rule].summary
    place = run["results"][0]["locations"][0]["physicalLocation"]
    assert place == {
        "artifactLocation": {"uri": "jobs/a.yaml", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 3, "startColumn": 5, "endColumn": 9},
    }
    last = run["results"][3]["locations"][0]["physicalLocation"]
    assert last["artifactLocation"]["uri"] == "jobs/%C3%A4%20b.yaml"
    assert last["region"] == {"startLine": 3, "startColumn": 5}
    assert len({result["partialFingerprints"]["chronosGitops/v1"] for result in run["results"]}) == 4
    assert run["automationDetails"]["id"].endswith("/")


PROBLEMS = st.lists(
    st.builds(
        Problem,
        file=st.sampled_from(["jobs/a.yaml", "jobs/b.yaml"]),
        line=st.integers(1, 9_999),
        column=st.integers(1, 2_000),
        severity=st.sampled_from(Severity),
        rule=st.sampled_from(sorted(RULES)),
        message=st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), max_size=50),
        hint=st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), max_size=50),
        end_column=st.integers(0, 2_000),
        excerpt=st.text(st.characters(codec="utf-8"), max_size=200),
    ),
    max_size=6,
)


@pytest.mark.parametrize("name", FORMATS)
@settings(deadline=None)
@given(problems=PROBLEMS, files=st.integers(0, 9))
def test_every_format_takes_every_problem(name: str, problems: list[Problem], files: int) -> None:
    text = FORMATS[name](problems, files)
    assert text == "" or text.endswith("\n")
    if name in ("json", "gitlab", "sarif"):
        json.loads(text)
    elif name == "junit":
        ElementTree.fromstring(text)
    elif name in ("github", "jsonl"):
        assert len(text.split("\n")) == len(problems) + 1


@settings(deadline=None)
@given(PROBLEMS)
def test_sarif_keeps_the_rules_of_2_1_0(problems: list[Problem]) -> None:
    """Sections 3.27, 3.28 and 3.30 of the standard, and what code scanning refuses: columns below 1, empty regions."""
    (run,) = json.loads(sarif.render(problems, 1))["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert len({rule["id"] for rule in rules}) == len(rules)
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in ("none", "note", "warning", "error")
        (location,) = result["locations"]
        region = location["physicalLocation"]["region"]
        assert region["startLine"] >= 1
        assert 1 <= region["startColumn"] < region.get("endColumn", region["startColumn"] + 1)
        assert re.fullmatch(r"[\w./%~-]+", location["physicalLocation"]["artifactLocation"]["uri"])
    prints = [result["partialFingerprints"]["chronosGitops/v1"] for result in run["results"]]
    assert len(set(prints)) == len(prints)


@settings(deadline=None)
@given(PROBLEMS)
def test_gitlab_keeps_the_rules_of_code_quality(problems: list[Problem]) -> None:
    issues = json.loads(gitlab.render(problems, 1))
    for issue in issues:
        assert set(issue) == {"description", "check_name", "fingerprint", "severity", "location"}
        assert issue["severity"] in ("info", "minor", "major", "critical", "blocker")
        assert issue["location"]["lines"]["begin"] >= 1
        assert not issue["location"]["path"].startswith(("./", "/"))
    assert len({issue["fingerprint"] for issue in issues}) == len(issues)


def unescaped(text: str) -> str:
    for code, letter in (("%3A", ":"), ("%2C", ","), ("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
        text = text.replace(code, letter)
    return text


@settings(deadline=None)
@given(PROBLEMS, st.text("%:,\r\nab", max_size=20))
def test_github_reads_back_what_was_meant(problems: list[Problem], odd: str) -> None:
    """As the runner's ActionCommand reads a line: the properties up to the second "::", then the message."""
    given = [replace(problem, file=f"jobs/{odd}.yaml", message=f"x{odd}", hint="") for problem in problems]
    lines = github.render(given, 1).split("\n")
    assert lines.pop() == ""
    found = set()
    for line in lines:
        match = re.fullmatch(r"::(error|warning|notice) ([^:]*)::(.*)", line)
        assert match is not None
        properties = dict(part.split("=", 1) for part in match[2].split(","))
        assert int(properties["col"]) <= int(properties["endColumn"])
        found.add((unescaped(properties["file"]), int(properties["line"]), unescaped(match[3])))
    assert found == {(problem.file, problem.line, problem.message) for problem in given}


def test_there_is_one_module_per_format() -> None:
    folder = Path(full.__file__).parent
    assert all((folder / f"{name}.py").is_file() for name in FORMATS)
