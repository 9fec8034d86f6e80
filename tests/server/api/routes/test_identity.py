"""The public documents of identity tokens, open to all also where the API has callers."""

import dataclasses
from pathlib import Path
from types import MappingProxyType

from harness.api_fixtures import app_of, token_of

from chronos_gitops.jobs.secrets.audiences import Audiences
from chronos_gitops.service import Service
from chronos_gitops.webhooks.identity.issuer import Issuer, Workload
from chronos_gitops.webhooks.identity.signing_keys import SigningKeys, new_key

DISCOVERY, JWKS = "/.well-known/openid-configuration", "/.well-known/jwks.json"


def test_anyone_may_read_the_documents_and_keep_them_an_hour(shared: Service, tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_bytes(new_key())
    keys = SigningKeys([file])
    workload = Workload("/repo", None, None, False)
    issuer = Issuer("https://ops.example.com/chronos", keys, Audiences(MappingProxyType({})), lambda: workload)
    client = app_of(dataclasses.replace(shared, issuer=issuer), token_of("ada", "read")[1]).test_client()
    discovery, jwks = client.get(DISCOVERY), client.get(JWKS)
    assert [response.headers["Cache-Control"] for response in (discovery, jwks)] == ["public, max-age=3600"] * 2
    assert discovery.get_json()["jwks_uri"] == "https://ops.example.com/chronos/.well-known/jwks.json"
    assert jwks.get_json() == keys.published()
    assert client.get("/api/v1/jobs").status_code == 401


def test_a_runner_without_keys_has_no_documents(shared: Service) -> None:
    own = app_of(shared).test_client()
    assert [own.get(path).status_code for path in (DISCOVERY, JWKS)] == [404, 404]
