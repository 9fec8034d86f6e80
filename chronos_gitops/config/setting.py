"""The declaration of a setting, at its field: the one place that says its key, type, default, sources, text and check.

::

    interval: timedelta = setting(
        "interval",
        parsers.duration(timedelta(seconds=1)),
        "Interval between fetches from the remote.",
        default=timedelta(seconds=60),
        variable="CHRONOS_INTERVAL",
        flag="interval",
        metavar="DURATION",
    )

chronos.toml (``key``), the environment (``variable``), the flags of ``run`` with their help, and
docs/reference/settings.md come from it; after a change run ``make docs``. A key with a dot is in a table of TOML.
A field made by ``group`` is a value whose own fields are settings.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import field, fields
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, TypeVar, cast

from chronos_gitops.config.model import SettingsError
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule import durations

T = TypeVar("T")
_ROWS: Final = "settings"
_GROUP: Final = "group"


@dataclass(frozen=True, slots=True)
class Setting:
    """``parse`` takes the raw value and the folder that relative paths start from; it raises ValueError.

    ``default_text`` is the default as it is written; ``words`` say it where it is no value. With ``spread`` the value
    is one for each of these fields.
    """

    key: str
    parse: Callable[[Any, Path], Any]
    text: str
    variable: str = ""
    flag: str = ""
    metavar: str = ""
    default: Any = None
    default_text: str = ""
    words: str = ""
    spread: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """The flag as a command line has it."""
        return "REPO" if self.flag == "repo" else f"--{self.flag.replace('_', '-')}"

    def defaults(self) -> list[str]:
        """The default as it would be given, one text for each entry of a list; none where there is no value."""
        if self.default_text:
            return [self.default_text]
        entries = self.default if isinstance(self.default, tuple) else (self.default,)
        given = [one for one in entries if one is not None and one != "" and not isinstance(one, Mapping)]
        return [durations.render(one) if isinstance(one, timedelta) else str(one) for one in given]

    def help(self) -> str:
        default = self.words or ", ".join(self.defaults())
        return f"{self.text}  [default: {default}]" if default else self.text


def setting(
    key: str,
    parse: Callable[[Any, Path], Any],
    text: str,
    *,
    default: T,
    variable: str = "",
    flag: str = "",
    metavar: str = "",
    words: str = "",
    spread: tuple[str, ...] = (),
    default_text: str = "",
    is_secret: bool = False,
    alternative: Setting | None = None,
) -> T:
    """A field with its setting; an ``alternative`` is another key for the same field, and only one may be given."""
    row = Setting(key, parse, text, variable, flag, metavar, default, default_text, words, spread)
    rows = (row,) if alternative is None else (row, alternative)
    if type(default).__hash__ is None:
        return field(default_factory=lambda: default, repr=not is_secret, metadata={_ROWS: rows})
    return field(default=default, repr=not is_secret, metadata={_ROWS: rows})


def required(row: Setting) -> Mapping[str, Any]:
    """The metadata of a field without a default value."""
    return {_ROWS: (row,)}


def group(kind: type[T]) -> T:
    return field(default_factory=kind, metadata={_GROUP: kind})


def declared(kind: type) -> Iterator[Setting]:
    """Every setting of a class and of its groups, in the order of the fields."""
    for one in fields(kind):
        if _GROUP in one.metadata:
            yield from declared(one.metadata[_GROUP])
        yield from one.metadata.get(_ROWS, ())


def chosen(owner: Any) -> Iterator[tuple[Setting, Any]]:
    """Every setting of a whole value and of its groups with its value there; of one that is spread a tuple."""
    for one in fields(owner):
        if _GROUP in one.metadata:
            yield from chosen(getattr(owner, one.name))
        for row in one.metadata.get(_ROWS, ()):
            names = row.spread or (one.name,)
            found = tuple(getattr(owner, name) for name in names)
            yield row, found if row.spread else found[0]


def is_secret(owner: type, row: Setting) -> bool:
    """True if the value is never shown."""
    return any(
        is_secret(one.metadata[_GROUP], row)
        if _GROUP in one.metadata
        else row in one.metadata.get(_ROWS, ()) and not one.repr
        for one in fields(owner)
    )


def values(kind: type, parsed: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a class out of values by their keys; what is not given is left out."""
    found: dict[str, Any] = {}
    for one in fields(kind):
        if _GROUP in one.metadata:
            group_kind = one.metadata[_GROUP]
            found[one.name] = group_kind(**values(group_kind, parsed))
        given = [row for row in cast("tuple[Setting, ...]", one.metadata.get(_ROWS, ())) if row.key in parsed]
        if len(given) > 1:
            keys = " and ".join(row.key for row in given)
            raise SettingsError(f"{keys} are two answers", hint="leave one of them out")
        for row in given:
            value = parsed[row.key]
            found |= dict(zip(row.spread, value, strict=True)) if row.spread else {one.name: value}
    return found
