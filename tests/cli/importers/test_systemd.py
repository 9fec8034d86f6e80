"""Timers of systemd, to the files they become, in the form of systemctl cat."""

from datetime import timedelta

import pytest
from cli.importers.test_sources import done, jobs, refused

from chronos_gitops.cli.importers.systemd import timers
from chronos_gitops.jobs.model import MissedRunPolicy

UNITS = """\
# /etc/systemd/system/backup.timer
[Unit]
Description=Nightly backup

[Timer]
OnCalendar=Mon..Fri *-*-* 02:30 Europe/Paris
Persistent=true
RandomizedDelaySec=1h 30min

[Install]
WantedBy=timers.target

# /etc/systemd/system/backup.service
[Service]
Type=oneshot
Environment="API=https://api.example.com" TOKEN=0123456789abcdef
ExecStart=/usr/bin/curl -fsS -X POST \\
    # with its token
    -H "Authorization: Bearer ${TOKEN}" ${API}/v1/backup?x=1%%20y
TimeoutStartSec=10min

# /usr/lib/systemd/system/poll.timer
[Timer]
OnBootSec=5min
OnUnitActiveSec=15min
Unit=other.service
# /etc/systemd/system/poll.timer.d/override.conf
[Timer]
OnUnitActiveSec=
OnUnitActiveSec=20min
# /usr/lib/systemd/system/other.service
[Service]
ExecStart=-/bin/sh -c 'wget -qO /dev/null http://poll.internal/run >> /var/log/poll.log'
# /usr/lib/systemd/system/twice.timer
[Timer]
OnCalendar=*-*-* 06:00
OnCalendar=*-*-* 18:00
# /usr/lib/systemd/system/twice.service
[Service]
ExecStart=curl https://api.example.com/twice
# /usr/lib/systemd/system/boot.timer
[Timer]
OnBootSec=15min
# /usr/lib/systemd/system/boot.service
[Service]
ExecStart=curl https://api.example.com/boot
# /usr/lib/systemd/system/apt-daily.timer
[Timer]
OnCalendar=*-*-* 6,18:00
# /usr/lib/systemd/system/lost.timer
[Timer]
OnCalendar=daily
Unit=gone.service
# /usr/lib/systemd/system/apt-daily.service
[Service]
ExecStartPre=/usr/lib/apt/apt-helper wait-online
ExecStart=/usr/lib/apt/apt.systemd.daily update
"""


def test_timers_whose_services_call_curl_or_wget() -> None:
    found = done(timers.read, UNITS, timezone="Europe/Berlin")
    backup, poll, twice = jobs(found)
    assert (backup.name, backup.description, backup.timezone) == ("backup", "Nightly backup", "Europe/Paris")
    assert (backup.timing.definition, backup.missed_run_policy) == ("30 2 * * 1-5", MissedRunPolicy.EXECUTE_ONE)
    assert backup.jitter == timedelta(minutes=90)
    assert (backup.webhook.method, backup.webhook.url) == ("POST", "https://api.example.com/v1/backup?x=1%20y")
    assert dict(backup.webhook.headers) == {"Authorization": "Bearer ${secret:token}"}
    assert backup.attempt_timeout == timedelta(minutes=10)
    assert (poll.timing.definition, poll.missed_run_policy) == ("@every 20m", MissedRunPolicy.IGNORE)
    assert poll.webhook.url == "http://poll.internal/run"
    assert "OnBootSec: it starts at its next step" in found.drafts[1].lost
    assert "a failure counts as one, whatever the - before the command says" in found.drafts[1].lost
    assert twice.timing.definition == '{"schedule":["0 18 * * *","0 6 * * *"]}'
    assert twice.timezone == "Europe/Berlin"
    assert refused(found) == [
        ("boot.timer", "it starts by OnBootSec, and not at a time"),
        ("apt-daily.timer", "it runs more than one command, or none"),
        ("lost.timer", "its unit gone.service is not in this; add systemctl cat gone.service"),
    ]


@pytest.mark.parametrize(
    ("service", "reason"),
    [
        ("ExecStart=curl http://a.example.com/%i", "it uses a specifier of systemd (%)"),
        ("ExecStart=@curl curl http://a.example.com/", "it gives its program another name (@)"),
        ("ExecStart=curl http://a.example.com/${HOST}", "the variable HOST is not set here"),
        (
            "EnvironmentFile=/etc/x\nExecStart=curl http://a.example.com/",
            "its variables are in a file (EnvironmentFile)",
        ),
        ("ExecStart=curl $HOST/x", "the variable HOST/x is not set here"),
        ("ExecStart=curl http://a.example.com/${HOST", "the variable ${HOST is not set here"),
        ("Environment=A=%i\nExecStart=curl http://a.example.com/", "it uses a specifier of systemd (%)"),
        (
            r"ExecStart=curl -d \xff http://a.example.com/",
            r"it has the escape \xff: write the letter itself",
        ),
        ("ExecStart=curl 'http://a.example.com/", "a quote of its command is never closed"),
        (
            "ExecStart=curl http://a.example.com/ ; curl http://b.example.com/",
            "it is more than one command, or has a ; alone",
        ),
        ("TimeoutStartSec=soon\nExecStart=curl http://a.example.com/", '"soon" is not a time span that is known here'),
        ("TimeoutStartSec=99999999w\nExecStart=curl http://a.example.com/", '"99999999w" is too long'),
        ("ExecStart=", "it runs more than one command, or none"),
    ],
)
def test_services_that_no_job_can_repeat_are_refused_with_the_reason(service: str, reason: str) -> None:
    found = done(timers.read, f"[Timer]\nOnCalendar=daily\n[Service]\n{service}\n")
    assert refused(found) == [("imported.timer", reason)]


@pytest.mark.parametrize(
    ("words", "body"),
    [
        (r"'a\tb\x41'", "a\tbA"),
        (r'"{\"a\": \"x\sy\"}"', '{"a": "x y"}'),
        (r"'{\"a\": 1}'", '{"a": 1}'),
        (r"it\'s", "it's"),
        (r"a\.b", r"a\.b"),
        (r"\101\u0042\\", "AB\\"),
        ("a'b c'd", "ab cd"),
        ("$$", "$"),
        ("$${A}", "${A}"),
        ("${D}", "$$"),
        ("x;y", "x;y"),
        ("'100%%'", "100%"),
        ("x$A", "x$A"),
    ],
)
def test_words_are_those_of_systemd_and_of_no_shell(words: str, body: str) -> None:
    """systemd.service(5), "Command lines"; systemd.syntax(7), "Quoting": escapes of C count in both kinds of quotes."""
    service = f"Environment=A=1 D=$$\nExecStart=curl -d {words} http://a.example.com/"
    units = f"[Timer]\nOnCalendar=daily\n[Service]\n{service}\n"
    (job,) = jobs(done(timers.read, units))
    assert job.webhook.body == body
