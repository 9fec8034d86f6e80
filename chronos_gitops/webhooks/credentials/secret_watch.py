"""Looks at the secrets that jobs use: when jobs are loaded, and every 30 seconds."""

import logging
import threading
from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from chronos_gitops.jobs.model import JobSet, JobVersion
from chronos_gitops.jobs.secrets.bindings import Bindings
from chronos_gitops.jobs.secrets.usage import FAILING, NO_VALUE, SecretReport, SecretState, SecretUse, report, uses
from chronos_gitops.plurals import plural
from chronos_gitops.process.background_thread import BackgroundThread
from chronos_gitops.webhooks.credentials.secrets import Secrets

log = logging.getLogger(__name__)
INTERVAL_S: Final = 30.0


class SecretWatch(BackgroundThread):
    """Watches secrets for changes. Its answers are immutable and swapped as a whole; it may be asked from any
    thread."""

    def __init__(self, secrets: Secrets, bindings: Bindings, *, interval: float = INTERVAL_S) -> None:
        super().__init__("chronos-secrets")
        self._secrets = secrets
        self.bindings = bindings
        self._interval = interval
        self._looking = threading.Lock()
        self._uses: tuple[SecretUse, ...] = ()
        self._by_job: Mapping[str, tuple[SecretUse, ...]] = MappingProxyType({})
        self._jobs = JobSet()
        self._values: Mapping[str, SecretState] = MappingProxyType({})
        self._reports: tuple[SecretReport, ...] = ()

    def run(self) -> None:
        while not self.stopping.wait(self._interval):
            try:
                self.look()
            except Exception:  # the next look may succeed; a thread that ended would report old states for ever
                log.exception("checking the secrets failed")

    def jobs_changed(self, jobs: JobSet) -> None:
        """New jobs are looked at before they run; those that are the same object keep their uses."""
        before, now = self._jobs.definitions, jobs.definitions
        others = [one for name, one in now.items() if before.get(name) is not one]
        fresh = {one.job.name: self._uses_of(one) for one in others}
        found = {**self._by_job, **fresh}
        by_job = MappingProxyType({name: used for name in now if (used := found.get(name))})
        with self._looking:
            self._jobs, self._by_job = jobs, by_job
            self._uses = tuple(use for used in self._by_job.values() for use in used)
        self.look()

    def look(self) -> None:
        """Reads each value that a job uses once, and logs those whose state changed."""
        with self._looking:
            names = sorted({use.name for use in self._uses})
            values = {name: self._secrets.state(name) for name in names}
            before, self._values = self._values, MappingProxyType(values)
            known = self._secrets.names() | self.bindings.by_name.keys()
            self._reports = report(self._uses, self.bindings, self.value, known)
        for name, state in values.items():
            self._note(name, before.get(name, SecretState.OK), state)

    def value(self, name: str) -> SecretState:
        """The state of a value at the last look."""
        return self._values.get(name, SecretState.UNKNOWN)

    def uses(self) -> tuple[SecretUse, ...]:
        return self._uses

    def uses_of(self, job: str) -> tuple[SecretUse, ...]:
        return self._by_job.get(job, ())

    def without_value(self, job: str) -> tuple[SecretUse, ...]:
        """The uses in a job of secrets whose value cannot be used; each field once."""
        found = {(use.field, use.name): use for use in self.uses_of(job) if self.value(use.name) in NO_VALUE}
        return tuple(found.values())

    def reports(self) -> tuple[SecretReport, ...]:
        """Every secret that is used, has a value or is bound."""
        return self._reports

    def counts(self) -> Mapping[str, int]:
        """Secrets by state, every state included."""
        found = Counter(one.state for one in self.reports())
        return {state.value: found[state] for state in SecretState}

    def summary(self) -> str:
        """``1 missing, 12 jobs``: states in which executions fail, and the jobs concerned; empty if there are none."""
        failing = [one for one in self.reports() if one.state in FAILING]
        counted = Counter(one.state for one in failing)
        states = [f"{counted[state]} {state}" for state in SecretState if counted[state]]
        jobs = {use.job for one in failing for use in one.uses if one.state in NO_VALUE or use.refused}
        return ", ".join([*states, plural(len(jobs), "job")]) if failing else ""

    def _uses_of(self, definition: JobVersion) -> tuple[SecretUse, ...]:
        before = self._jobs.get(definition.job.name)
        if before is not None and _sends_alike(before, definition):
            return self.uses_of(definition.job.name)
        return uses([definition], self.bindings)

    def _note(self, name: str, before: SecretState, state: SecretState) -> None:
        if state == before:
            return
        jobs = sorted({use.job for use in self._uses if use.name == name})
        if state in NO_VALUE:
            about = {"secret": name, "state": state.value, "jobs": len(jobs), "job": jobs[0] if jobs else ""}
            log.warning("secret_missing", extra=about)
        elif before in NO_VALUE:
            log.info("secret_found", extra={"secret": name, "jobs": len(jobs)})


def _sends_alike(one: JobVersion, other: JobVersion) -> bool:
    """The same webhook object, in a job that an edited layer made anew, at the same path."""
    return one.job.webhook is other.job.webhook and (one.job.name, one.path) == (other.job.name, other.path)
