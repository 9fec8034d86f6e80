"""Each health check has words for people, and the page of the status shows no other."""

import ast
import inspect

from flask.testing import FlaskClient
from server.web.test_pages import page

from chronos_gitops.server.api.routes import health
from chronos_gitops.server.web.check_words import WORDS


def test_every_check_has_words() -> None:
    calls = (node for node in ast.walk(ast.parse(inspect.getsource(health))) if isinstance(node, ast.Call))
    made = (call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "HealthCheck")
    names = {call.args[0].value for call in made if isinstance(call.args[0], ast.Constant)}
    assert names == WORDS.keys()
    assert "draining" in names


def test_the_status_says_what_each_check_looks_at(client: FlaskClient) -> None:
    text = page(client, "/status")
    assert '<li class="pass"><b>Shutdown</b> not in progress</li>' in text
    assert '<li class="pass"><b>Scheduler</b> running</li>' in text
    assert "draining" not in text
