"""Literals that look like credentials: found where they usually stand, hidden wherever a file is shown."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chronos_gitops.jobs.secrets import masking, token_formats
from chronos_gitops.jobs.validation.validate import validate_file

SECRET = "hunter22"


@pytest.mark.parametrize(
    "name",
    [
        *("Authorization", "authorization", "Proxy-Authorization", "Cookie", "X-API-Key", "api_key", "apikey"),
        *("X-Auth-Token", "PRIVATE-TOKEN", "client_secret", "accessToken", "password", "Db-Password", "X-Credentials"),
    ],
)
def test_names_that_carry_credentials(name: str) -> None:
    assert masking.is_sensitive(name)


@pytest.mark.parametrize(
    "name",
    ["Accept", "Content-Type", "Idempotency-Key", "X-Request-Id", "token_url", "client_id", "Cache-Key", "scope"],
)
def test_names_that_do_not(name: str) -> None:
    assert not masking.is_sensitive(name)


@pytest.mark.parametrize("value", [SECRET, f"Bearer {SECRET}", f"${{secret:a}}{SECRET}", "$TOKEN", "${TOKEN}"])
def test_literals(value: str) -> None:
    assert masking.is_literal(value)


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        "${secret:a}",
        "Bearer ${secret:a}",
        "basic ${secret:a}",
        "session=${secret:a}",
        "{{.ExecutionID}}",
        "null",
    ],
)
def test_references_are_no_literals(value: str) -> None:
    assert not masking.is_literal(value)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("https://a.example.com/?token=hunter22&x=1", ("hunter22",)),
        ("https://a.example.com/?x=1&api_key=hunter22", ("hunter22",)),
        ("https://a.example.com/?sig=hunter22#token=no", ("hunter22",)),
        ("https://a.example.com/?key=${secret:a}", ()),
        ("https://a.example.com/?monkey=hunter22&page=2", ()),
        ('{"password": "hunter22"}', ("hunter22",)),
        ('{"password": "${secret:a}", "token": null}', ()),
        ('{"note": "the token of today"}', ()),
        ("-----BEGIN RSA PRIVATE KEY-----", ("-----BEGIN RSA PRIVATE KEY-----",)),
        (f"x ghp_{'a' * 36} y", (f"ghp_{'a' * 36}",)),
        ("AKIAABCDEFGHIJKLMNOP", ("AKIAABCDEFGHIJKLMNOP",)),
        ("nothing to see", ()),
    ],
)
def test_parts_of_texts(text: str, found: tuple[str, ...]) -> None:
    assert masking.literals(text) == found


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("    Authorization: Bearer hunter22", "    Authorization: Bearer ********"),
        ('  token: "hunter22"  # old', '  token: "********"  # old'),
        ("  auth: {type: bearer, token: hunter22, x: y}", "  auth: {type: bearer, token: ********, x: y}"),
        ("  url: https://a.example.com/?token=hunter22&x=1", "  url: https://a.example.com/?token=********&x=1"),
        ("  url: https://u:hunter22@a.example.com/", "  url: https://u:********@a.example.com/"),
        ("  password: ${secret:a}", "  password: ${secret:a}"),
        ("  token: hunter,22} &a", "  token: ********** **"),
        ('  "password": "hunter22",', '  "password": "********",'),
        ("  body: password=hunter22&x=1", "  body: password=********&x=1"),
        ("  password: x${secret:a}y", "  password: *${secret:a}*"),
        ("schedule: 0 2 * * *", "schedule: 0 2 * * *"),
        ("  token_url: https://auth.example.com/", "  token_url: https://auth.example.com/"),
    ],
)
def test_a_veiled_line_keeps_its_columns(line: str, shown: str) -> None:
    veiled = masking.mask_line(line)
    assert len(veiled) == len(line)
    assert veiled == shown


def test_a_masked_document_shows_references_and_hides_literals() -> None:
    document = {
        "name": "daily-backup",
        "webhook": {
            "url": f"https://a.example.com/?token={SECRET}&x=1",
            "headers": {"Authorization": f"Bearer {SECRET}", "X-Api-Key": "${secret:a}", "Accept": "text/plain"},
            "body": f'{{"password": "{SECRET}"}}',
            "auth": {"type": "basic", "username": "backup", "password": SECRET},
        },
    }
    assert masking.masked(document) == {
        "name": "daily-backup",
        "webhook": {
            "url": "https://a.example.com/?token=***&x=1",
            "headers": {"Authorization": "Bearer ***", "X-Api-Key": "${secret:a}", "Accept": "text/plain"},
            "body": '{"password": "***"}',
            "auth": {"type": "basic", "username": "backup", "password": "***"},
        },
    }


def test_a_document_without_a_webhook_stays_as_it_is() -> None:
    assert masking.masked({"name": "a-b"}) == {"name": "a-b"}


def test_a_whole_file_can_be_masked() -> None:
    text = f"name: a-b\nwebhook:\n  auth:\n    token: {SECRET}\n  headers:\n    X-Api-Key: '{SECRET}'\n"
    assert masking.masked_text(text) == text.replace(SECRET, "***")


LINES = [
    "headers:\n    Authorization: Bearer hunter22\n    bad header: x",
    "auth:\n    type: basic\n    username: u\n    password: hunter22\n    oops: 1",
    "auth: {type: bearer, token: hunter22, oops: 1}",
    "auth:\n    type: api_key\n    api_key: &x hunter22",
    "auth:\n    type: hmac\n    secret: hunter22\n    secret: hunter22",
    'body: \'{"password": "hunter22", "run": "{{.Nope}}"}\'',
    "auth: {type: bearer, token: hunter22, header: [}",
]


@pytest.mark.parametrize("lines", LINES)
def test_no_problem_of_a_file_shows_its_credential(lines: str) -> None:
    yaml = f"name: a-b\nschedule: '@daily'\nwebhook:\n  url: https://a.example.com/?token=hunter22\n  {lines}\n"
    problems = validate_file("jobs/a-b.yaml", yaml.encode()).problems
    assert problems
    for problem in problems:
        assert SECRET not in f"{problem.message} {problem.hint} {problem.excerpt}"


PIECES = st.sampled_from(
    [
        *("token", "Secret", "PASSWD", "password", "passphrase", "credentials", "cookie", "api_key", "authorization"),
        *(
            "to\u212aen",
            "api\u212aey",
            "\u017fecret",
            ": ",
            "=",
            '"',
            "?",
            "&",
            "a",
            "hunter22",
            " ",
            "\n",
            "key",
            "sig",
        ),
        *("ghp_" + "a" * 20, "github_pat_" + "b" * 20, "glpat-" + "c" * 16, "xoxb-" + "d" * 10, "rk_live_" + "e" * 10),
        *(
            "sk-" + "f" * 32,
            "whsec_" + "g" * 16,
            "AKIA" + "H" * 16,
            "AIza" + "i" * 30,
            "eyJ" + "j" * 10 + "." + "k" * 10,
        ),
        *("-----BEGIN RSA PRIVATE KEY-----", "https://hooks.slack.com/services/" + "l" * 20, "${secret:a}"),
    ]
)


@settings(max_examples=500, deadline=None)
@given(st.lists(PIECES, max_size=8).map("".join))
def test_looking_for_words_first_passes_over_nothing(text: str) -> None:
    if not masking._may_name_one(text):
        assert not masking._pair().search(text)
        assert not masking._line().search(text)
    if not token_formats.may_hold_token(text):
        assert not token_formats.pattern().search(text)
