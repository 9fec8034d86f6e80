"""Jobs whose preflight failed, and the time of the newest daily one, for Prometheus."""

from collections.abc import Iterator

from chronos_gitops.expectations.preflight.service import Preflights
from chronos_gitops.observability.metrics.families import Collector, Metric, labelled, moment

FAILED = "chronos_preflight_failed"
LAST = "chronos_preflight_last"


class PreflightGauges(Collector):
    """1 for each job whose preflight failed, of at most ``per_job`` jobs; a job without a series is well."""

    def __init__(self, preflights: Preflights, per_job: int) -> None:
        self._preflights = preflights
        self._per_job = per_job

    def collect(self) -> Iterator[Metric]:
        shown = sorted(self._preflights.failures())[: self._per_job]
        yield labelled(FAILED, "1 if the newest preflight of the job failed.", "job_name", dict.fromkeys(shown, 1.0))
        daily = self._preflights.daily()
        yield from moment(LAST, "End of the newest daily preflight.", None if daily is None else daily.ended)
