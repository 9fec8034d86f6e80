"""Attempts with identity tokens over a real connection: sent, scrubbed from what is kept, or refused."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from harness.servers import Connection, Hostile, answer

from chronos_gitops.jobs.model import Job
from chronos_gitops.jobs.secrets.audiences import Audiences
from chronos_gitops.jobs.webhook import IdentityAuth
from chronos_gitops.webhooks.identity.issuer import Issuer, Workload
from chronos_gitops.webhooks.identity.signing_keys import SigningKeys, new_key
from chronos_gitops.webhooks.outcome import Outcome, OutcomeKind
from chronos_gitops.webhooks.request import AttemptContext

PATH = "jobs/daily-backup.yaml"


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    file = tmp_path / "key.pem"
    file.write_bytes(new_key())
    workload = Workload("/repo", "refs/heads/main", None, False)
    return Issuer("https://ops.example.com", SigningKeys([file]), Audiences(), lambda: workload)


async def echo(connection: Connection) -> None:
    await connection.send(answer("200 OK", await connection.request()))


def test_the_token_is_sent_and_nothing_of_it_is_kept(
    job_to: Callable[..., Job],
    call_of: Callable[..., AttemptContext],
    deliver: Callable[..., Outcome],
    issuer: Issuer,
) -> None:
    with Hostile(echo) as server:
        outcome = deliver(job_to(server.url("/"), auth=IdentityAuth()), call=call_of(path=PATH), issuer=issuer)
    assert outcome.kind is OutcomeKind.SUCCESS
    assert outcome.response is not None
    assert "Authorization: Bearer ***" in outcome.response
    assert not re.search(r"eyJ[\w-]+\.", outcome.response)


def test_without_a_key_or_a_commit_nothing_is_sent(
    job_to: Callable[..., Job],
    call_of: Callable[..., AttemptContext],
    deliver: Callable[..., Outcome],
    issuer: Issuer,
) -> None:
    cases: dict[str, dict[str, Any]] = {
        "no identity tokens": {"call": call_of(path=PATH)},
        "not committed": {"call": call_of(path=PATH, commit=None), "issuer": issuer},
    }
    with Hostile(echo) as server:
        job = job_to(server.url("/"), auth=IdentityAuth())
        outcomes = {words: deliver(job, **options) for words, options in cases.items()}
        assert server.opened == 0
    for words, outcome in outcomes.items():
        assert (outcome.kind, str(outcome.error_class)) == (OutcomeKind.FAILED, "identity")
        assert words in (outcome.error or "")
