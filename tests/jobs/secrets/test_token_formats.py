"""Every published format is found, and 2,000 harmless texts made of words are left alone."""

import itertools
import random
import string
import uuid
from collections.abc import Iterator

import pytest
from harness.machine.seeds import seeded

from chronos_gitops.jobs.secrets import masking
from chronos_gitops.jobs.validation.validate import validate_file

SEED = 20261128
_ALNUM, _HEX, _UPPER = string.ascii_letters + string.digits, "0123456789abcdef", string.ascii_uppercase + string.digits


def _tokens() -> list[str]:
    """One example of each published format, made anew with a fixed seed so that no real token is in the repository."""
    picker = seeded(SEED)

    def some(count: int, alphabet: str = _ALNUM) -> str:
        return "A1b" + "".join(picker.choices(alphabet, k=count - 3)) if alphabet is _ALNUM else _of(count, alphabet)

    def _of(count: int, alphabet: str) -> str:
        return "".join(picker.choices(alphabet, k=count))

    prefixed = {
        **dict.fromkeys(("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), 36),
        **dict.fromkeys(("glpat-", "gldt-", "glrt-", "glptt-", "glft-", "gloas-", "glimt-"), 20),
        **dict.fromkeys(("sk_live_", "rk_live_", "sk_test_", "rk_test_"), 24),
        "github_pat_": 82,
        "whsec_": 32,
        "sk-": 48,
        "sk-proj-": 64,
        "sk-ant-api03-": 93,
        "AIza": 35,
        "GOCSPX-": 28,
        "ya29.": 60,
        "npm_": 36,
        "pypi-AgEIcHlwaS5vcmc": 80,
        "dckr_pat_": 27,
        "HRKU-": 36,
        "hvs.": 90,
        "hvb.": 90,
        "glc_": 64,
        "NRAK-": 27,
        "sntryu_": 64,
        "shpat_": 0,
        "sq0atp-": 22,
        "lin_api_": 40,
        "ntn_": 46,
        "figd_": 40,
        "hf_": 34,
        "r8_": 37,
        "gsk_": 52,
        "pplx-": 48,
        "xai-": 80,
        "dp.pt.": 43,
        "ATATT3": 180,
        "ATBB": 32,
        "fm2_": 100,
        "nfp_": 36,
        "sb_secret_": 31,
        "pscale_tkn_": 43,
        "pnu_": 36,
        "CCIPAT_": 40,
        "CFPAT-": 43,
        "aio_": 28,
        "duffel_live_": 43,
        "EZAK": 54,
        "secret_": 43,
        "tfp_": 44,
    }
    found = [prefix + some(length) for prefix, length in prefixed.items() if length]
    return [
        *found,
        f"xoxb-{_of(12, string.digits)}-{_of(12, string.digits)}-{some(24)}",
        f"xoxe.xoxp-1-{some(60)}",
        f"xapp-1-A{_of(10, _UPPER)}-{_of(13, string.digits)}-{_of(64, _HEX)}",
        f"https://hooks.slack.com/services/T{_of(8, _UPPER)}/B{_of(10, _UPPER)}/{some(24)}",
        f"https://discord.com/api/webhooks/{_of(19, string.digits)}/{some(68)}",
        f"https://acme.webhook.office.com/webhookb2/{_of(36, _HEX)}@{_of(36, _HEX)}/IncomingWebhook/{_of(32, _HEX)}",
        f"AKIA{_of(16, _UPPER)}",
        f"ASIA{_of(16, _UPPER)}",
        f"eyJhbGciOiJIUzI1NiJ9.{some(40)}.{some(43)}",
        "-----BEGIN OPENSSH PRIVATE KEY-----",
        "-----BEGIN PGP PRIVATE KEY BLOCK-----",
        f"rubygems_{_of(48, _HEX)}",
        f"SG.{some(22)}.{some(43)}",
        f"xkeysib-{_of(64, _HEX)}-{some(16)}",
        f"SK{_of(32, _HEX)}",
        f"key-{_of(32, _HEX)}",
        f"{_of(32, _HEX)}-us21",
        f"PMAK-{_of(24, _HEX)}-{_of(34, _HEX)}",
        f"dop_v1_{_of(64, _HEX)}",
        f"{some(14)}.atlasv1.{some(67)}",
        f"glsa_{some(32)}_{_of(8, _HEX)}",
        f"dt0c01.{_of(24, _UPPER)}.{_of(64, _UPPER)}",
        f"shpat_{_of(32, _HEX)}",
        f"access_token$production${some(16)}${_of(32, _HEX)}",
        f"{_of(10, string.digits)}:AA{some(33)}",
        f"dapi{_of(32, _HEX)}",
        f"{some(3)}8Q~{some(34)}",
        f"AGE-SECRET-KEY-1{_of(58, _UPPER)}",
        f"sbp_{_of(40, _HEX)}",
        f"pul-{_of(40, _HEX)}",
        f"pat{some(14)}.{_of(64, _HEX)}",
        f"tskey-auth-{some(16)}-{some(32)}",
        f"bkua_{_of(40, _HEX)}",
        f"shippo_live_{_of(40, _HEX)}",
        f"sgp_{_of(16, _HEX)}_{_of(40, _HEX)}",
        f"v1.0-{_of(24, _HEX)}-{_of(146, _HEX)}",
        f"chr_o{some(8)}_{some(36)}",
    ]


TOKENS = _tokens()


def test_there_are_sixty_formats() -> None:
    assert len(TOKENS) >= 60


@pytest.mark.parametrize("token", TOKENS, ids=[token[:12] for token in TOKENS])
@pytest.mark.parametrize("text", ["{}", "https://a.example.com/x/{}?page=2", '{{"note": "{}"}}', "run with {} today"])
def test_a_published_format_is_found_and_masked(token: str, text: str) -> None:
    written = text.format(token)
    found = masking.literals(written)
    assert found
    core = found[0]
    assert core in token
    assert core not in masking.masked_text(written)


ENDINGS = (
    "sk",
    "task",
    "disk",
    "risk",
    "desk",
    "mask",
    "ask",
    "kiosk",
    "pul",
    "key",
    "pat",
    "hf",
    "do",
    "dp",
    "glc",
    "at",
)
WORDS = (
    *(
        "daily",
        "backup",
        "billing",
        "report",
        "nightly",
        "invoice",
        "export",
        "customer",
        "sync",
        "warehouse",
        "cleanup",
    ),
    *(
        "token",
        "secret",
        "password",
        "cookie",
        "key",
        "keys",
        "auth",
        "session",
        "rotation",
        "refresh",
        "reset",
        "signature",
    ),
    *(
        "production",
        "staging",
        "europe",
        "frankfurt",
        "orders",
        "shipping",
        "metrics",
        "archive",
        "search",
        "index",
        "queue",
    ),
    *("monkey", "keyboard", "author", "passenger", "compass", "secretary", "tokenizer", "cookies", "signals", "bearer"),
    *ENDINGS,
)
_PLAIN = tuple(
    word for word in WORDS if word not in ("cookie", "password", "secret", "token", "signature", "auth", "key")
)


def _names(picker: random.Random) -> Iterator[str]:
    while True:
        separator = picker.choice("-_.")
        yield separator.join(picker.choices(WORDS, k=picker.randint(2, 7)))


def _harmless() -> list[str]:
    """Urls, names, headers and bodies of the kind that stand in job files: words, dates, numbers, UUIDs and digests."""
    picker = seeded(SEED)
    names = _names(picker)

    def parameter() -> str:
        key = picker.choice((*_PLAIN, "key", "pass", "auth", "page_size", "sort_key", "keys"))
        return f"{key}={picker.choice((next(names), str(picker.randint(0, 9999)), picker.choice(WORDS)))}"

    def url() -> str:
        path = "/".join(itertools.islice(names, picker.randint(1, 4)))
        return f"https://{picker.choice(WORDS)}.example.com/{path}?{'&'.join(parameter() for _ in range(3))}"

    def header() -> str:
        digest = f"sha256-{picker.getrandbits(256):064x}"
        return picker.choice(
            (next(names), f"{next(names)}; v={picker.randint(1, 9)}", f"application/{picker.choice(WORDS)}", digest)
        )

    def body() -> str:
        number = str(uuid.UUID(int=picker.getrandbits(128), version=4))
        pairs = ", ".join(f'"{picker.choice(_PLAIN)}": "{next(names)}"' for _ in range(3))
        return picker.choice(
            (
                f'{{"id": "{number}", {pairs}}}',
                " ".join(picker.choices(WORDS, k=12)) + ".",
                f"at=2026-11-{picker.randint(10, 28)}&job={next(names)}",
                f"commit {picker.getrandbits(160):040x} of {next(names)}",
            )
        )

    return [make() for _ in range(500) for make in (lambda: next(names), url, header, body)]


HARMLESS = _harmless()


def test_nothing_harmless_is_called_a_credential() -> None:
    assert len(HARMLESS) == 2000
    assert [text for text in HARMLESS if masking.literals(text)] == []


def test_nothing_harmless_is_masked() -> None:
    assert [text for text in HARMLESS if masking.masked_text(text) != text] == []


@pytest.mark.parametrize("word", ENDINGS)
def test_a_name_that_ends_like_a_prefix_is_no_credential(word: str) -> None:
    name = f"{word}-rotation-of-daily-customer-exports"
    yaml = (
        f"name: {name}\nenabled: true\nschedule: '@daily'\ntimeout: 5m\nwebhook:\n  url: https://a.example.com/{name}\n"
    )
    parsed = validate_file(f"jobs/{name}.yaml", yaml.encode())
    assert parsed.problems == ()
    assert parsed.job is not None
    assert masking.masked_file(yaml, parsed.job) == yaml
