"""Words of a shell command, and calls of curl and wget as webhooks."""

from typing import Any

import pytest

from chronos_gitops.cli.importers import commands
from chronos_gitops.cli.importers.commands.shell_words import Command, read
from chronos_gitops.cli.importers.model import Unconvertible

VARIABLES = {"API": "https://a.example.com", "API_TOKEN": "abc", "EMPTY": "", "OPTIONS": "-s -f"}


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("curl x", ["curl", "x"]),
        ("  curl\t x ", ["curl", "x"]),
        ("curl 'a b'\"c d\"e\\ f", ["curl", "a bc de f"]),
        ("curl '' \"\"", ["curl", "", ""]),
        ("curl '$API'", ["curl", "$API"]),
        ('curl "$API/x" ${API}y', ["curl", "https://a.example.com/x", "https://a.example.comy"]),
        ("curl $API_TOKEN", ["curl", "${secret:api-token}"]),
        ('curl "\\$API \\" \\x"', ["curl", '$API " \\x']),
        ("curl a$ $EMPTY", ["curl", "a$"]),
        ('curl "$EMPTY" $OPTIONS x', ["curl", "", "-s", "-f", "x"]),
        ('curl "$OPTIONS"', ["curl", "-s -f"]),
        ("curl \\\n  x", ["curl", "x"]),
        ("\n curl x ;\n", ["curl", "x"]),
        ("curl '${secret:a-b}' ${secret:a-b}", ["curl", "${secret:a-b}", "${secret:a-b}"]),
        ("curl x # and more", ["curl", "x"]),
        ("curl x#y", ["curl", "x#y"]),
        ("curl x >/dev/null 2>&1", ["curl", "x"]),
        ("curl x > /dev/null 2> /dev/null", ["curl", "x"]),
        ("curl x &> /dev/null", ["curl", "x"]),
        ("curl x || true", ["curl", "x"]),
    ],
)
def test_words(command: str, expected: list[str]) -> None:
    assert list(read(command, VARIABLES).words) == expected


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("curl x | jq .", "it sends its output to another command"),
        ("curl x && curl y", "it is more than one command"),
        ("curl x; curl y", "it is more than one command"),
        ("curl x &", "it is more than one command"),
        ("curl x?a=b&c=d", "it is more than one command"),
        ("curl x || mail", "it is more than one command"),
        ("curl x\ncurl y", "it is more than one command"),
        ("curl -d @- x <<EOF\na", "a document that << begins is never ended"),
        ("curl x >", "a redirection names no file"),
        ("curl $'a'", "it uses what only bash has"),
        ("curl ~/x", "it names the home folder"),
        ("curl -d @- x < file", "it reads a file"),
        ("(curl x)", "it needs a shell"),
        ("curl $(date)", "it puts in the output of another command"),
        ('curl "`date`"', "it puts in the output of another command"),
        ("curl $HOME", "the variable HOME is not set here"),
        ("curl ${API:-x}", "the variable API:-x is not set here"),
        ("curl 'x", "a quote is never closed"),
        ('curl "x', "a quote is never closed"),
        ("curl ${API", "a quote is never closed"),
    ],
)
def test_what_needs_a_shell_is_refused(command: str, reason: str) -> None:
    with pytest.raises(Unconvertible, match="^" + reason.replace("(", r"\(").replace("?", r"\?")):
        read(command, VARIABLES)


URL = "https://a.example.com/x"
GET = {"url": URL, "method": "GET"}
JSON = {"Content-Type": "application/json", "Accept": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
ONCE = {"retry_policy": {"max_attempts": 1}}


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (f"curl {URL}", {"webhook": GET} | ONCE),
        (f"/usr/bin/curl -fsSv -o /dev/null {URL}", {"webhook": GET} | ONCE),
        (f"curl -sSo/dev/null -w %{{http_code}} --url {URL}", {"webhook": GET} | ONCE),
        ("curl a.example.com", {"webhook": {"url": "http://a.example.com", "method": "GET"}} | ONCE),
        (f"curl -sXPUT {URL}", {"webhook": GET | {"method": "PUT"}} | ONCE),
        (f"curl --request DELETE {URL}", {"webhook": GET | {"method": "DELETE"}} | ONCE),
        (f"curl -I {URL}", {"webhook": GET | {"method": "HEAD"}} | ONCE),
        (
            f"curl -d a=1 --data-raw @x {URL}",
            {"webhook": {"url": URL, "method": "POST", "headers": FORM, "body": "a=1&@x"}} | ONCE,
        ),
        (f"curl -G -d a=1 -d b=2 {URL}", {"webhook": GET | {"url": f"{URL}?a=1&b=2"}} | ONCE),
        (f"curl -G -d b=2 {URL}?a=1", {"webhook": GET | {"url": f"{URL}?a=1&b=2"}} | ONCE),
        (
            f"curl --json {{}} {URL}",
            {"webhook": {"url": URL, "method": "POST", "headers": JSON, "body": "{}"}} | ONCE,
        ),
        (
            f"curl -H X-A:b -H 'Accept: text/plain' -H Empty: -A me -e you -b c=d {URL}",
            {
                "webhook": GET
                | {
                    "headers": {
                        "X-A": "b",
                        "Accept": "text/plain",
                        "User-Agent": "me",
                        "Referer": "you",
                        "Cookie": "c=d",
                    }
                }
            }
            | ONCE,
        ),
        (
            f"curl -u me:word {URL}",
            {"webhook": GET | {"auth": {"type": "basic", "username": "me", "password": "word"}}} | ONCE,
        ),
        (
            f"curl --oauth2-bearer abc {URL}",
            {"webhook": GET | {"auth": {"type": "bearer", "token": "abc"}}} | ONCE,
        ),
        (
            f"curl -m 2.5 --retry 5 --retry-delay 3 {URL}",
            {
                "webhook": GET,
                "timeout": "2.5s",
                "retry_policy": {"max_attempts": 6, "initial_interval": "3s", "max_interval": "3s"},
            },
        ),
        (f"wget --max-redirect=0 -O- -qO- {URL}", {"webhook": GET}),
        (
            f"wget --max-redirect=0 -O- -q -O /dev/null -T 5 --tries=2 {URL}",
            {"webhook": GET, "timeout": "5s", "retry_policy": {"max_attempts": 2}},
        ),
        (f"wget --max-redirect=0 -O- --spider {URL}", {"webhook": GET | {"method": "HEAD"}}),
        (
            f"wget --max-redirect=0 -O- --post-data='a=1' --header='X-A: b' {URL}",
            {"webhook": {"url": URL, "method": "POST", "headers": {"X-A": "b"} | FORM, "body": "a=1"}},
        ),
        (
            f"wget --max-redirect=0 -O- --method=PUT --body-data=x --auth-no-challenge --user=me --password=word {URL}",
            {
                "webhook": GET
                | {"method": "PUT", "headers": FORM, "body": "x"}
                | {"auth": {"type": "basic", "username": "me", "password": "word"}}
            },
        ),
    ],
)
def test_a_call_is_a_webhook(command: str, expected: dict[str, Any]) -> None:
    document, lost = commands.webhook(read(command, {}))
    assert document == expected
    assert lost == []


@pytest.mark.parametrize(
    ("command", "lost"),
    [
        (f"curl -sL {URL}", "redirects are not followed: name the address that answers"),
        (f"curl -k {URL}", "certificates are always checked"),
        (f"wget --max-redirect=0 -O- --no-check-certificate {URL}", "certificates are always checked"),
        (f"curl --connect-timeout 2 {URL}", "there is one timeout for the whole attempt"),
    ],
)
def test_what_is_lost_is_told(command: str, lost: str) -> None:
    assert commands.webhook(read(command, {}))[1] == [lost]


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("", "there is no command"),
        ("backup.sh", "it is not a call of curl or wget"),
        ("curl", "it names no address"),
        (f"curl {URL} {URL}", "it names more than one address"),
        (f"curl -d @file {URL}", "it sends a file"),
        (f"curl -F a=b {URL}", "its option --form has no counterpart in a webhook"),
        (f"curl -T file {URL}", "its option --upload-file has no counterpart in a webhook"),
        (f"curl -x proxy {URL}", "its option --proxy is about the network of one machine"),
        (f"curl -H @file {URL}", "it reads its headers from a file"),
        (f"curl -u me {URL}", "it asks for a password"),
        (f"curl -m soon {URL}", '"soon" is not a number of seconds'),
        (f"curl --retry many {URL}", '"many" is not a number of attempts'),
        (f"curl {URL} -X", "the option -X has no value"),
        (f"wget --max-redirect=0 -O- --post-file=x {URL}", "its option --post-file reads a file"),
    ],
)
def test_what_a_webhook_cannot_do_is_refused(command: str, reason: str) -> None:
    with pytest.raises(Unconvertible) as refused:
        commands.webhook(read(command, {}))
    assert str(refused.value) == reason


def test_standard_input_is_a_body_with_and_without_line_breaks() -> None:
    assert commands.webhook(Command(("curl", "-d", "@-", URL), "a\nb\n"))[0]["webhook"]["body"] == "ab"
    assert commands.webhook(Command(("curl", "--data-binary", "@-", URL), "a\nb\n"))[0]["webhook"]["body"] == "a\nb\n"
