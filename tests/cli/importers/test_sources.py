"""Crontabs, CronJobs and jobs of Chronos, to the files they become."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from chronos_gitops.cli.importers import chronos, crontab, kubernetes, ofelia
from chronos_gitops.cli.importers.convert import Imported, finish
from chronos_gitops.cli.importers.model import NotReadable
from chronos_gitops.cli.importers.systemd import timers
from chronos_gitops.jobs.model import Concurrency, Job
from chronos_gitops.jobs.validation.validate import validate_file


def done(read: Callable[..., Any], text: str, *, timezone: str = "UTC", is_enabled: bool = True) -> Imported:
    return finish(read(text.encode(), timezone=timezone, is_enabled=is_enabled))


def jobs(imported: Imported) -> list[Job]:
    parsed = [validate_file(f"jobs/{draft.name}.yaml", draft.text.encode()) for draft in imported.drafts]
    assert all(one.job is not None for one in parsed)
    return [one.job for one in parsed if one.job is not None]


def refused(imported: Imported) -> list[tuple[str, str]]:
    return [(one.place, one.reason) for one in imported.refusals]


CRONTAB = """\
# written by hand
MAILTO=ops@example.com
API = "https://api.example.com"
SIGNING_KEY=abc

# Back the database up
0 2 * * 7\tcurl -fsS -XPOST -H "Authorization: Bearer 123" -H "X-Signing-Key: $SIGNING_KEY" $API/v1/backup >/dev/null

*/5 * * * * root /usr/bin/curl -m 10 "https://hc.example.com/ping?x=1&y=2"
CRON_TZ=America/New_York
@daily curl --data-binary @- https://api.example.com/report.php%a 100\\% b%c
0 3 * * * /usr/local/bin/backup.sh
0 4 * * *
@reboot curl https://api.example.com/
61 * * * * curl https://api.example.com/
0 5 * * * curl ftp://api.example.com/
"""


def test_a_crontab() -> None:
    imported = done(crontab.read, CRONTAB)
    backup, ping, report = jobs(imported)
    assert (backup.name, backup.description, backup.timezone) == ("v1-backup", "Back the database up", "UTC")
    assert backup.timing.definition == "0 2 * * 7"
    assert backup.webhook.url == "https://api.example.com/v1/backup"
    assert dict(backup.webhook.headers) == {
        "Authorization": "Bearer ${secret:v1-backup-authorization}",
        "X-Signing-Key": "${secret:signing-key}",
    }
    assert (ping.name, ping.webhook.url) == ("hc-ping", "https://hc.example.com/ping?x=1&y=2")
    assert (ping.attempt_timeout.total_seconds(), ping.retry_policy.max_attempts, ping.enabled) == (10, 1, True)
    assert (report.name, report.timezone, report.webhook.body) == ("api-report", "America/New_York", "a 100% b\nc\n")
    assert refused(imported) == [
        ("line 12", "it is not a call of curl or wget"),
        ("line 13", "it is not a schedule and a command"),
        ("line 14", "there is no start of a machine here"),
        ("line 15", "minute 61 is out of range (a minute is a number from 0 to 59)"),
        ("line 16", "webhook.url has the scheme ftp (jobs speak http and https)"),
    ]
    assert imported.drafts[0].lost == tuple(
        f"the value of {name}: hand it to the runner as a secret" for name in ("v1-backup-authorization", "signing-key")
    )
    assert "123" not in imported.drafts[0].text
    assert [note.partition(":")[0] for note in imported.notes] == [
        "crontab says no zone",
        "MAILTO",
        "jobs without a timeout end each attempt after 5m, where the calls that they replace had no limit",
    ]


def test_a_crontab_that_sets_tz_keeps_its_times() -> None:
    """crontab(5): TZ is for commands; cron's own zone, or CRON_TZ, decides when they run."""
    imported = done(crontab.read, "TZ=Asia/Tokyo\n@daily curl https://a.example.com/x\n")
    assert [job.timezone for job in jobs(imported)] == ["UTC"]
    assert any(note.startswith("TZ: no effect on times") for note in imported.notes)


@pytest.mark.parametrize(
    ("comment", "description"),
    [
        ("# 0 3 * * * curl -u admin:hunter2 https://a.example.com/old", ""),
        ("#@daily /opt/backup --password=hunter2", ""),
        ("# */5 8-18 * * mon-fri /opt/backup --password=hunter2", ""),
        ("## was: wget --password=hunter2 a.example.com", ""),
        ("# 2 copies of the daily report", "2 copies of the daily report"),
        ("# curl of the backup service", "curl of the backup service"),
    ],
)
def test_a_line_that_was_commented_out_describes_no_job(comment: str, description: str) -> None:
    (job,) = jobs(done(crontab.read, f"{comment}\n@daily curl https://a.example.com/x\n"))
    assert (job.description or "") == description


def test_a_line_that_is_not_utf_8_is_refused() -> None:
    content = b"@daily curl -d caf\xe9 https://a.example.com/x\n# caf\xe9\n@daily curl https://a.example.com/y\n"
    content += b"NAME=caf\xe9\n@daily curl -d $NAME https://a.example.com/z\n"
    imported = finish(crontab.read(content, timezone="UTC", is_enabled=True))
    assert refused(imported) == [("line 1", "it is not UTF-8"), ("line 5", "the variable NAME is not set here")]
    assert len(imported.drafts) == 1
    imported.refusals[0].text.encode()


def test_a_byte_order_mark_is_no_part_of_the_first_line() -> None:
    (job,) = jobs(done(crontab.read, "\ufeffCRON_TZ=Asia/Tokyo\n@daily curl https://a.example.com/x\n"))
    assert job.timezone == "Asia/Tokyo"


@pytest.mark.parametrize("read", [ofelia.read, timers.read])
def test_other_files_that_are_not_utf_8_are_refused_with_the_line(read: Callable[..., Any]) -> None:
    with pytest.raises(NotReadable, match="line 2 is not UTF-8"):
        read(b"[Timer]\n# caf\xe9\n", timezone="UTC", is_enabled=True)


@pytest.mark.parametrize(
    ("ending", "body"), [("%a%b", "a\nb\n"), ("%a%b%", "a\nb\n"), ("%a%%", "a\n\n"), ("%", None), ("%%", "\n")]
)
def test_input_after_a_percent_sign_ends_with_one_line_feed(ending: str, body: str | None) -> None:
    """cron adds one where the last character is none (do_command.c)."""
    (job,) = jobs(done(crontab.read, f"@daily curl --data-binary @- https://a.example.com/x{ending}\n"))
    assert job.webhook.body == body


def test_only_a_line_feed_ends_a_line() -> None:
    """As cron reads it: other characters that Python takes for ends are part of a body."""
    text = "@daily curl -d 'a\u2028b\x0cc' https://a.example.com/x\r\n"
    (job,) = jobs(done(crontab.read, text))
    assert job.webhook.body == "a\u2028b\x0cc"


def test_jobs_are_written_disabled_unless_asked_otherwise() -> None:
    for read, text in ((crontab.read, "@daily curl https://a.example.com/x/y"), (kubernetes.read, CRON_JOB)):
        imported = done(read, text, is_enabled=False)
        assert [job.enabled for job in jobs(imported)] == [False]
        assert any("--enable" in note for note in imported.notes)


def test_two_jobs_of_one_address_have_two_names() -> None:
    line = "@daily curl https://a.example.com/x/y\n"
    assert [job.name for job in jobs(done(crontab.read, line * 3))] == ["x-y", "x-y-2", "x-y-3"]


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://a.example.com/", "a-example"),
        ("https://www.example.com/run", "example-run"),
        ("https://a.example.com/a/b/c.php", "b-c"),
        ("https://a.example.com/" + "x" * 200, "a-" + "x" * 58),
        ("https://a.example.com/übung", "a-bung"),
        ("http://[/", None),
    ],
)
def test_a_name_follows_from_the_address(url: str, name: str | None) -> None:
    assert [job.name for job in jobs(done(crontab.read, f"@daily curl '{url}'"))] == ([name] if name else [])


CRON_JOB = """\
apiVersion: batch/v1
kind: CronJob
metadata:
  name: Nightly.Report
  labels: {team: growth}
  annotations: {owner: me}
spec:
  schedule: "0 1 * * *"
  timeZone: Europe/Paris
  concurrencyPolicy: Replace
  startingDeadlineSeconds: 200
  successfulJobsHistoryLimit: 3
  jobTemplate:
    spec:
      backoffLimit: 2
      activeDeadlineSeconds: 90
      template:
        spec:
          containers:
            - name: call
              image: registry.example.com/curlimages/curl:8.10
              args: ["-fsS", "-H", "Authorization: Bearer $(TOKEN)", "$(BASE)/report"]
              env:
                - {name: BASE, value: "https://api.example.com"}
                - {name: TOKEN, valueFrom: {secretKeyRef: {name: api, key: report_token}}}
"""


def test_a_cron_job_of_kubernetes() -> None:
    imported = done(kubernetes.read, CRON_JOB)
    (job,) = jobs(imported)
    assert (job.name, job.timezone, job.timing.definition, job.enabled) == (
        "nightly-report",
        "Europe/Paris",
        "0 1 * * *",
        True,
    )
    assert job.concurrency is Concurrency.REPLACE
    assert (job.catchup_window.total_seconds(), job.timeout.total_seconds()) == (200, 90)
    assert job.retry_policy.max_attempts == 3
    assert dict(job.tags) == {"team": "growth"}
    assert job.webhook.url == "https://api.example.com/report"
    assert dict(job.webhook.headers) == {"Authorization": "Bearer ${secret:api-report-token}"}
    assert imported.drafts[0].secrets == ("api-report-token",)
    assert imported.drafts[0].lost == (
        "successfulJobsHistoryLimit: executions are kept by the runner's own rule",
        "annotations are not kept",
        "activeDeadlineSeconds was for all attempts together; timeout is for each",
        'the name "Nightly.Report" is now nightly-report',
        "the value of api-report-token: hand it to the runner as a secret",
    )


def cron_job(**container: Any) -> str:
    spec = {"containers": [container]}
    job = {"spec": {"template": {"spec": spec}}}
    return json.dumps(
        {"kind": "CronJob", "metadata": {"name": "daily-a"}, "spec": {"schedule": "@daily", "jobTemplate": job}}
    )


def test_a_shell_in_a_container_is_read_as_one() -> None:
    text = cron_job(image="busybox", command=["/bin/sh", "-ec"], args=["wget -qO- $BASE/x"]).replace(
        '"image"', '"env": [{"name": "BASE", "value": "https://api.example.com"}], "image"'
    )
    (job,) = jobs(done(kubernetes.read, text))
    assert job.webhook.url == "https://api.example.com/x"
    assert job.concurrency is Concurrency.ALLOW
    assert job.retry_policy.max_attempts == 7


def test_a_zone_inside_the_schedule_a_suspended_one_and_one_without_a_zone() -> None:
    inside = CRON_JOB.replace('"0 1 * * *"', '"CRON_TZ=Asia/Tokyo 0 1 * * *"').replace("  timeZone: Europe/Paris\n", "")
    suspended = CRON_JOB.replace("  schedule", "  suspend: true\n  schedule").replace("Nightly", "Daily")
    zoneless = CRON_JOB.replace("  timeZone: Europe/Paris\n", "").replace("Nightly", "Weekly")
    imported = done(kubernetes.read, "---\n".join([inside, suspended, zoneless]), timezone="Europe/Rome")
    assert [(job.timezone, job.timing.definition, job.enabled) for job in jobs(imported)] == [
        ("Asia/Tokyo", "0 1 * * *", True),
        ("Europe/Paris", "0 1 * * *", False),
        ("Europe/Rome", "0 1 * * *", True),
    ]
    assert imported.notes == (
        "CronJobs without timeZone are read in Europe/Rome; give the cluster's own with --timezone",
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("kind: Deployment", "it is not a CronJob"),
        (cron_job(image="backup:1"), "there is no command"),
        (cron_job(image="backup:1", args=["--all"]), "it is not a call of curl or wget"),
        (cron_job(image="a", command=["curl", "$(X)"]), "the variable X is not set here"),
        (CRON_JOB.replace("containers:", "initContainers: [{}]\n          containers:"), "it has not one container"),
        (CRON_JOB.replace('"0 1 * * *"', "17"), "schedule"),
        ("kind: CronJob\nspec: 5", "it has not one container"),
    ],
)
def test_what_is_no_webhook_is_refused_with_a_reason(text: str, reason: str) -> None:
    imported = done(kubernetes.read, text)
    assert imported.drafts == ()
    assert reason in imported.refusals[0].reason


@pytest.mark.parametrize("read", [kubernetes.read, chronos.read])
@pytest.mark.parametrize("text", ["a: [", "\x00", "a: &a [*b]", "[" * 1_000, "2026-99-99", "- a: 1\n b"])
def test_what_is_no_yaml_is_a_sentence(read: Callable[..., Any], text: str) -> None:
    with pytest.raises(NotReadable, match="YAML"):
        done(read, text)


CHRONOS = {
    "id": "550e8400-e29b-41d4-a716-446655440000",
    "name": "daily-backup",
    "description": "Backup database to S3",
    "schedule": "0 2 * * *",
    "timezone": "America/New_York",
    "webhook": {
        "url": "https://api.example.com/backup",
        "method": "POST",
        "headers": {"Authorization": "Bearer token123"},
        "body": '{"type": "full"}',
    },
    "retry_policy": {"max_attempts": 3, "initial_interval": 1_000_000_000, "multiplier": 2.0},
    "timeout": "30m",
    "concurrency": "forbid",
    "tags": {"team": "platform"},
    "enabled": True,
    "created_at": "2026-01-29T10:00:00Z",
    "version": 3,
    "dependencies": {"depends_on": ["other"]},
}


@pytest.mark.parametrize(
    "wrap", [lambda job: job, lambda job: [job], lambda job: {"jobs": [job]}, lambda job: {"data": {"items": [job]}}]
)
def test_the_json_of_chronos(wrap: Callable[[Any], Any]) -> None:
    imported = done(chronos.read, json.dumps(wrap(CHRONOS)))
    (job,) = jobs(imported)
    assert (job.name, job.timezone, job.timeout.total_seconds(), job.enabled) == (
        "daily-backup",
        "America/New_York",
        1_800,
        True,
    )
    assert job.retry_policy.initial_interval.total_seconds() == 1
    assert job.webhook.body == '{"type": "full"}'
    assert dict(job.webhook.headers) == {"Authorization": "Bearer ${secret:daily-backup-authorization}"}
    assert imported.drafts[0].lost[0].startswith("there are no dependencies between jobs")


CHRONOS_JOB = """\
apiVersion: chronos.dev/v1
kind: ChronosJob
metadata:
  name: daily-backup
  namespace: billing
  labels: {team: platform}
spec:
  schedule: "0 2 * * *"
  webhook:
    url: https://api.example.com/backup
    auth: {type: bearer, secret: backup-token}
  retry: {maxAttempts: 5, initialInterval: 2s, maxInterval: 1m, multiplier: 1.5}
  tags: {tier: one}
  secrets: {a: b}
---
kind: Other
"""


def test_the_yaml_of_chronos() -> None:
    imported = done(chronos.read, CHRONOS_JOB)
    (job,) = jobs(imported)
    assert job.name == "billing-daily-backup"
    assert not job.enabled
    assert (job.retry_policy.max_attempts, job.retry_policy.multiplier) == (5, 1.5)
    assert dict(job.tags) == {"team": "platform", "tier": "one"}
    assert imported.drafts[0].secrets == ("backup-token",)
    assert refused(imported) == [("job 2", "its kind is Other, not ChronosJob")]
    assert any(lost.startswith("secrets are the operator's") for lost in imported.drafts[0].lost)


def test_a_credential_in_a_url_or_a_body_becomes_a_reference() -> None:
    line = """@daily curl 'https://a.example.com/x/y?token=abcdef&b=1' -d '{"password": "hunter22"}'"""
    (draft,) = done(crontab.read, line).drafts
    assert (draft.secrets, "abcdef" in draft.text, "hunter22" in draft.text) == (("x-y-url", "x-y-body"), False, False)
    assert draft.lost == tuple(f"the value of {name}: hand it to the runner as a secret" for name in draft.secrets)


def test_a_credential_that_a_reference_in_its_place_would_change_makes_the_address_one() -> None:
    (draft,) = done(crontab.read, "@daily curl 'https://a.example.com/x/y?token=abc+def/ghi'").drafts
    assert draft.lost == ("the value of x-y-url: hand it to the runner as a secret",)
    assert 'url: "${secret:x-y-url}"' in draft.text


def test_a_list_of_cron_jobs_digests_and_expansions_of_kubernetes() -> None:
    container = {
        "image": "curlimages/curl@sha256:" + "0" * 64,
        "args": ["$(URL)/$$(X)", "-d", "$(TOKEN)"],
        "env": [
            {"name": "HOST", "value": "api.example.com"},
            {"name": "URL", "value": "https://$(HOST)"},
            {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "api", "key": "token"}}},
        ],
    }
    shell = container | {"command": ["sh", "-c"], "args": ['curl \\\n  -d "$(TOKEN)" $URL/x']}
    items = [json.loads(cron_job(**each)) for each in (container, shell)]
    for item in items:
        del item["kind"]
    imported = done(kubernetes.read, "\ufeff" + json.dumps({"kind": "CronJobList", "items": items}))
    assert refused(imported) == []
    assert [(job.webhook.url, job.webhook.body) for job in jobs(imported)] == [
        ("https://api.example.com/$(X)", "${secret:api-token}"),
        ("https://api.example.com/x", "${secret:api-token}"),
    ]


def test_a_bomb_of_aliases_is_a_sentence() -> None:
    levels = "".join(f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(9))
    text = f"a: &a [x]\n{levels}kind: CronJob\nmetadata: {{name: *j, labels: {{a: *j}}}}\nspec: {{schedule: *j}}\n"
    imported = done(kubernetes.read, text)
    assert [len(one.place) + len(one.reason) < 200 for one in imported.refusals] == [True]


@pytest.mark.parametrize(
    "text", ["- 1", "name: a", "name: daily-a\nschedule: '@daily'\nwebhook: {url: 5}", "null", "5"]
)
def test_what_is_no_job_of_chronos_is_refused(text: str) -> None:
    imported = done(chronos.read, text)
    assert imported.drafts == ()
    assert bool(imported.refusals) == (text != "null")
