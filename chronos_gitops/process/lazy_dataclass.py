"""``dataclass`` as in the standard library, but its methods are generated at the first use of the class.

The standard decorator compiles five methods for each class while a module is imported: 0.5 ms, of which a start of the
runner has 330 and ``validate`` 80, and most of these classes are never used there. Here an import creates the class
and its slots only. The standard decorator then does the rest, so that both agree in everything else.
"""

import dataclasses
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(plain: type | None = None, /, **options: bool) -> Any:
        """Takes the options of ``dataclasses.dataclass``, except ``init``, ``repr`` and ``unsafe_hash``."""
        return _define(plain, **options) if plain is not None else lambda cls: _define(cls, **options)


_LOCK = threading.RLock()
_ORDER = ("__lt__", "__le__", "__gt__", "__ge__")
_STATE = ("__getstate__", "__setstate__")
_INTROSPECTION = ("__dataclass_fields__", "__dataclass_params__", "__match_args__")
_GENERATED = ("__init__", "__repr__", "__eq__", "__hash__", *_ORDER, *_STATE, *_INTROSPECTION)


def _define(plain: type, **options: bool) -> type:
    chosen = {"eq": True, "order": False, "frozen": False, "slots": False, "weakref_slot": False} | options
    slots = _slots(plain, weakref=chosen["weakref_slot"]) if chosen["slots"] else None
    copied = _copy(plain, slots)
    ours, model = (plain, copied) if slots is None else (copied, plain)
    written, owed = frozenset(vars(model)), _Owed(ours, model, options)
    for name in ("__init__", "__repr__", *(("__eq__",) if chosen["eq"] else ()), *(_ORDER if chosen["order"] else ())):
        if name not in written:
            setattr(ours, name, owed.method(name))
    if chosen["eq"] and "__hash__" not in written:
        ours.__hash__ = owed.method("__hash__") if chosen["frozen"] else None  # type: ignore[assignment]
    for name in _INTROSPECTION:
        setattr(ours, name, _Introspected(owed, name))
    if chosen["frozen"]:
        ours.__setattr__ = _refuse_assignment  # type: ignore[method-assign, assignment]
        ours.__delattr__ = _refuse_deletion  # type: ignore[method-assign, assignment]
        for name in _STATE if slots is not None else ():
            setattr(ours, name, owed.method(name))
    return ours


class _Owed:
    """The methods that a class has not got yet."""

    __slots__ = ("_model", "_options", "_ours")

    def __init__(self, ours: type, model: type, options: Mapping[str, bool]) -> None:
        self._ours = ours
        self._model: type | None = model
        self._options = options

    def method(self, name: str) -> Callable[..., Any]:
        """Replaces itself by the generated method when it is called first."""

        def first(self_: object, /, *args: Any, **kwargs: Any) -> Any:
            self.generate()
            return getattr(self._ours, name)(self_, *args, **kwargs)

        return first

    def generate(self) -> None:
        with _LOCK:
            if (model := self._model) is None:
                return
            model.__doc__ = model.__doc__ or model.__name__  # the standard one computes a signature for it
            found = vars(dataclasses.dataclass(**self._options)(model))
            for name in (*(() if "__slots__" in found else model.__annotations__), *_GENERATED):
                if name in found:
                    setattr(self._ours, name, found[name])
                elif name in vars(self._ours):
                    delattr(self._ours, name)  # a field() without a default
            self._model = None


class _Introspected:
    """An attribute of the class that ``dataclasses.fields``, ``replace`` and ``match`` read."""

    __slots__ = ("_name", "_owed")

    def __init__(self, owed: _Owed, name: str) -> None:
        self._owed = owed
        self._name = name

    def __get__(self, instance: object, owner: type) -> Any:
        self._owed.generate()
        return getattr(owner, self._name)


def _slots(plain: type, *, weakref: bool) -> tuple[str, ...]:
    inherited = {name for base in plain.__mro__[1:-1] for name in _named(vars(base).get("__slots__", ()))}
    names = (*plain.__annotations__, *(("__weakref__",) if weakref else ()))
    return tuple(name for name in names if name not in inherited)


def _named(slots: str | Iterator[str]) -> tuple[str, ...]:
    return (slots,) if isinstance(slots, str) else tuple(slots)


def _copy(plain: type, slots: tuple[str, ...] | None) -> type:
    """The same class once more; with slots, if they are given, in place of the default values of its fields."""
    left_out = {"__dict__", "__weakref__", *(plain.__annotations__ if slots is not None else ())}
    namespace = {name: value for name, value in vars(plain).items() if name not in left_out}
    if slots is not None:
        namespace["__slots__"] = slots
    copied = type(plain)(plain.__name__, plain.__bases__, namespace)
    copied.__qualname__ = plain.__qualname__
    return copied


def _refuse_assignment(_self: object, name: str, _value: object) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_deletion(_self: object, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")
