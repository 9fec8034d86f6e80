"""One dictionary of bounded size for everything that is remembered of callers, deliveries and pages."""

import random
from pathlib import Path

import chronos_gitops
from chronos_gitops.process.bounded_dict import BoundedDict


def test_the_oldest_entry_makes_room_and_its_value_is_given_away() -> None:
    dropped: list[int] = []
    found: BoundedDict[str, int] = BoundedDict(2, dropped.append)
    for value, key in enumerate("abc"):
        found[key] = value
    assert list(found.items()) == [("b", 1), ("c", 2)]
    assert dropped == [0]


def test_an_entry_that_is_set_again_is_the_newest_one() -> None:
    found: BoundedDict[str, int] = BoundedDict(2)
    found.update(a=1, b=2)
    found["a"] = 3
    found["c"] = 4
    assert list(found.items()) == [("a", 3), ("c", 4)]


def test_it_never_has_more_entries_than_it_may() -> None:
    chance = random.Random(7)
    found: BoundedDict[int, int] = BoundedDict(20)
    for number in range(2_000):
        found[chance.randrange(100)] = number
        if chance.random() < 0.1:
            found.pop(chance.randrange(100), None)
        assert len(found) <= 20


def test_no_other_module_bounds_a_dictionary_by_hand() -> None:
    package = Path(chronos_gitops.__file__).parent
    users = {str(path.relative_to(package)) for path in package.rglob("*.py") if "OrderedDict" in path.read_text()}
    assert users == {"process/bounded_dict.py"}
