"""Series of tallies read as prometheus_client's own do."""

import random

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics

from chronos_gitops.observability.metrics.tallies import CounterTally, HistogramTally

BOUNDS = (0.5, 1, 2.5)
LABELS = ("job_name", "status")


def without_times(text: bytes) -> list[bytes]:
    return sorted(line.rpartition(b" ")[0] if b"_created" in line else line for line in text.splitlines())


def test_a_scrape_shows_what_prometheus_client_would_show() -> None:
    ours, theirs, chance = CollectorRegistry(), CollectorRegistry(), random.Random(1)
    counts = CounterTally(ours, "runs", "Runs.", *LABELS), Counter("runs", "Runs.", LABELS, registry=theirs)
    plain = HistogramTally(ours, "lag", "Lag.", BOUNDS), Histogram("lag", "Lag.", buckets=BOUNDS, registry=theirs)
    spread = (
        HistogramTally(ours, "time", "Time.", BOUNDS, *LABELS),
        Histogram("time", "Time.", LABELS, buckets=BOUNDS, registry=theirs),
    )
    for look in range(3):
        for _ in range(100 * look):
            labels = chance.choice("abc"), chance.choice(("success", 'fai"led\n'))
            amount, value = chance.randrange(5), chance.choice((0.0, 0.5, 0.7, 1.0, 2.5, 99.0))
            counts[0].inc(*labels, by=amount)
            counts[1].labels(*labels).inc(amount)
            for tally, own in ((plain[0], plain[1]), (spread[0], spread[1].labels(*labels))):
                tally.observe(value, *(() if tally is plain[0] else labels))
                own.observe(value)
        assert without_times(generate_latest(ours)) == without_times(generate_latest(theirs))
        text, expected = (openmetrics.generate_latest(one) for one in (ours, theirs))
        assert without_times(text) == without_times(expected)


def test_series_of_a_label_value_end_together() -> None:
    registry = CollectorRegistry()
    tally = CounterTally(registry, "runs", "Runs.", *LABELS)
    for job in "ab":
        for status in ("success", "failed"):
            tally.inc(job, status)
    tally.forget("job_name", "a")
    tally.inc("b", "failed")
    found = {tuple(sample.labels.values()): sample.value for one in tally.collect() for sample in one.samples}
    assert found.keys() == {("b", "success"), ("b", "failed")}
    assert registry.get_sample_value("runs_total", {"job_name": "b", "status": "failed"}) == 2
