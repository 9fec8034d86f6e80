import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest
from api_world import XSS, Checkout, finished
from flask.testing import FlaskClient

from chronos_gitops.web import words


class Strict(HTMLParser):
    """Collects what a strict Content-Security-Policy would block."""

    def __init__(self) -> None:
        super().__init__()
        self.blocked: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.blocked += [tag] if tag in ("script", "style", "iframe", "object") else []
        self.blocked += [name for name, _ in attrs if name.startswith("on") or name == "style"]
        self.links += [value or "" for name, value in attrs if name == "href"]


def page(client: FlaskClient, path: str) -> str:
    response = client.get(path, headers={"Accept": "text/html"})
    assert response.status_code == 200
    assert response.mimetype == "text/html"
    text = response.get_data(as_text=True)
    parser = Strict()
    parser.feed(text)
    assert parser.blocked == []
    for link in parser.links:
        if link.startswith("/"):
            assert client.get(link).status_code == 200, link
    return text


def test_the_first_page_tells_every_job(client: FlaskClient) -> None:
    text = page(client, "/")
    for word in ("daily-backup", "failing", "nightly", "off", "On schedule", "Off", "At 03:30", "team=backend"):
        assert word in text
    assert "In step with git" in text
    assert "4 jobs" in text


def test_the_first_page_filters_as_the_api_does(client: FlaskClient) -> None:
    text = page(client, "/?q=night&state=enabled")
    assert "nightly" in text
    assert "daily-backup" not in text
    assert client.get("/?stat=enabled", headers={"Accept": "text/html"}).status_code == 400


def test_a_job_page_has_its_versions_and_what_comes_next(client: FlaskClient) -> None:
    text = page(client, "/jobs/daily-backup")
    assert "More jobs, one less" in text
    assert text.count("<time") >= 8
    assert "<b>runs</b>" in text


def test_a_deleted_job_keeps_its_page(client: FlaskClient) -> None:
    assert "This job was deleted" in page(client, "/jobs/retired")


def test_an_execution_page_shows_its_attempts(own: FlaskClient) -> None:
    done = finished(own, own.post("/api/v1/jobs/daily-backup/trigger").get_json()["id"])
    text = page(own, f"/executions/{done['id']}")
    assert "success" in text
    assert "&lt;b&gt;answered&lt;/b&gt;" in text


def test_the_red_ones_come_first(own: FlaskClient) -> None:
    finished(own, own.post("/api/v1/jobs/failing/trigger").get_json()["id"])
    text = page(own, "/")
    assert text.index(">failing<") < text.index(">daily-backup<")


def test_nothing_that_people_wrote_is_run(own: FlaskClient, checkout: Checkout) -> None:
    """Descriptions, commit messages, authors, tags, file names, pause reasons and queries are text."""
    checkout.write(
        f"x{XSS.replace('/', '')}", f"name: evil\nschedule: '{XSS}'\nwebhook: {{url: 'http://127.0.0.1/'}}\n"
    )
    tags = f'{{team: "{XSS}"}}'.replace('("x")', "(1)")
    file = f"name: tagged\nschedule: 0 1 * * *\nenabled: true\ndescription: '{XSS}'\nwebhook: {{url: 'http://127.0.0.1/'}}\n"
    checkout.write("tagged", f"{file}tags: {tags}\n")
    checkout.git("config", "user.name", XSS)
    checkout.git("add", "-A")
    checkout.git("-c", f"user.name={XSS}", "commit", "-q", "-m", f"Evil {XSS}")
    own.post("/api/v1/sync")
    own.post("/api/v1/jobs/tagged/pause", json={"reason": XSS})
    for path in ("/", "/jobs/tagged", "/jobs/failing", "/jobs/daily-backup", f"/?q={XSS}"):
        text = page(own, path)
        assert "<script" not in text
    assert "&lt;script&gt;" in page(own, "/jobs/tagged")
    assert own.get(f"/executions/{XSS}", headers={"Accept": "text/html"}).get_data(as_text=True).count("<script") == 0


def test_a_broken_file_shows_in_a_banner(own: FlaskClient, checkout: Checkout) -> None:
    checkout.write("daily-backup", "name: daily-backup\nschedule: nonsense\nwebhook: {url: 'http://127.0.0.1/'}\n")
    own.post("/api/v1/sync")
    text = page(own, "/")
    assert "Some files are held back" in text
    assert "jobs/daily-backup.yaml:2:" in text
    assert "Held back" in page(own, "/jobs/daily-backup")


def test_the_style_has_both_colour_schemes(client: FlaskClient) -> None:
    css = client.get("/static/chronos.css")
    assert css.mimetype == "text/css"
    assert css.headers["ETag"]
    assert re.search(r"light-dark\(", css.get_data(as_text=True))


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.4, "0.4 s"),
        (2, "2 s"),
        (59.6, "1 min"),
        (90, "1 min 30 s"),
        (3600, "1 h"),
        (90061, "1 d 1 h"),
        (86405, "1 d"),
    ],
)
def test_lengths_in_words(seconds: float, expected: str) -> None:
    assert words.length(timedelta(seconds=seconds)) == expected


def test_times_in_words() -> None:
    now = datetime(2026, 3, 8, 7, tzinfo=UTC)
    assert words.relative(now + timedelta(minutes=5), now) == "in 5 min"
    assert words.relative(now - timedelta(hours=3), now) == "3 h ago"
    assert words.relative(now, now) == "now"
    assert words.absolute(now) == "2026-03-08 07:00:00 UTC"
