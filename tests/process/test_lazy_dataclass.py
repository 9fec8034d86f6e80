"""``lazy_dataclass`` makes what the standard decorator makes, and generates methods at their first use only."""

import abc
import copy
import dataclasses
import importlib
import inspect
import operator
import pickle
import pkgutil
import threading
import weakref
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, Generic, TypeVar

import pytest

import chronos_gitops
from chronos_gitops.process.lazy_dataclass import dataclass

T = TypeVar("T")
OPTIONS = [
    {},
    {"slots": True},
    {"frozen": True},
    {"frozen": True, "slots": True},
    {"frozen": True, "slots": True, "eq": False},
    {"frozen": True, "slots": True, "kw_only": True},
    {"frozen": True, "slots": True, "order": True},
    {"frozen": True, "slots": True, "weakref_slot": True},
    {"eq": False},
]
Decorator = Callable[..., Any]


def classes(decorator: Decorator, options: dict[str, bool]) -> list[Any]:
    """The same classes by either decorator: with defaults, with a base, and with a method of its own for each one."""

    @decorator(**options)
    class Plain:
        a: int
        b: str = "b"
        c: list[int] = dataclasses.field(default_factory=list, compare=False)
        d: int = dataclasses.field(default=4, repr=False, hash=False)

        def double(self) -> int:
            return self.a * 2

    @decorator(**options)
    class Derived(Plain):
        e: tuple[int, ...] = ()
        a: int = 7

    @decorator(**options)
    class Own:
        """Text."""

        a: int

        def __init__(self, a: int, more: int = 1) -> None:
            object.__setattr__(self, "a", a + more)

        def __repr__(self) -> str:
            return "own"

        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return 1

    @decorator(**options)
    class Checked(Generic[T]):
        a: T
        b: int = dataclasses.field(init=False, default=3)

        def __post_init__(self) -> None:
            if self.a == 13:
                raise ValueError("thirteen")

    @decorator(**options)
    class Empty:
        pass

    return [Plain, Derived, Own, Checked, Empty]


ARGUMENTS: list[list[tuple[tuple[Any, ...], dict[str, Any]]]] = [
    [((1,), {}), ((1, "x"), {}), ((), {"a": 1, "b": "x", "c": [1], "d": 5}), ((), {}), ((1,), {"z": 2}), ((2,), {})],
    [((), {}), ((1, "x", [2], 3, (4,)), {}), ((), {"e": (1,), "a": 3}), ((1, 2, 3, 4, 5, 6), {})],
    [((1,), {}), ((1, 2), {}), ((), {"a": 2})],
    [((1,), {}), ((), {"a": "x"}), ((13,), {}), ((1, 2), {})],
    [((), {}), ((1,), {})],
]


def told(action: Callable[..., object], *given: Any, **named: Any) -> str:
    try:
        return repr(action(*given, **named))
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def made(cls: Any) -> Iterator[Any]:
    for arguments, named in ARGUMENTS[("Plain", "Derived", "Own", "Checked", "Empty").index(cls.__name__)]:
        try:
            yield cls(*arguments, **named)
        except (TypeError, ValueError):
            yield None


def account(cls: Any) -> list[str]:
    """All that a program can see of the class: of what it makes, in itself and beside each other."""
    fields = dataclasses.fields(cls)
    seen = [told(cls, *given, **named) for each in ARGUMENTS for given, named in each]
    for one in made(cls):
        seen += [told(operator.eq, hash_of(one), hash_of(copy.copy(one))), told(operator.eq, copy.deepcopy(one), one)]
        for field in () if one is None else fields:
            seen += [told(setattr, one, field.name, 1), told(delattr, one, field.name)]
        seen += [told(lambda it: weakref.ref(it) is None, one), str(hasattr(one, "__dict__"))]
        seen += [told(dataclasses.replace, one, a=9), told(dataclasses.asdict, one), told(getattr, one, "b")]
    some, others = list(made(cls)), list(made(cls))
    seen += [told(compare, a, b) for compare in (operator.eq, operator.lt, operator.ge) for a in some for b in others]
    seen += [repr(cls.__match_args__), repr(cls.__hash__ is None), str(inspect.signature(cls)), cls.__qualname__]
    return [*seen, repr([field.name for field in fields]), repr(vars(cls).get("__slots__"))]


def hash_of(one: Any) -> str:
    return told(hash, one)


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: " ".join(options) or "plain")
def test_a_class_does_what_the_standard_one_does(options: dict[str, bool]) -> None:
    ours, standard = classes(dataclass, options), classes(dataclasses.dataclass, options)
    for one, other in zip(ours, standard, strict=True):
        assert account(one) == account(other)


def is_generated(cls: type) -> bool:
    return isinstance(vars(cls)["__dataclass_fields__"], dict)


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: " ".join(options) or "plain")
@pytest.mark.parametrize(
    "use",
    [
        lambda cls: cls(a=1),
        lambda cls: dataclasses.fields(cls),
        lambda cls: cls.__match_args__,
    ],
)
def test_methods_are_generated_at_the_first_use(use: Callable[[Any], object], options: dict[str, bool]) -> None:
    plain, derived, *_ = classes(dataclass, options)
    assert not is_generated(plain)
    use(derived)
    assert is_generated(derived)
    assert is_generated(plain), "its fields are in those of the derived class"


def test_threads_that_come_first_together_all_get_their_object() -> None:
    for _ in range(50):
        (plain, *_) = classes(dataclass, {"frozen": True, "slots": True})
        start, found = threading.Barrier(4), []

        def make(plain: Any = plain, start: threading.Barrier = start, found: list[Any] = found) -> None:
            start.wait()
            found.append(plain(a=len(found) - len(found)))

        threads = [threading.Thread(target=make) for _ in range(4)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        assert found == [plain(a=0)] * 4


@dataclass(frozen=True, slots=True)
class Sent:
    """Of the module, so that pickle finds it."""

    a: int
    b: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cached:
    a: int

    @cached_property
    def double(self) -> int:
        return self.a * 2


def test_frozen_objects_survive_pickle_and_keep_cached_properties() -> None:
    assert pickle.loads(pickle.dumps(Sent(1, ("x",)))) == Sent(1, ("x",))
    once = Cached(2)
    assert once.double == 4
    assert pickle.loads(pickle.dumps(once)).double == 4


def test_a_frozen_object_takes_no_other_attribute() -> None:
    for one in (Sent(1), Cached(1)):
        with pytest.raises(dataclasses.FrozenInstanceError):
            one.other = 1  # type: ignore[attr-defined, union-attr]
        with pytest.raises(dataclasses.FrozenInstanceError):
            del one.other  # type: ignore[attr-defined, union-attr]


def test_a_pattern_matches_fields_in_their_order() -> None:
    match Sent(1, ("x",)):
        case Sent(number, names):
            assert (number, names) == (1, ("x",))


def test_an_abstract_class_stays_abstract() -> None:
    @dataclass(frozen=True, slots=True)
    class Abstract(abc.ABC):
        a: int

        @abc.abstractmethod
        def answer(self) -> int: ...

    @dataclass(frozen=True, slots=True)
    class Concrete(Abstract):
        def answer(self) -> int:
            return self.a

    with pytest.raises(TypeError, match="abstract"):
        Abstract(1)  # type: ignore[abstract]
    assert Concrete(3).answer() == 3


@pytest.mark.parametrize("wrong", [{"a": list[int], "value": []}, {"a": int, "value": 1, "b": int}])
def test_a_wrong_definition_is_refused_at_each_use(wrong: dict[str, Any]) -> None:
    annotations = {name: kind for name, kind in wrong.items() if name != "value"}
    cls = dataclass(type("Wrong", (), {"__annotations__": annotations, "a": wrong["value"]}))
    for _ in range(2):
        with pytest.raises((ValueError, TypeError), match=r"mutable default|non-default argument"):
            cls()


def test_every_dataclass_of_the_package_is_lazy_and_has_its_fields_as_slots() -> None:
    found = 0
    for module in pkgutil.walk_packages(chronos_gitops.__path__, "chronos_gitops."):
        if module.name.endswith("__main__"):
            continue
        for cls in vars(importlib.import_module(module.name)).values():
            if isinstance(cls, type) and cls.__module__ == module.name and dataclasses.is_dataclass(cls):
                names = {field.name for field in dataclasses.fields(cls)}
                slots = {name for base in cls.__mro__ for name in vars(base).get("__slots__", ())} - {"__weakref__"}
                assert "__slots__" not in vars(cls) or slots == names, cls
                found += 1
    assert found > 400
