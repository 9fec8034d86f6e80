"""An engine knows which release of the time zone database the runner before has used."""

import pytest
from harness.engine_harness import Bench, eventually

from chronos_gitops.engine.sql.store import zone_data
from chronos_gitops.engine.temporal import session
from chronos_gitops.schedule.zones.timezones import rules_version


def test_another_release_than_before_is_known_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    first = bench.start(bench.job(schedule="@yearly"))
    assert first.zone_data_before() is None
    bench.stop(first)
    installed = rules_version()
    for module in (zone_data, session):
        monkeypatch.setattr(module, "rules_version", lambda: "2099z")
    second = bench.start(bench.job(schedule="@yearly"))
    assert eventually(second.zone_data_before) == installed
    bench.stop(second)
    assert bench.start(bench.job(schedule="@yearly")).zone_data_before() is None
