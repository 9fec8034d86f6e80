"""Jobs of Ofelia in the labels of containers and in its ini file, to the files they become."""

import json

import pytest
from cli.importers.test_sources import done, jobs, refused

from chronos_gitops.cli.importers import ofelia
from chronos_gitops.jobs.model import Concurrency

COMPOSE = """\
services:
  shop:
    image: shop
    labels:
      ofelia.enabled: true
      ofelia.job-exec.tick.schedule: "@every 5m"
      ofelia.job-exec.tick.command: "curl -fsS -X POST http://shop.internal/tick"
      ofelia.job-exec.tick.no-overlap: "true"
      ofelia.job-exec.flush.schedule: "0 0 3 * * *"
      ofelia.job-exec.flush.command: "/bin/bash /flush-logs.sh"
      ofelia.job-exec.short.schedule: "0 3 * * *"
      ofelia.job-exec.short.command: curl http://shop.internal/
  ofelia:
    labels:
      - ofelia.enabled=true
      - ofelia.job-run.report.schedule=0 30 2 * * 1
      - ofelia.job-run.report.image=curlimages/curl
      - 'ofelia.job-run.report.environment=["API_KEY=0123456789abcdef"]'
      - "ofelia.job-run.report.command=sh -c 'curl -H \\"X-Key: $$API_KEY\\" https://api.example.com/report'"
      - ofelia.job-run.report.slack-webhook=https://hooks.example.com/x
  forgotten:
    labels:
      ofelia.job-exec.old.schedule: "@daily"
      ofelia.job-exec.old.command: curl http://old.internal/
"""


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("curl http://a.internal/$$a", "http://a.internal/$a"),
        ("curl http://a.internal/$a", "compose puts a variable in ($a): write its value, or $$ for a $"),
        ("curl http://${HOST:-a}/", "compose puts a variable in (${HOST:-a}): write its value, or $$ for a $"),
    ],
)
def test_compose_reads_its_dollars_before_ofelia_does(label: str, expected: str) -> None:
    labels = {
        "ofelia.enabled": "true",
        "ofelia.job-exec.a.schedule": "@daily",
        "ofelia.job-exec.a.command": label,
    }
    found = done(ofelia.read, json.dumps({"services": {"web": {"labels": labels}}}))
    assert [job.webhook.url for job in jobs(found)] + [why for _, why in refused(found)] == [expected]
    inspected = done(ofelia.read, json.dumps([{"Name": "/web", "Config": {"Labels": labels}}]))
    assert len(inspected.drafts) + len(inspected.refusals) == 1
    assert "compose" not in str(inspected.refusals)


def test_labels_of_a_compose_file() -> None:
    found = done(ofelia.read, COMPOSE, timezone="Europe/Berlin")
    tick, report = jobs(found)
    assert (tick.name, tick.timing.definition, tick.concurrency) == ("tick", "@every 5m", Concurrency.FORBID)
    assert (tick.webhook.method, tick.webhook.url, tick.timezone) == (
        "POST",
        "http://shop.internal/tick",
        "Europe/Berlin",
    )
    assert (report.timing.definition, report.concurrency) == ("0 30 2 * * 1", Concurrency.ALLOW)
    assert dict(report.webhook.headers) == {"X-Key": "${secret:api-key}"}
    assert "slack-webhook: notifications and history are the runner's" in found.drafts[1].lost
    assert refused(found) == [
        ("service shop, job-exec flush", "it is not a call of curl or wget"),
        (
            "service shop, job-exec short",
            "its schedule has not six fields, the first one for seconds, which Ofelia needs",
        ),
        (
            "service forgotten, job-exec old",
            "its container has no label ofelia.enabled=true, so Ofelia ignores it",
        ),
    ]


def test_labels_of_docker_inspect_and_an_ini_file_say_the_same() -> None:
    labels = {
        "ofelia.enabled": "true",
        "ofelia.job-exec.tick.schedule": "0 */5 * * * *",
        "ofelia.job-exec.tick.command": "wget -qO- http://shop.internal/tick",
        "com.docker.compose.project": "x",
    }
    inspected = json.dumps([{"Id": "a", "Name": "/shop", "Config": {"Labels": labels}}, {"Config": {"Labels": None}}])
    ini = '[global]\nsave-folder = /tmp\n\n[job-exec "tick"]\nschedule = 0 */5 * * * *\ncontainer = shop\n'
    ini += "command = wget -qO- http://shop.internal/tick\n\n; the end\n"
    texts = [[draft.text for draft in done(ofelia.read, one).drafts] for one in (inspected, json.dumps(labels), ini)]
    assert texts[0] == texts[1] == texts[2]
    assert 'schedule: "0 */5 * * * *"' in texts[0][0]
