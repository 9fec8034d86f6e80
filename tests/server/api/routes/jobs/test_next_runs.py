"""Scheduled times of all jobs: pages of ticks, or counts by bucket, of a bounded size."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient
from harness.api_fixtures import Checkout, Receiver, job_yaml

from chronos_gitops.service import Service

DAY = {"from": "2026-03-01T00:00:00Z", "until": "2026-03-02T00:00:00Z"}


def ask(client: FlaskClient, **parameters: str) -> Any:
    return client.get(f"/api/v1/next-runs?{urlencode(parameters)}").get_json()


def test_ticks_of_all_enabled_jobs_in_order(client: FlaskClient) -> None:
    items = ask(client, **DAY)["items"]
    assert items == [
        {"at": "2026-03-01T02:00:00Z", "job": "failing"},
        {"at": "2026-03-01T02:00:00Z", "job": "nightly"},
        {"at": "2026-03-01T03:30:00Z", "job": "daily-backup"},
    ]


def test_the_beginning_is_in_the_window_and_the_end_is_not(client: FlaskClient) -> None:
    edge = {"from": "2026-03-01T02:00:00Z", "until": "2026-03-01T03:30:00Z"}
    assert [item["job"] for item in ask(client, **edge)["items"]] == ["failing", "nightly"]


def test_pages_go_on_inside_of_one_instant(client: FlaskClient) -> None:
    found, url = [], f"/api/v1/next-runs?{urlencode(DAY | {'limit': '1'})}"
    while url:
        answer = client.get(url).get_json()
        found, url = found + answer["items"], answer["next"]
    assert found == ask(client, **DAY)["items"]


def test_filters_are_those_of_the_jobs(client: FlaskClient) -> None:
    only = ask(client, **DAY, **{"tag.team": "frontend"})["items"]
    assert [item["job"] for item in only] == ["nightly"]
    assert ask(client, **DAY, q="backup", bucket="1h")["total"] == 1


def test_without_a_window_it_is_the_next_day(client: FlaskClient, shared: Service) -> None:
    items = ask(client)["items"]
    assert len(items) == 3
    first = datetime.fromisoformat(items[0]["at"])
    assert shared.now() - timedelta(minutes=1) <= first <= shared.now() + timedelta(days=1)


def test_buckets_and_their_peak(client: FlaskClient) -> None:
    load = ask(client, **DAY, bucket="1h")
    assert len(load["buckets"]) == 24
    assert load["peak"] == {"at": "2026-03-01T02:00:00Z", "count": 2} == load["buckets"][2]
    assert load["total"] == 3
    assert (load["from"], load["until"], load["bucket"]) == (DAY["from"], DAY["until"], "1h")


def test_the_last_bucket_is_whole(client: FlaskClient) -> None:
    load = ask(client, **{"from": "2026-03-01T00:00:00Z", "until": "2026-03-01T03:10:00Z", "bucket": "1h"})
    assert load["until"] == "2026-03-01T04:00:00Z"
    assert [bucket["count"] for bucket in load["buckets"]] == [0, 0, 2, 1]


def test_buckets_without_a_window_start_at_a_multiple_so_that_304_is_possible(client: FlaskClient) -> None:
    first = client.get("/api/v1/next-runs?bucket=24h")
    assert first.get_json()["from"].endswith("T00:00:00Z")
    again = client.get("/api/v1/next-runs?bucket=24h", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"bucket": "soon"}, "is not a duration"),
        ({"bucket": "500ms"}, "whole seconds"),
        ({"bucket": "1.5s"}, "whole seconds"),
        ({"bucket": "0s"}, "whole seconds"),
        ({"bucket": "1s"}, "86400 buckets; at most 2000"),
        ({"bucket": "1h", "limit": "5"}, "limit does not go with bucket"),
        ({"bucket": "1h", "cursor": "x"}, "cursor does not go with bucket"),
        ({"from": "tomorrow"}, "from is a time"),
        ({"until": "2000-01-01T00:00:00Z"}, "until lies after from"),
        ({"from": "2026-01-01", "until": "2028-01-01"}, "by a year at most"),
        ({"from": "9999-12-31"}, "outside the years"),
        ({"form": "2026-01-01"}, 'did you mean "from"?'),
    ],
)
def test_what_cannot_be_answered(client: FlaskClient, parameters: dict[str, str], words: str) -> None:
    answer = client.get(f"/api/v1/next-runs?{urlencode(parameters)}")
    assert answer.status_code == 400
    assert words in answer.get_json()["detail"]


def test_pauses_are_minded(own: FlaskClient, service: Service) -> None:
    own.post("/api/v1/jobs/nightly/pause", json={"reason": "until later", "until": "2099-01-01T00:00:00Z"})
    own.post("/api/v1/jobs/failing/pause", json={"reason": "for good"})
    assert [item["job"] for item in ask(own)["items"]] == ["daily-backup"]
    later = {"from": "2098-12-31T00:00:00Z", "until": "2099-01-02T00:00:00Z"}
    assert [item["job"] for item in ask(own, **later)["items"]].count("nightly") == 1


def test_a_job_of_every_second_is_paged_and_counted_without_walking(
    checkout: Checkout, service: Service, receiver: Receiver, own: FlaskClient
) -> None:
    for number in range(3):
        name = f"busy-{number}"
        checkout.write(name, job_yaml(name, receiver.url, schedule="@every 1s", enabled=True))
    checkout.commit("Busy ones")
    service.follower.sync()
    own.post("/api/v1/jobs/busy-0/pause", json={"reason": "quiet"})
    window = {"from": "2027-01-01T00:00:00Z", "until": "2027-12-31T00:00:00Z"}
    load = ask(own, **window, bucket="24h", q="busy")
    assert load["total"] == 2 * 364 * 86_400
    page = ask(own, **window, q="busy", limit="5")
    assert [item["job"] for item in page["items"]] == ["busy-1", "busy-2", "busy-1", "busy-2", "busy-1"]
    assert page["next"]


def test_more_than_can_be_counted_is_refused(own: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chronos_gitops.server.api.routes.jobs.next_runs._MOST_COUNTS", 20)
    answer = own.get("/api/v1/next-runs?bucket=1h")
    assert answer.status_code == 400
    assert "more than can be counted at once" in answer.get_json()["detail"]
    assert own.get("/api/v1/next-runs?bucket=1h&q=backup").status_code == 400
    assert own.get("/api/v1/next-runs?bucket=2h&q=backup").status_code == 200


def test_ticks_are_in_utc(client: FlaskClient) -> None:
    offset = ask(client, **{"from": "2026-03-01T01:00:00+01:00", "until": "2026-03-02T01:00:00+01:00"})
    assert offset["items"] == ask(client, **DAY)["items"]
    assert datetime.fromisoformat(offset["items"][0]["at"]).tzinfo == UTC
