"""The copied curl command sends the same request, credentials apart, for any content."""

import shlex
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from chronos_gitops.jobs.model import Job
from chronos_gitops.jobs.webhook import BearerAuth
from chronos_gitops.webhooks.curl_command import curl
from chronos_gitops.webhooks.request import AttemptContext, MaskedRequest, masked

TICK = datetime(2026, 1, 30, 7, tzinfo=UTC)


def test_a_shell_reads_back_every_word() -> None:
    request = MaskedRequest(
        "POST", "https://x.example.com/?a=b&c", (("X-A", "it's $(touch x)"), ("X-B", "")), "a\n'b' @c"
    )
    done = subprocess.run(["sh", "-c", f"printf '%s\\0' {curl(request)}"], capture_output=True, text=True, check=True)
    assert done.stdout.split("\0")[:-1] == [
        *("curl", "--globoff", "--request", "POST", "--header", "X-A: it's $(touch x)", "--header", "X-B;"),
        *("--data-raw", "a\n'b' @c", "https://x.example.com/?a=b&c"),
    ]


@pytest.mark.parametrize(("method", "words"), [("HEAD", "--head"), ("DELETE", "--request DELETE")])
def test_the_method_is_said_as_curl_wants_it(method: str, words: str) -> None:
    assert (
        curl(MaskedRequest(method, "https://x.example.com/", (), None))
        == f"curl --globoff {words} https://x.example.com/"
    )


def test_no_credential_is_in_it(job_to: Callable[..., Job]) -> None:
    job = job_to("https://x.example.com/?token=hunter2", method="POST", auth=BearerAuth("literal-canary-1"), body="{}")
    said = curl(masked(job, AttemptContext("id", TICK, 1, None), user_agent="chronos-gitops/0.1"))
    assert "hunter2" not in said
    assert "literal-canary-1" not in said
    assert "Authorization: Bearer ***" in shlex.split(said)
