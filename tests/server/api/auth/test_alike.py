"""Two runners that differ in jobs/b only answer a caller with the folder jobs/a alike (TEAMS section 11).

But for revisions, times and gaps of numbers, which are taken out; an id is replaced by its place in the answer.
"""

import dataclasses
import difflib
import re
from collections.abc import Callable, Iterator

import pytest
from flask.testing import FlaskClient
from harness.api_fixtures import Checkout, Receiver, app_of, eventually, finished, job_yaml, settings_of, token_of
from werkzeug.test import TestResponse

from chronos_gitops.app import build
from chronos_gitops.server.api import endpoint
from chronos_gitops.service import Service

ROLES = ("read", "operate", "rollback")
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_REVISION = re.compile(r"\b[0-9a-f]{7,64}\b")
_TIMES = (
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:\.\d+)?(?:Z| UTC)?",
    r"\d\d:\d\d:\d\d(?:\.\d+)?Z?",
    r"(?:in |for )?(?:\d+|an?) (?:ms|s|seconds?|minutes?|hours?|days?)(?: ago)?|just now|\d+(?:\.\d+)? (?:ms|s)\b",
)
_NUMBER = re.compile(
    r'("id":|"cursor":|"next":|"duration_ms":|"\w+_ms":|"waited":|"dns":|"connect":|"tls":|"first_byte":|"read":)\s*(?:[0-9.]+|"[^"]*")'
)


def plain(text: str) -> str:
    """The answer without times and revisions, and with ids replaced by the order of their first appearances."""
    text = re.sub(r"<time[^>]*>[^<]*</time>", "<time/>", _NUMBER.sub(r"\1N", text))
    text = re.sub(r'<(rect|path) class="(now|dns|connect|tls|first_byte|read)"[^>]*>', r"<\1 \2>", text)
    seen: dict[str, int] = {}
    text = _ID.sub(lambda found: f"<id {seen.setdefault(found[0], len(seen))}>", text)
    text = _REVISION.sub("<revision>", text)
    for pattern in _TIMES:
        text = re.sub(pattern, "<time>", text)
    return text


class World:
    """A runner; ``team`` sees jobs/a."""

    def __init__(self, service: Service, checkout: Checkout, receiver: Receiver) -> None:
        self.service, self.checkout, self.receiver = service, checkout, receiver
        team = dataclasses.replace(token_of("team", *ROLES)[1], folders=("jobs/a",))
        app = app_of(service, team, token_of("all", *ROLES)[1])
        self.app = app
        self.team, self.everything = self._client("team"), self._client("all")

    def _client(self, name: str) -> FlaskClient:
        client = self.app.test_client()
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token_of(name)[0]}"
        return client

    def commit(self, message: str) -> None:
        head = self.checkout.commit(message)
        eventually(lambda: self.service.follower.sync().revision.attempted == head)

    def recorded(self, removed: str) -> bool:
        """True if the event of that removal is there."""
        items = self.everything.get("/api/v1/events?type=commit_applied").get_json()["items"]
        return any(removed in one["removed"] for one in items)

    def trigger(self, name: str) -> str:
        execution: str = self.everything.post(f"/api/v1/jobs/{name}/trigger").get_json()["id"]
        finished(self.everything, execution)
        return execution


def own_story(world: World) -> dict[str, str]:
    """Happens on both runners, in jobs/a. The values that paths are made of."""
    write, url = world.checkout.write, world.receiver.url
    for name in ("pay", "fail", "moved"):
        write(name, job_yaml(name, f"{url}/400" if name == "fail" else url), folder="jobs/a")
    world.commit("Add jobs of a")
    runs = [world.trigger("pay")]  # a failure would race with the event of its trigger
    write("pay", job_yaml("pay", url, schedule="0 5 * * *"), folder="jobs/a")
    world.commit("Change pay")
    world.checkout.remove("../jobs/a/moved")
    world.commit("Remove moved")
    world.everything.post("/api/v1/jobs/pay/pause", json={"reason": "it moves"})
    eventually(lambda: world.recorded("moved"))  # by another thread
    index = world.service.follower.index()
    commit = index.versions("pay")[-1].commit
    return {"name": "pay", "n": "1", "execution_id": runs[0], "commit": commit, "path:filename": "x"}


def story_of_others(world: World, step: int) -> None:
    """In jobs/b, before, among and after what happens in jobs/a: everything that leaves a row."""
    write, url = world.checkout.write, world.receiver.url
    names = [f"ship-{step}", f"bad-{step}", f"off-{step}"]
    for name in names:
        write(name, job_yaml(name, f"{url}/400" if "bad" in name else url, tags={"team": "b"}), folder="jobs/b")
    write(f"wrong-{step}", f"name: wrong-{step}\nschedule: {{secret}}\n", folder="jobs/b")
    if step:
        write(f"take-{step}", job_yaml("pay", url), folder="jobs/b")
    (world.checkout.path / "jobs/b/_defaults.yaml").write_text(f"timeout: {step + 5}s\n")
    world.commit(f"Jobs of b, {step}")
    for name in names[:2]:
        world.trigger(name)
    world.everything.post(f"/api/v1/jobs/{names[2]}/pause", json={"reason": "others"})
    world.everything.post(f"/api/v1/jobs/{names[0]}/rollback/9", json={})
    world.everything.post("/api/v1/bulk/trigger", json={"select": {"jobs": names[:1]}, "reason": "others"})
    if step:
        world.checkout.remove(f"../jobs/b/ship-{step - 1}")
        world.commit(f"Remove a job of b, {step}")


@pytest.fixture(scope="module")
def worlds(
    tmp_path_factory: pytest.TempPathFactory, receiver: Receiver, _guarded_environment: None
) -> Iterator[tuple[tuple[World, dict[str, str]], tuple[World, dict[str, str]]]]:
    folder = tmp_path_factory.mktemp("alike")
    found = []
    services = []
    try:
        for number in range(2):
            checkout = Checkout(folder / f"{number}" / "repo")
            checkout.write("other", job_yaml("other", receiver.url), folder="jobs/b")
            checkout.commit("Begin")
            # Without drafts: one may be seen, or not, before its commit.
            settings = dataclasses.replace(settings_of(checkout, folder / f"{number}" / "data"), follow="branch")
            services.append(build(settings))
            world = World(services[-1].__enter__(), checkout, receiver)
            if number:
                story_of_others(world, 0)
            values = own_story(world)
            if number:
                story_of_others(world, 1)
                story_of_others(world, 2)
            found.append((world, values))
        yield found[0], found[1]
    finally:
        for service in services:
            service.__exit__(None, None, None)


QUERIES = ("", "?limit=1", "?job=ship-1", "?q=ship", "?status=failed", "?tag.team=b", "?type=commit_applied")
PLACES = (
    "/api/v1/jobs/ship-1",
    "/api/v1/jobs/ship-1/versions",
    "/api/v1/jobs/off-1/next",
    "/api/v1/jobs/other",
    "/jobs/ship-1",
    "/jobs/ship-0",
    "/compare?job=ship-1",
    "/executions?job=ship-1",
    "/api/v1/validate?path=jobs/b/ship-1.yaml",
)
WRITES: tuple[tuple[str, dict[str, object]], ...] = (
    ("/api/v1/jobs/ship-1/trigger", {}),
    ("/api/v1/jobs/ship-1/pause", {"reason": "x"}),
    ("/api/v1/jobs/ship-1/rollback/1", {"dry_run": True}),
    ("/api/v1/bulk/trigger", {"select": {"all": True}, "reason": "x", "dry_run": True}),
    ("/api/v1/bulk/pause", {"select": {"jobs": ["ship-1", "pay"]}, "reason": "x", "dry_run": True}),
    ("/api/v1/bulk/pause", {"select": {"tags": {"team": "b"}}, "reason": "x", "dry_run": True}),
    ("/api/v1/preflight", {"jobs": ["ship-1"]}),
    ("/api/v1/jobs/pay/rollback/1", {"dry_run": True}),
    ("/api/v1/sync/approve", {"checksum": "sha256:" + "0" * 12}),
)
UNLIKE = {
    "/metrics": "needs all folders",
    "/livez": "open to all",
    "/readyz": "open to all: the verdict of the runner",
    "/health": "open to all",
    "/live": "a stream",
}


def routes(world: World) -> Iterator[str]:
    for rule in endpoint.declared(world.app.url_map):
        if "GET" in (rule.methods or ()) and rule.rule not in UNLIKE and rule.declared.role is not None:
            yield rule.rule


def filled(rule: str, values: dict[str, str]) -> str:
    return re.sub(r"<([^>]+)>", lambda part: values.get(part[1], "none"), rule)


def told(world: World, answer: TestResponse) -> str:
    return (
        f"{answer.status_code} {plain(answer.get_data(as_text=True).replace(str(world.checkout.path), 'REPOSITORY'))}"
    )


def answers(world: World, values: dict[str, str]) -> dict[str, str]:
    """Status and text for each question; the questions are the same on both runners."""
    found = {}
    for rule in routes(world):
        for query in QUERIES:
            answer = world.team.get(filled(rule, values) + query)
            found[rule + query] = told(world, answer)
    for place in PLACES:
        answer = world.team.get(place)
        found[place] = told(world, answer)
    for path, body in WRITES:
        answer = world.team.post(path, json=body)
        found[f"POST {path} {body}"] = told(world, answer)
    return found


def test_a_caller_of_a_cannot_tell_two_runners_apart_that_differ_in_b(
    worlds: tuple[tuple[World, dict[str, str]], tuple[World, dict[str, str]]],
) -> None:
    first, second = (answers(*each) for each in worlds)
    assert first.keys() == second.keys()
    unlike = {question: _differing(first[question], second[question]) for question in first}
    unlike = {question: lines for question, lines in unlike.items() if lines}
    found = sum(answer.startswith("200 ") for answer in first.values())
    print(f"two runners that differ in jobs/b: {len(first)} answers compared ({found} of 200), unlike {len(unlike)}")
    for question, lines in unlike.items():
        print(question, *lines, sep="\n    ")
    assert sorted(unlike) == []
    assert found > 50


def _differing(left: str, right: str) -> list[str]:
    if left == right:
        return []
    cut: Callable[[str], list[str]] = lambda text: re.sub(r'(,"|>)', r"\n\1", text).splitlines()  # noqa: E731
    return [
        line for line in difflib.unified_diff(cut(left), cut(right), lineterm="", n=0) if line[:2] not in ("--", "++")
    ][:8]
