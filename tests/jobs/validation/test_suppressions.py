"""``# chronos: ignore[rule] reason``."""

from datetime import UTC, datetime

import pytest

from chronos_gitops.jobs.validation.validate import validate_file

TODAY = datetime(2026, 1, 1, tzinfo=UTC)
SOUND = """\
name: daily-backup
schedule: "0 2 * * *"
enabled: true
timeout: 30s
webhook:
  url: http://10.0.0.7/{url}
{more}"""
REASON = "the host has no public name"


def found(url: str = "", more: str = "") -> list[tuple[str, int]]:
    parsed = validate_file("jobs/daily-backup.yaml", SOUND.format(url=url, more=more).encode(), today=TODAY)
    return [(problem.rule, problem.line) for problem in parsed.problems]


def test_a_finding_stands_without_a_comment() -> None:
    assert found() == [("private-host", 6)]


@pytest.mark.parametrize(
    "comment",
    [
        f" # chronos: ignore[private-host] {REASON}",
        f" #chronos:ignore[private-host] {REASON}",
        f"\t# chronos: ignore[ private-host , plain-http ] {REASON}",
    ],
)
def test_at_the_end_of_a_line_it_is_about_that_line(comment: str) -> None:
    assert [rule for rule, _ in found(comment) if rule != "unused-suppression"] == []


def test_on_a_line_of_its_own_it_is_about_the_next_line_with_content() -> None:
    text = SOUND.format(url="", more="").replace(
        "  url:", f"  # chronos: ignore[private-host] {REASON}\n\n  # more\n  url:"
    )
    assert validate_file("jobs/daily-backup.yaml", text.encode()).problems == ()


@pytest.mark.parametrize(
    ("comment", "rules"),
    [
        (" # chronos: ignore[private-host]", ["private-host", "suppression"]),
        (" # chronos: ignore[private-host] --", ["private-host", "suppression"]),
        (" # chronos: ignore private-host", ["private-host", "suppression"]),
        (f" # chronos: ignore[private-hosts] {REASON}", ["private-host", "suppression"]),
        (f" # chronos: ignore[url] {REASON}", ["private-host", "suppression"]),
        (f" # chronos: ignore[plain-http] {REASON}", ["private-host", "unused-suppression"]),
        (f" # chronos: ignore[private-host, plain-http] {REASON}", ["unused-suppression"]),
    ],
)
def test_what_ignores_nothing_is_told(comment: str, rules: list[str]) -> None:
    assert [rule for rule, _ in found(comment)] == rules


def test_an_error_is_never_ignored() -> None:
    text = SOUND.format(url="", more=f"oops: 1 # chronos: ignore[unknown-field] {REASON}\n")
    assert validate_file("jobs/daily-backup.yaml", text.encode()).job is None


@pytest.mark.parametrize(
    "more",
    [
        '  body: "a # chronos: ignore[url] x"\n  method: POST\n',
        "  body: 'a # chronos: ignore[url] x'\n  method: POST\n",
        "  method: POST\n  body: |\n    a # chronos: ignore[url] x\n    # chronos: what\n",
        "  method: POST\n  body: >-\n    # chronos: what\n\n    end\n",
        '  method: POST\n  headers: {"a # chronos: x": b}\n',
    ],
)
def test_the_same_words_in_a_value_are_text(more: str) -> None:
    assert not {"suppression", "unused-suppression"} & {rule for rule, _ in found(more=more)}


def test_a_comment_right_after_a_block_of_text_counts() -> None:
    more = "  method: POST\n  body: |\n    text\n  # chronos: ignore[url] x\n  success_codes: [200]\n"
    assert ("suppression", 10) in found(more=more)


def test_a_rule_that_needs_a_calendar_is_not_called_unused_without_one() -> None:
    text = SOUND.format(url="", more="").replace("10.0.0.7", "api.example.com").replace('"0 2 * * *"', '"30 2 * * *"')
    text += "timezone: America/New_York\n"
    text = text.replace('* *"', f'* *" # chronos: ignore[daylight-saving-gap] {REASON}')
    for today in (None, TODAY):
        assert validate_file("jobs/daily-backup.yaml", text.encode(), today=today).problems == ()
