import pytest
from flask.testing import FlaskClient
from harness.api_fixtures import Checkout

from chronos_gitops.service import Service

SECRETS = ("hunter2-token", "hunter2-header", "hunter2-query", "hunter2-folded", "hunter2-cookie", "hunter2-body")
FILE = """\
name: {name}
schedule: "0 2 * * *"
webhook:
  url: https://api.example.com/x?api_key=hunter2-query&page=1
  headers:
    Authorization: Bearer hunter2-header
    Cookie: >-
      session=hunter2-cookie
    X-Api-Key: ${{secret:api-key}}
    X-Team: backend
  body: '{{"password": "hunter2-body"}}'
  auth:
    type: hmac
    secret: >-
      hunter2-token
"""


@pytest.fixture
def literal(own: FlaskClient, checkout: Checkout) -> FlaskClient:
    """A runner with a job full of literal credentials, in two versions."""
    checkout.write("literal", FILE.format(name="literal"))
    checkout.commit("Literal credentials")
    checkout.write("literal", FILE.format(name="literal").replace("hunter2-header", "hunter2-folded"))
    checkout.commit("Other ones")
    own.post("/api/v1/sync")
    return own


def test_no_answer_shows_a_literal_credential(literal: FlaskClient) -> None:
    base = "/api/v1/jobs/literal"
    paths = [
        base,
        "/api/v1/jobs?q=literal",
        f"{base}/versions",
        f"{base}/versions/1",
        f"{base}/versions/2",
        f"{base}/versions/2/diff",
        "/api/v1/sync",
        "/metrics",
        "/",
        "/jobs/literal",
    ]
    answers = [literal.get(path).get_data(as_text=True) for path in paths]
    answers.append(literal.post(f"{base}/rollback/1", json={"dry_run": True}).get_data(as_text=True))
    answers.append(literal.post("/api/v1/validate", data=FILE.format(name="x")).get_data(as_text=True))
    for answer in answers:
        assert not [secret for secret in SECRETS if secret in answer]


def test_references_stay_readable_and_the_rest_of_the_file_too(literal: FlaskClient) -> None:
    webhook = literal.get("/api/v1/jobs/literal").get_json()["webhook"]
    assert webhook["headers"]["X-Api-Key"] == "${secret:api-key}"
    assert webhook["headers"]["X-Team"] == "backend"
    assert webhook["auth"] == {"type": "hmac", "secret": "***"}
    assert webhook["url"] == "https://api.example.com/x?api_key=***&page=1"
    text = literal.get("/api/v1/jobs/literal/versions/1").get_json()["yaml"]
    assert "X-Api-Key: ${secret:api-key}" in text
    assert "X-Team: backend" in text


def test_a_file_that_does_not_parse_is_masked_by_its_keys(own: FlaskClient, checkout: Checkout) -> None:
    checkout.write("literal", FILE.format(name="literal"))
    checkout.commit("Good")
    for number, nonsense in enumerate(("nonsense: 1\n", "schedule: [\n", "\tx\n"), start=2):
        checkout.write("literal", FILE.format(name="literal") + nonsense)
        checkout.commit("Broken")
        own.post("/api/v1/sync")
        answer = own.get(f"/api/v1/jobs/literal/versions/{number}")
        assert answer.get_json()["job"] is None
        assert "X-Team: backend" in answer.get_json()["yaml"]
        assert "hunter2" not in answer.get_data(as_text=True)


def test_the_settings_credentials_are_not_shown(shared: Service, client: FlaskClient) -> None:
    assert "@" not in client.get("/api/v1/sync").get_json()["repository"]
