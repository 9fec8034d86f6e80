"""The claims of an identity token, read by a library of its receivers (PyJWT), at the instant of the contract."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import jwt
import pytest

from chronos_gitops.jobs.model import Job
from chronos_gitops.jobs.origins.origin import OriginPattern, split
from chronos_gitops.jobs.secrets.audiences import AudienceBinding, Audiences
from chronos_gitops.jobs.webhook import IdentityAuth, Webhook
from chronos_gitops.schedule.timing import Timing
from chronos_gitops.webhooks.identity.issuer import Issuer, Workload, subject
from chronos_gitops.webhooks.identity.signing_keys import IdentityError, SigningKeys, new_key
from chronos_gitops.webhooks.request import AttemptContext

SENT = datetime(2026, 3, 8, 7, 0, 0, 250_000, tzinfo=UTC)
URL = "https://ops.example.com/chronos"
STS = AudienceBinding(("jobs/billing",), (OriginPattern.parse("https://gateway.example.com"),))


@pytest.fixture(scope="module")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("keys") / "a.pem"
    file.write_bytes(new_key())
    return file


@pytest.fixture
def token(key_file: Path) -> Callable[..., str]:
    """A token of the job charge, for the url and the audience of its webhook."""
    keys = SigningKeys([key_file])
    workload = Workload("https://git.example.com/ops.git", "refs/heads/main", "production", True)
    issuer = Issuer(URL, keys, Audiences(MappingProxyType({"sts.amazonaws.com": STS})), lambda: workload)

    def make(url: str = "https://api.example.com:8443/v1", audience: str | None = None, **fields: Any) -> str:
        job = Job("charge", Timing.parse("0 7 * * *", key="charge"), Webhook(url, auth=IdentityAuth(audience)))
        given: dict[str, Any] = {
            "commit": "c0ffee",
            "path": "jobs/billing/charge.yaml",
            "version": 7,
            "trigger": "schedule",
        }
        call = AttemptContext("0f8fad5b", datetime(2026, 3, 8, 7, tzinfo=UTC), 2, **{**given, **fields})
        return issuer.token(job, call, split(url)[0], SENT)

    return make


def verified(token: str, key_file: Path, audience: str) -> dict[str, Any]:
    key = jwt.PyJWK(SigningKeys([key_file]).published()["keys"][0])
    options: Any = {"verify_exp": False, "verify_nbf": False, "verify_iat": False}
    return jwt.decode(token, key, algorithms=["RS256"], issuer=URL, audience=audience, options=options)


def test_the_claims_of_a_token(token: Callable[..., str], key_file: Path) -> None:
    claims = verified(token(), key_file, "https://api.example.com:8443")
    job_id = claims.pop("job_id")
    assert len(job_id) == 36
    assert claims == {
        "iss": URL,
        "aud": "https://api.example.com:8443",
        "sub": "environment:production:folder:jobs/billing:job:charge",
        "iat": 1772953200,
        "nbf": 1772953200,
        "exp": 1772953500,
        "jti": "0f8fad5b.2",
        "job": "charge",
        "folder": "jobs/billing",
        "path": "jobs/billing/charge.yaml",
        "version": 7,
        "commit": "c0ffee",
        "repository": "https://git.example.com/ops.git",
        "ref": "refs/heads/main",
        "environment": "production",
        "trigger": "schedule",
        "execution_id": "0f8fad5b",
        "scheduled_time": "2026-03-08T07:00:00Z",
        "verified": True,
        "variables": [],
    }


def test_another_key_does_not_verify_it(token: Callable[..., str], tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    other.write_bytes(new_key())
    with pytest.raises(jwt.InvalidSignatureError):
        verified(token(), other, "https://api.example.com:8443")


@pytest.mark.parametrize(
    ("environment", "folder", "job", "text"),
    [
        (None, "jobs", "charge", "environment:-:folder:jobs:job:charge"),
        ("production", "jobs/a:job:charge", "x", "environment:production:folder:jobs/a%3Ajob%3Acharge:job:x"),
        ("staging", "jobs/über team", "x", "environment:staging:folder:jobs/%C3%BCber%20team:job:x"),
        ("staging", "jobs/a~b%c", "x", "environment:staging:folder:jobs/a%7Eb%25c:job:x"),
    ],
)
def test_no_name_looks_like_another_part_of_the_subject(
    environment: str | None, folder: str, job: str, text: str
) -> None:
    assert subject(environment, folder, job) == text


def test_another_audience_needs_a_folder_and_an_origin(token: Callable[..., str], key_file: Path) -> None:
    allowed = token("https://gateway.example.com/", "sts.amazonaws.com")
    assert verified(allowed, key_file, "sts.amazonaws.com")["aud"] == "sts.amazonaws.com"
    refused: dict[str, dict[str, Any]] = {
        "another origin": {"url": "https://evil.example.com/", "audience": "sts.amazonaws.com"},
        "another port": {"url": "https://gateway.example.com:8443/", "audience": "sts.amazonaws.com"},
        "another folder": {
            "url": "https://gateway.example.com/",
            "audience": "sts.amazonaws.com",
            "path": "jobs/billing2/charge.yaml",
        },
        "an unbound audience": {"url": "https://api.example.com/", "audience": "vault"},
    }
    for name, fields in refused.items():
        with pytest.raises(IdentityError):
            pytest.fail(f"{name}: {token(**fields)}")


def test_the_origin_of_the_url_needs_nothing(token: Callable[..., str], key_file: Path) -> None:
    assert verified(token(audience="https://api.example.com:8443"), key_file, "https://api.example.com:8443")


def test_what_is_not_committed_gets_no_token(token: Callable[..., str]) -> None:
    with pytest.raises(IdentityError, match="what it runs is not committed"):
        token(commit=None)
