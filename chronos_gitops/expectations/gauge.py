"""Which expectations are broken, for Prometheus."""

from collections.abc import Callable, Iterator, Mapping

from chronos_gitops.expectations.judging.state import Expectation, ExpectationState
from chronos_gitops.observability.metrics.families import Collector, Metric, labelled_by

NAME = "chronos_job_expectation_broken"


class ExpectationGauge(Collector):
    """A collector: 1 for each expectation that is broken, 0 for each other one, of at most ``per_job`` jobs."""

    def __init__(self, snapshot: Callable[[], Mapping[str, tuple[Expectation, ...]]], per_job: int) -> None:
        self._snapshot = snapshot
        self._per_job = per_job

    def collect(self) -> Iterator[Metric]:
        shown = sorted(self._snapshot().items())[: self._per_job]
        values = {
            (job, one.kind.value): float(one.state is ExpectationState.BROKEN) for job, found in shown for one in found
        }
        yield labelled_by(
            NAME, "1 if the job breaks the expectation of this kind, else 0.", ("job_name", "kind"), values
        )
