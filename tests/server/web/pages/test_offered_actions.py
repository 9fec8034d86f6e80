"""A page offers what its reader may do, and nothing else: each form and each link to one is let in."""

import re
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from harness.api_fixtures import Checkout, Receiver, app_of, finished, job_yaml, settings_of

from chronos_gitops.app import build
from chronos_gitops.config.callers.issuers import Callers, ClaimGrant
from chronos_gitops.config.callers.proxy import Proxy
from chronos_gitops.config.model import Grant

OWN = "http://localhost"
READER = Grant(frozenset({"read"}))
GRANTS = {
    "reader": (READER,),
    "operator of a": (READER, Grant(frozenset({"operate"}), ("jobs/a",))),
    "rollback of a": (READER, Grant(frozenset({"rollback"}), ("jobs/a",))),
    "team a": (Grant(frozenset({"read", "operate", "rollback"}), ("jobs/a",)),),
    "everything": (Grant(frozenset({"read", "operate", "rollback"})),),
}


@pytest.fixture(scope="module")
def world(
    tmp_path_factory: pytest.TempPathFactory, receiver: Receiver, _guarded_environment: None
) -> Iterator[tuple[Flask, list[str]]]:
    """The application, and its pages about ``pay`` in jobs/a and ``ship`` in jobs/b."""
    from ipaddress import ip_network

    folder = tmp_path_factory.mktemp("offered")
    checkout = Checkout(folder / "repo")
    for schedule in ("0 1 * * *", "0 2 * * *"):
        for name, where in (("pay", "a"), ("ship", "b")):
            checkout.write(name, job_yaml(name, f"{receiver.url}/hold", schedule=schedule), folder=f"jobs/{where}")
        commits = [checkout.commit("Change both")]
    for name, where in (("pay", "a"), ("ship", "b")):
        checkout.write(name, job_yaml(name, f"{receiver.url}/hold", schedule="0 3 * * *"), folder=f"jobs/{where}")
        commits.append(checkout.commit(f"Change {name}"))
    (folder / "secret").write_text("the secret\n")
    grants = tuple(
        ClaimGrant("proxy", (("user", (name,)),), grant) for name, several in GRANTS.items() for grant in several
    )
    proxy = Proxy((ip_network("127.0.0.1/32"),), "X-Forwarded-User", "", folder / "secret")
    with build(settings_of(checkout, folder / "data")) as service:
        app = app_of(service, callers=Callers((), grants), proxy=proxy, public_url=OWN)
        app.test_client_class = FlaskClient
        everything = client_of(app, "everything")
        runs = [everything.post(f"/api/v1/jobs/{name}/trigger").get_json()["id"] for name in ("pay", "ship")]
        pages = [f"/executions/{run}" for run in runs] + [f"/commits/{commit}" for commit in commits]
        for name in ("pay", "ship"):
            pages += [f"/jobs/{name}", f"/jobs/{name}/versions/1", f"/jobs/{name}/rollback/1"]
        yield app, pages
        receiver.release.set()
        for run in runs:
            finished(everything, run)


def client_of(app: Flask, user: str) -> FlaskClient:
    client = app.test_client()
    client.environ_base["HTTP_X_FORWARDED_USER"] = user
    client.environ_base["HTTP_X_CHRONOS_PROXY_SECRET"] = "the secret"
    client.environ_base["HTTP_ORIGIN"] = OWN
    return client


def offered(client: FlaskClient, page: str) -> set[str]:
    text = client.get(page).get_data(as_text=True)
    forms = set(re.findall(r'method="post" action="([^"]+)"', text))
    return forms | {link for link in re.findall(r'href="(/[^"?]+)', text) if "/rollback/" in link or "/undo" in link}


def is_let_in(client: FlaskClient, action: str) -> bool:
    """Asked for really: who may is judged after the body."""
    asked = "?dry_run" not in action and ("/undo" in action or re.match(r"/jobs/\w+/rollback", action))
    if asked:
        answer = client.get(action)
        return answer.status_code == 200 and "outside jobs/" not in answer.get_data(as_text=True)
    body = {"pause": {"reason": "x"}, "rollback": {"dry_run": True}}
    sent = next((fields for word, fields in body.items() if word in action), {})
    return client.post(action, json=sent).status_code not in (401, 403, 404)


@pytest.mark.parametrize("user", GRANTS)
def test_what_a_page_offers_is_let_in(world: tuple[Flask, list[str]], user: str) -> None:
    app, pages = world
    client = client_of(app, user)
    shown = {page: offered(client, page) for page in pages}
    there = {page: offered(client_of(app, "everything"), page) for page in pages}
    seen = [page for page in pages if client.get(page).status_code == 200]
    refused = [(page, action) for page, actions in shown.items() for action in actions if not is_let_in(client, action)]
    assert refused == []
    missing = [
        (page, action)
        for page in seen
        for action in there[page] - shown[page]
        if is_let_in(client, action) and "/rollback/" not in action
    ]
    assert missing == []
