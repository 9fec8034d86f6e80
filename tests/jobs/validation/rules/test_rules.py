"""The rule book: every rule explains itself, and its own examples show it."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chronos_gitops.jobs.origins.origin import split
from chronos_gitops.jobs.validation.rule_texts.registry import RULES
from chronos_gitops.jobs.validation.rules import url as rules_url
from chronos_gitops.jobs.validation.validate import validate_file
from chronos_gitops.webhooks.url import RequestError, Target

TODAY = datetime(2026, 1, 1, tzinfo=UTC)
SOUND = {
    "name": "daily-backup",
    "schedule": '"0 2 * * *"',
    "webhook": "{url: https://api.example.com/backup, method: POST}",
}
# A few lines cannot show these: they are about bytes, sizes, other files and what the operator has.
WITHOUT_EXAMPLE = {
    *("reserved-name", "policy"),
    *("too-large", "encoding", "symlink", "submodule", "lfs-pointer", "unreadable", "duplicate-name", "file-name"),
    *(
        "empty-file",
        "top-level",
        "kubernetes-object",
        "too-many-problems",
        "unknown-secret",
        "secret-binding",
        "secret-unbound",
    ),
    *("missing-secret", "audience-unbound", "requires-unknown", "requires-cycle"),
    *("unknown-calendar", "calendar-entry", "calendar-silent", "calendar-horizon", "unused-calendar"),
}


def found_in(example: str) -> set[str]:
    """The rules that a sound job breaks when these lines stand in place of its own."""
    fields = {line.partition(":")[0] for line in example.splitlines()}
    lines = [f"{name}: {value}" for name, value in SOUND.items() if name not in fields]
    content = "\n".join([*lines, example, ""]).encode()
    return {problem.rule for problem in validate_file("jobs/a.yaml", content, today=TODAY).problems}


@pytest.mark.parametrize("name", [name for name in RULES if name not in WITHOUT_EXAMPLE])
def test_the_bad_example_breaks_the_rule_and_the_good_one_does_not(name: str) -> None:
    rule = RULES[name]
    assert name in found_in(rule.bad)
    assert name not in found_in(rule.good)


def test_a_sound_job_breaks_no_rule_but_the_notes_about_what_is_absent() -> None:
    assert found_in("") == {"enabled-absent", "timeout-absent", "file-name"}


@pytest.mark.parametrize("name", RULES)
def test_every_rule_is_told_in_whole_sentences(name: str) -> None:
    rule = RULES[name]
    assert rule.name == name
    assert name.replace("-", "").isalpha()
    assert name.islower()
    for text in (rule.summary, rule.explanation):
        assert text.endswith(".")
        assert text == text.strip()
    assert bool(rule.bad) == bool(rule.good) == (name not in WITHOUT_EXAMPLE)


URLS = [
    ("https://api.example.com/", set()),
    ("HTTPS://API.EXAMPLE.COM/", set()),
    ("https://api.example.com:8443/a?b=c#d", set()),
    ("https://münchen.example/", set()),
    ("https://93.184.216.34/", set()),
    ("https://{{.JobName}}.example.com/", set()),
    ("https://api.example.com/${secret:path}", set()),
    ("${secret:whole-url}", set()),
    ("http://127.1/", {"url"}),
    ("http://0x7f.1/", {"url"}),
    ("http://2130706433/", {"url"}),
    ("http://0177.0.0.1/", {"url"}),
    ("http://[::ffff:10.0.0.1]/", {"private-host"}),
    ("http://[fd12::1]/", {"private-host"}),
    ("http://192.168.1.1/", {"private-host"}),
    ("http://runner.local/", {"private-host"}),
    ("http://LOCALHOST./", {"private-host"}),
    ("http://0.0.0.0/", {"metadata-address"}),
    ("http://169.254.1.1/", {"metadata-address"}),
    ("http://[fe80::1]/", {"metadata-address"}),
    ("http://224.0.0.1/", {"metadata-address"}),
    ("http://100.100.100.200/", {"metadata-address"}),
    ("http://100.64.0.1/", {"metadata-address"}),
    ("http://168.63.129.16/", {"metadata-address"}),
    ("http://metadata.google.internal/", {"metadata-address"}),
    ("http://[fd00:ec2::254]/", {"metadata-address"}),
    ("https://user@api.example.com/", {"url-user-info"}),
    ("https://${secret:a}@api.example.com/", {"secret-in-host"}),
    ("//api.example.com/", {"url"}),
    ("https:api.example.com", {"url"}),
    ("https:/api.example.com", {"url"}),
    ("javascript:alert(1)", {"url"}),
    ("file:///etc/passwd", {"url"}),
    ("https://", {"url"}),
    ("https://:443/", {"url"}),
    ("https://a b.example.com/", {"url"}),
    ("https://[::1/", {"url"}),
    ("https://[::g]/", {"url"}),
    ("https://api.example.com:0/", {"url"}),
    ("https://api.example.com:x/", {"url"}),
    ("https://-/", {"private-host"}),
    ("https://a<b.example.com/", {"url"}),
    ("https://a!b.example.com/", {"url"}),
    ("https://1.2.3.4.5/", {"url"}),
    ("https://256.1.1.1/", {"url"}),
    ("https://backup_1.example.com/", set()),
    ("https://a.example.com./", set()),
    (f"https://{'a' * 64}.example.com/", {"url"}),
]


@pytest.mark.parametrize(("url", "rules"), URLS)
def test_urls(url: str, rules: set[str]) -> None:
    notes = {"enabled-absent", "timeout-absent", "file-name"}
    assert found_in(f"webhook: {{url: '{url}', method: POST}}") - notes == rules


@pytest.mark.parametrize(("url", "rules"), [row for row in URLS if not {"$", "{"} & set(row[0])])
def test_what_validation_says_of_a_url_is_what_sending_does(url: str, rules: set[str]) -> None:
    if rules & {"url", "url-user-info"}:
        with pytest.raises(RequestError):
            Target.parse(url)
    else:
        assert Target.parse(url).host


@pytest.mark.parametrize(
    ("lines", "rule", "expected"),
    [
        ('schedule: "@every 9s"', "too-frequent", True),
        ('schedule: "@every 10s"', "too-frequent", False),
        ('schedule: "*/9 * * * * *"', "too-frequent", True),
        ('schedule: "* * * * *"', "too-frequent", False),
        ('schedule: "0,3 0 0 1 1 *"', "too-frequent", True),
        ('schedule: "*/5 * * * *"\nconcurrency: allow', "timeout-overlap", False),
        ('schedule: "*/4 * * * *"\nconcurrency: allow', "timeout-overlap", True),
        ('schedule: "*/4 * * * *"\nconcurrency: forbid', "timeout-overlap", False),
        (
            'schedule: "*/4 * * * *"\nconcurrency: allow\nwebhook: {url: https://a.example.com/, timeout: 3m}',
            "timeout-overlap",
            False,
        ),
        ('schedule: "0 0 13 * 5"', "both-day-fields", True),
        ('schedule: "0 0 */2 * 5"', "both-day-fields", False),
        ('schedule: "0 0 ? * 5"', "both-day-fields", False),
        ("webhook: {url: https://a.example.com/, timeout: 30s}", "timeout-absent", False),
        ("retry_policy: {initial_interval: 1m}", "retry-interval", False),
        ("retry_policy: {initial_interval: 61s}", "retry-interval", True),
        ("webhook: {url: https://a.example.com/, timeout: 1ns}", "zero-timeout", True),
        ("jitter: 0s", "zero-timeout", False),
        ("timeout: 1ns", "duration", False),
        ("jitter: 87841h", "duration", True),
        ('timezone: ""', "range", True),
        ("timezone: Europe/Kyiv", "timezone", False),
        ("timezone: Asia/Calcutta", "timezone", False),
        ("webhook: {url: https://a.example.com/, method: DELETE, body: x}", "body-ignored", False),
        ("webhook: {url: https://a.example.com/, method: HEAD, body: x}", "body-ignored", True),
        ('webhook: {url: https://a.example.com/, body: ""}', "body-ignored", False),
        ("webhook: {url: http://localhost/, auth: {type: bearer, token: '${secret:a}'}}", "plain-http", False),
        ("webhook: {url: http://a.example.com/, headers: {Cookie: '${secret:a}'}}", "plain-http", True),
        (
            "webhook: {url: https://a.example.com/, auth: {type: api_key, api_key: '${secret:a}', header: Host}}",
            "forbidden-header",
            True,
        ),
        (
            "webhook: {url: https://a.example.com/, headers: {x-api-key: '${secret:a}'},"
            " auth: {type: api_key, api_key: '${secret:a}'}}",
            "duplicate-header",
            True,
        ),
        ("webhook: {url: https://a.example.com/, body: '{{ .JobID }}{{.Attempt}}'}", "variable", False),
        ("webhook: {url: https://a.example.com/, body: '{{.jobid}}'}", "variable", True),
        ("webhook: {url: https://a.example.com/, body: '{{#if}}'}", "variable", True),
        ('webhook: {url: https://a.example.com/, body: \'{"a": {"b": {}}}\'}', "variable", False),
        ("webhook: {url: https://a.example.com/, body: '${secret:}'}", "secret-name", True),
        ("webhook: {url: https://a.example.com/, body: '${HOME} ${other:x}'}", "secret-name", False),
        ("description: '{{.Nothing}} ${secret:NOT READ}'", "variable", False),
    ],
)
def test_edges_of_rules(lines: str, rule: str, expected: bool) -> None:
    assert (rule in found_in(lines)) == expected


def test_severities_come_from_the_rule_book() -> None:
    for problem in validate_file("jobs/a.yaml", b"name: backup\nschedule: '@every 5s'\nwebhook: {url: x}\n").problems:
        assert problem.severity is RULES[problem.rule].severity


WITH_SECRETS = [
    ("${secret:backup-token}", None, []),
    ("${secret:backup-token}", frozenset({"backup-token"}), []),
    (
        "${secret:backup-tokn}",
        frozenset({"backup-token"}),
        ['there is no secret "backup-tokn"', 'did you mean "backup-token"?'],
    ),
    (
        "${secret:mail}",
        frozenset(),
        ['there is no secret "mail"', "add it to the operator's secrets, or name one that is there"],
    ),
]


@pytest.mark.parametrize(("value", "secrets", "said"), WITH_SECRETS)
def test_a_reference_to_a_secret_that_is_not_there(value: str, secrets: frozenset[str] | None, said: list[str]) -> None:
    text = "name: daily-backup\nschedule: '@daily'\nenabled: true\ntimeout: 5s\nwebhook:\n  url: https://api.example.com/\n"
    text += f"  auth: {{type: bearer, token: '{value}'}}\n"
    problems = validate_file("jobs/daily-backup.yaml", text.encode(), secrets=secrets).problems
    assert [part for problem in problems for part in (problem.message, problem.hint)] == said
    if problems:
        assert (problems[0].rule, problems[0].line, problems[0].column) == ("unknown-secret", 7, 32)


URL_PIECES = st.sampled_from(
    [
        *(
            "https://",
            "http://",
            "api.example.com",
            "10.0.0.1",
            "0x7f.1",
            "localhost",
            "a.b",
            ":80",
            ":0",
            ":70000",
            "@",
        ),
        *(
            "/",
            "//",
            "?",
            "#",
            "[",
            "]",
            "\\",
            "%20",
            " ",
            "user:pw@",
            "-a.b",
            "a-.b",
            "..",
            ".",
            "x" * 64,
            "{{.JobID}}",
        ),
        *("metadata.google.internal", "db.local", "\n", "é", "token=abc", "%"),
        *("\u00ad.a", "xn--a.b", "１２７.1", "。", "\u2488"),
    ]
)


@settings(max_examples=600, deadline=None)
@given(st.sampled_from(["https", "http"]), st.lists(URL_PIECES, max_size=6).map("".join))
def test_a_usual_url_is_one_that_a_longer_look_finds_nothing_in(scheme: str, rest: str) -> None:
    url = f"{scheme}://{rest}"
    usual = rules_url._USUAL.match(url)
    if usual and rules_url._is_host(usual[2]):
        assert split(url)[0][:2] == (scheme, usual[2])


@settings(max_examples=600, deadline=None)
@given(st.tuples(st.sampled_from(["https://", "http://", "HTTP://", "ftp://", ""]), st.lists(URL_PIECES, max_size=6)))
def test_load_and_send_agree_on_every_url(parts: tuple[str, list[str]]) -> None:
    url = parts[0] + "".join(parts[1]).replace("{{.JobID}}", "")
    if not url or {" ", "\n"} & set(url):
        return
    text = f"name: backup\nschedule: '@daily'\nenabled: true\nwebhook: {{url: {json.dumps(url)}}}"
    on_load = {one.rule for one in validate_file("jobs/backup.yaml", text.encode()).problems} & {"url", "url-user-info"}
    try:
        Target.parse(url)
    except RequestError:
        assert on_load, url
    else:
        assert not on_load, url
