"""A story whose job needs a secret, so that a preflight fails until it is there."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from harness.engines import EngineMaker, on_sqlite
from harness.notification_fixtures import Story, channel

from chronos_gitops.cli.demo.receiver import Receiver
from chronos_gitops.config.groups import PreflightSettings
from chronos_gitops.engine.sql.engine import SqlEngine
from chronos_gitops.expectations.preflight.events import PreflightEvents
from chronos_gitops.expectations.preflight.service import Preflights
from chronos_gitops.notifications.detection.detector import DetectorInputs
from chronos_gitops.notifications.detection.preflight_incidents import PreflightIncidents
from chronos_gitops.observability.event_log import EventLog
from chronos_gitops.webhooks.credentials.secrets import Secrets
from chronos_gitops.webhooks.preflight.preflight_run import PreflightProbe
from chronos_gitops.webhooks.request_factory import RequestFactory
from chronos_gitops.webhooks.transport.egress.egress import EgressPolicy
from chronos_gitops.webhooks.transport.egress.egress_folders import EgressPolicies, FolderPolicy
from chronos_gitops.webhooks.transport.tls import TlsContexts

KEYED = {"headers": {"X-Key": "${secret:key}"}}


@dataclass
class Looked:
    """The secrets that preflights find, and the number of looks at jobs."""

    values: dict[str, str] = field(default_factory=dict)

    def probe(self) -> PreflightProbe:
        requests = RequestFactory(Secrets(self.values), "probe", lambda: datetime.now(UTC))
        egress = EgressPolicies(FolderPolicy(EgressPolicy.parse("internal", loopback_allowed=True)))
        return PreflightProbe(requests, egress, TlsContexts())


class Preflighted(Story):
    """Each day at 16:00 UTC."""

    def __init__(self, maker: EngineMaker, receiver: Receiver, log: Path, **fields: Any) -> None:
        self.world = Looked()
        self.log = log
        super().__init__(maker, receiver, channel(**fields))

    def start(self, *, most: int = 1000) -> None:
        super().start(most=most)
        self.incidents = PreflightIncidents(self.channels)
        self.incidents.open(
            DetectorInputs(self.engine, self.following, self.now, "https://chronos"),  # type: ignore[arg-type]  # it answers what is asked
            self.desk,
        )
        self.events = EventLog(self.log)
        self.preflights = self.runner()

    def runner(self) -> Preflights:
        assert isinstance(self.engine, SqlEngine)
        looks = (PreflightEvents(self.events).looked, self.incidents.looked)
        made = Preflights(self.world.probe(), PreflightSettings(at="16:00"), looks)
        made.open(self.engine, self.engine.store, self.following.jobs, self.now)
        return made

    def keyed(self, schedule: str = "0 2 * * *", **fields: Any) -> None:
        webhook = {"url": self._receiver.url("/ok"), **KEYED}
        self.edit("/ok", schedule=schedule, webhook=webhook, **fields)

    def at(self, day: int, hour: int, minute: int = 0, second: int = 5) -> list[str]:
        """The types of the messages that a round makes at this time of March 2026."""
        self.clock.leap(datetime(2026, 3, day, hour, minute, second, tzinfo=UTC) - self.now())
        return self.told()

    def told(self) -> list[str]:
        self.preflights.round()
        return [letter.type for _, letter in self.letters()]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def story(data_folder: Path, tmp_path: Path, receiver: Receiver) -> Iterator[Preflighted]:
    maker = on_sqlite(data_folder / "ledger.db")
    made = Preflighted(maker, receiver, tmp_path / "events.jsonl", reminder=timedelta(days=1))
    made.keyed()
    yield made
    made.close()
