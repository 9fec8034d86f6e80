"""Containers of CronJobs as people write them: the request that each sends, or the reason why there is no job."""

import json
from typing import Any

import pytest
import yaml
from cli.importers.test_sources import done, jobs, refused

from chronos_gitops.cli.importers import kubernetes

API = "https://api.example.com"
TOKEN = {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "api", "key": "token"}}}
FROM_MAP = {"name": "BASE", "valueFrom": {"configMapKeyRef": {"name": "api", "key": "base"}}}
HEREDOC = """\
set -eu
curl -fsS -X POST "$URL" \\
  -H 'Content-Type: application/json' \\
  --data-binary @- <<'JSON'
{"a": "$(date)", "b": "$$"}
JSON
"""
_ENTRY_POINT = "the entry point of its image is taken for one that runs its arguments"


def shell(script: str, **more: Any) -> dict[str, Any]:
    return {"image": "alpine:3.20", "command": ["/bin/sh", "-c", script], **more}


def env(**values: str) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in values.items()]


SENT: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"image": "curlimages/curl", "args": [f"{API}/a"]}, {"url": f"{API}/a"}),
    ({"image": "quay.io:443/curl/curl:8.1@sha256:" + "0" * 64, "args": ["-sf", f"{API}/a"]}, {"url": f"{API}/a"}),
    ({"image": "curlimages/curl", "command": ["curl"], "args": ["-XPOST", f"{API}/a"]}, {"method": "POST"}),
    ({"image": "busybox:1.36", "args": ["wget", "-qO-", f"{API}/a"]}, {"url": f"{API}/a", "method": "GET"}),
    ({"image": "busybox", "command": ["/bin/wget", "--spider", f"{API}/a"]}, {"method": "HEAD"}),
    (shell(f"curl {API}/a"), {"url": f"{API}/a"}),
    ({"image": "a", "command": ["/bin/bash", "-euo", "pipefail", "-c", f"curl {API}/a"]}, {"url": f"{API}/a"}),
    ({"image": "a", "command": ["/sbin/tini", "--"], "args": ["curl", f"{API}/a"]}, {"url": f"{API}/a"}),
    ({"image": "a", "command": ["sh"], "args": ["-ec", f"curl {API}/a"]}, {"url": f"{API}/a"}),
    (shell("curl $URL", env=env(URL=f"{API}/b")), {"url": f"{API}/b"}),
    (shell("curl ${URL}/c", env=env(URL=API)), {"url": f"{API}/c"}),
    (shell("curl $(URL)/c", env=env(URL=API)), {"url": f"{API}/c"}),
    ({"image": "curlimages/curl", "args": ["$(URL)/c"], "env": env(URL=API)}, {"url": f"{API}/c"}),
    ({"image": "curlimages/curl", "args": [API, "-d", "$$(X)"]}, {"body": "$(X)"}),
    ({"image": "curlimages/curl", "args": [API, "-d", "a$$b"]}, {"body": "a$b"}),
    ({"image": "curlimages/curl", "args": [API, "-d", "$$$(X)"], "env": env(X="1")}, {"body": "$1"}),
    ({"image": "curlimages/curl", "args": [API, "-d", "$$$$(X)"], "env": env(X="1")}, {"body": "$$(X)"}),
    ({"image": "curlimages/curl", "args": [API, "-d", "$a $(b"]}, {"body": "$a $(b"}),
    ({"image": "curlimages/curl", "args": [API, "-d", "$(A)"], "env": env(Z="1", A="$(Z)2", Z2="3")}, {"body": "12"}),
    (shell("curl -d '$X' $URL", env=env(URL=API, X="1")), {"body": "$X"}),
    (shell('curl -d "$X" $URL', env=env(URL=API, X="a b")), {"body": "a b"}),
    (
        shell('curl -H "X-Token: $TOKEN" $URL', env=[TOKEN, *env(URL=API)]),
        {"headers": {"X-Token": "${secret:api-token}"}},
    ),
    ({"image": "curlimages/curl", "args": ["-u", "me:$(TOKEN)", API], "env": [TOKEN]}, {"url": API}),
    (shell(f"curl {API}/a >> /var/log/x 2>&1"), {"url": f"{API}/a"}),
    (shell(f"curl -f {API}/a || true"), {"url": f"{API}/a"}),
    (shell(f"\ncurl \\\n  -fsS \\\n  {API}/a\n"), {"url": f"{API}/a"}),
    (shell(f"curl {API}/a", env=[FROM_MAP]), {"url": f"{API}/a"}),
    (shell(HEREDOC, env=env(URL=API)), {"method": "POST", "body": '{"a": "$(date)", "b": "$"}\n'}),
    (shell(f"set -euo pipefail; set +x && curl {API}/a"), {"url": f"{API}/a"}),
    (shell("set -e\n" * 3000 + f"curl {API}/a"), {"url": f"{API}/a"}),
]
REFUSED: list[tuple[dict[str, Any], str]] = [
    (shell("curl $BASE/a", env=[FROM_MAP]), "the variable BASE is not set here"),
    (shell("curl $URL", env=[FROM_MAP, *env(URL="$(BASE)/a")]), "the variable URL is not set here"),
    ({"image": "curlimages/curl", "args": ["$(BASE)"], "env": [FROM_MAP]}, "the variable BASE is not set here"),
    ({"image": "curlimages/curl", "args": [f"{API}/$(MISSING)"]}, "the variable MISSING is not set here"),
    ({"image": "curlimages/curl", "args": ["$(A)"], "env": env(A="$(B)", B=API)}, "the variable A is not set here"),
    (shell(f"set -- a b; curl {API}/a"), "it is more than one command"),
    (shell(f"set -e || curl {API}/a"), "it is more than one command"),
    (shell(f"curl {API}/a && curl {API}/b"), "it is more than one command"),
    (shell(f"curl {API}/a | jq ."), "it sends its output to another command"),
    (shell(f"curl {API}/$(date +%F)"), "it puts in the output of another command"),
    (shell(f"curl -d @/config/body.json {API}"), "it sends a file"),
    (shell("for i in 1 2; do curl $URL; done", env=env(URL=API)), "it is more than one command"),
    (shell(f'curl -d {{"a":1,"b":2}} {API}'), 'bash makes several words of {"a":1,"b":2}'),
    ({"image": "python:3.12", "command": ["python", "-c", "print(1)"]}, "it is not a call of curl or wget"),
    ({"image": "me/app", "args": []}, "there is no command"),
    (
        shell("curl $URL", env=env(URL=API, CURL_HOME="/etc")),
        "the variable CURL_HOME names a file with further options",
    ),
]


def cron_job(container: dict[str, Any], name: str = "daily-a", **metadata: str) -> dict[str, Any]:
    pod = {"containers": [{"name": "main", **container}]}
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": name, **metadata},
        "spec": {"schedule": "@daily", "timeZone": "Etc/UTC", "jobTemplate": {"spec": {"template": {"spec": pod}}}},
    }


@pytest.mark.parametrize(("container", "sent"), SENT, ids=lambda value: json.dumps(value)[:80])
def test_container_sends_the_request_of_the_job(container: dict[str, Any], sent: dict[str, Any]) -> None:
    imported = done(kubernetes.read, yaml.safe_dump(cron_job(container)))
    assert refused(imported) == []
    written = yaml.safe_load(imported.drafts[0].text)["webhook"]
    assert {key: written.get(key) for key in sent} == sent


@pytest.mark.parametrize(("container", "reason"), REFUSED, ids=lambda value: json.dumps(value)[:80])
def test_container_is_refused_with_the_reason(container: dict[str, Any], reason: str) -> None:
    imported = done(kubernetes.read, yaml.safe_dump(cron_job(container)))
    assert [reason in why for _, why in refused(imported)] == [True], refused(imported)


def test_each_form_of_a_manifest_has_the_same_jobs() -> None:
    """Documents, a List and a CronJobList, as YAML and JSON, with a byte order mark and other objects."""
    several = [cron_job(SENT[0][0], f"job-{number}") for number in range(3)]
    other = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}
    items = [{key: value for key, value in one.items() if key not in ("apiVersion", "kind")} for one in several]
    forms = [
        yaml.safe_dump_all([*several, other]),
        yaml.safe_dump({"kind": "List", "items": [other, *several]}),
        json.dumps({"kind": "List", "items": several}),
        "\ufeff" + json.dumps({"kind": "CronJobList", "items": items}),
        yaml.safe_dump_all([None, {"kind": "CronJobList", "items": several}]),
    ]
    for form in forms:
        imported = done(kubernetes.read, form)
        assert [job.name for job in jobs(imported)] == ["job-0", "job-1", "job-2"]
        assert {reason for _, reason in refused(imported)} <= {"it is not a CronJob"}


def test_names_that_several_namespaces_have_begin_with_the_namespace() -> None:
    pairs = [("backup", "billing"), ("backup", "growth"), ("report", "growth"), ("clean", "")]
    documents = [cron_job(SENT[0][0], name, **({"namespace": where} if where else {})) for name, where in pairs]
    imported = done(kubernetes.read, yaml.safe_dump_all(documents))
    assert [job.name for job in jobs(imported)] == ["billing-backup", "growth-backup", "report", "clean"]
    assert [one.place for one in imported.drafts][:2] == [
        "document 1, CronJob billing/backup",
        "document 2, CronJob growth/backup",
    ]


def lost(spec: dict[str, Any] | None = None, job: dict[str, Any] | None = None, **pod: Any) -> list[str]:
    container = pod.pop("container", SENT[0][0])
    document = cron_job(container)
    document["spec"] |= spec or {}
    document["spec"]["jobTemplate"]["spec"] |= job or {}
    document["spec"]["jobTemplate"]["spec"]["template"]["spec"] |= pod
    (draft,) = done(kubernetes.read, yaml.safe_dump(document)).drafts
    return list(draft.lost)


def test_fields_without_a_counterpart_are_named() -> None:
    assert lost() == []
    assert lost(hostAliases=[{"ip": "10.0.0.1", "hostnames": ["a"]}]) == [
        "hostAliases: the runner looks names up by itself"
    ]
    assert "dnsConfig" in lost(dnsConfig={"nameservers": ["1.1.1.1"]})[0]
    assert "timeout is for each" in lost(job={"activeDeadlineSeconds": 60})[0]
    assert "timeout is for each" in lost(activeDeadlineSeconds=60)[0]
    assert "podFailurePolicy" in lost(job={"podFailurePolicy": {"rules": [1]}})[0]
    assert "@every" in lost(spec={"schedule": "@every 7m"})[0]
    assert lost(container={"image": "me/app", "args": ["curl", API]}) == [_ENTRY_POINT]
    hooked = {"image": "curl", "args": [API], "envFrom": [{"secretRef": {"name": "a"}}], "lifecycle": {"preStop": {}}}
    assert [one.partition(":")[0] for one in lost(container=hooked)] == ["envFrom", "lifecycle"]
    for host in ("localhost", "127.0.0.1", "[::1]"):
        (said,) = lost(container={"image": "curl", "args": ["-g", f"http://{host}:8080/"]})
        assert said == f"the host {host.strip('[]')} was the pod's own, and is the runner's here"
    proxied = {**SENT[0][0], "env": env(HTTPS_PROXY="http://user:word@proxy:3128", NO_PROXY="x")}
    assert lost(container=proxied) == ["HTTPS_PROXY: the request is sent without this proxy"]


def test_suspended_job_template_is_disabled() -> None:
    document = cron_job(SENT[0][0])
    document["spec"]["jobTemplate"]["spec"]["suspend"] = True
    assert [job.enabled for job in jobs(done(kubernetes.read, yaml.safe_dump(document)))] == [False]


def test_address_that_is_none_is_refused() -> None:
    imported = done(kubernetes.read, yaml.safe_dump(cron_job({"image": "curl", "args": ["http://[/"]})))
    assert len(imported.refusals) == 1


def test_enough_containers() -> None:
    assert len(SENT) + len(REFUSED) >= 30


def test_variables_that_double_each_other_are_refused() -> None:
    """Forty of them would make a text of five terabytes."""
    values = {"V0": "0123456789"} | {f"V{number}": f"$(V{number - 1})" * 2 for number in range(1, 40)}
    unused = done(kubernetes.read, yaml.safe_dump(cron_job({**SENT[0][0], "env": env(**values)})))
    assert refused(unused) == []
    used = {"image": "curl", "args": [API, "-d", "$(V39)"], "env": env(**values)}
    assert [why for _, why in refused(done(kubernetes.read, yaml.safe_dump(cron_job(used))))] == [
        "the variable V39 is not set here"
    ]
    wide = {"image": "curl", "args": [API, "-d", "$(V14)" * 1000], "env": env(**values)}
    assert "no job file can hold" in refused(done(kubernetes.read, yaml.safe_dump(cron_job(wide))))[0][1]
