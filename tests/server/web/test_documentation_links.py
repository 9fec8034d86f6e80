"""Where people look for the API leads to its documentation, with and without tokens."""

import pytest
from flask.testing import FlaskClient
from harness.api_fixtures import app_of, token_of

from chronos_gitops.service import Service


@pytest.mark.parametrize("path", ["/api", "/api/v1", "/docs"])
def test_it_leads_to_the_documentation(path: str, client: FlaskClient, service: Service) -> None:
    for asking in (client, app_of(service, token_of("ada", "read")[1]).test_client()):
        answer = asking.get(path)
        assert (answer.status_code, answer.headers["Location"]) == (302, "/api/docs")
        assert asking.get("/api/docs").status_code == 200
