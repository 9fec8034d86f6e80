"""Every series that a runner exports, read from the registry of a runner on a repository with one job."""

import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.engine_harness import eventually
from harness.reference.markdown import code, head, table
from prometheus_client.core import Metric

from chronos_gitops.app import build
from chronos_gitops.config import load
from chronos_gitops.observability.metrics.exposition import Metrics

_JOB = 'name: daily-backup\nschedule: "0 2 * * *"\nenabled: true\nwebhook:\n  url: http://127.0.0.1:9/\n'
_SUFFIX = {"counter": "_total", "info": "_info"}


def page() -> str:
    words = (
        "`GET /metrics` returns these series in the text format or as OpenMetrics. At most 500 jobs "
        "(`metrics.per_job`) "
        "have series with their own `job_name`: counters of further jobs share the value `other`, and gauges cover the "
        "first 500 jobs by name. With 10,000 jobs a scrape then takes about 75 ms; if all of them have series, "
        "0.4 s and "
        "3.6 MB. prometheus_client documents `process_*` and `python_*`. Alerts and a dashboard for these series "
        "are in "
        "[deploy/monitoring](../../deploy/monitoring)."
    )
    with tempfile.TemporaryDirectory() as folder:
        found = dict(series(Path(folder)))
    rows = (
        (code(name), kind, " ".join(map(code, labels)), text) for name, (kind, labels, text) in sorted(found.items())
    )
    title = head("Metrics", "the registry of a runner", words)
    return f"{title}\n\n{table(('series', 'kind', 'labels', 'meaning'), rows)}\n"


def series(folder: Path) -> Iterator[tuple[str, tuple[str, Sequence[str], str]]]:
    """Name to (kind, labels, words), of a runner on a throw-away repository in ``folder``."""
    repo = folder / "repo"
    subprocess.run(["git", "init", "-q", "-b", "main", str(repo)], check=True)
    (repo / "jobs").mkdir()
    (repo / "jobs" / "daily-backup.yaml").write_text(_JOB)
    person = ("-c", "user.name=Author", "-c", "user.email=author@example.com")
    for words in (("add", "-A"), (*person, "commit", "-q", "-m", "Add a job")):
        subprocess.run(["git", "-C", str(repo), *words], check=True)
    chosen = load.load({"repo": str(repo), "data": str(folder / "data"), "follow": "branch"}, {}, None)
    with build(chosen) as service:
        # A series that has no value yet is not exported; these two come from other threads.
        eventually(lambda: service.engine.health().heartbeat_at and service.follower.status().last_success_at)
        yield from _families(service.metrics.load())


def _families(metrics: Metrics) -> Iterator[tuple[str, tuple[str, Sequence[str], str]]]:
    # prometheus_client tells label names of a series without samples nowhere else.
    for collector in list(metrics.registry._collector_to_names):
        for family in collector.collect():
            if family.name.startswith("chronos_"):
                own = getattr(collector, "_labelnames", None)
                labels = own if own is not None else _labels(family)
                yield family.name + _SUFFIX.get(family.type, ""), (family.type, labels, family.documentation)


def _labels(family: Metric) -> Sequence[str]:
    declared = getattr(family, "_labelnames", ())
    return declared or sorted({label for sample in family.samples for label in sample.labels})
