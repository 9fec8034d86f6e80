"""Releases of the time zone database in the order of their age."""

from chronos_gitops.schedule.zones.timezones import release_order, rules_version


def test_order() -> None:
    ordered = ["of this machine", "2025b", "2026a", "2026f", "2026z", "2026aa", "2027a"]
    shuffled = [ordered[position] for position in (4, 6, 0, 5, 2, 1, 3)]
    assert sorted(shuffled, key=release_order) == ordered
    assert release_order(rules_version()) > release_order("2000a"), "the installed release is one"
