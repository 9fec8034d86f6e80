"""The options of a program: a table that knows each one, and the words of a call read by it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import Final

from chronos_gitops.cli.importers.model import Unconvertible
from chronos_gitops.process.lazy_dataclass import dataclass

_NO: Final = "no-"


@dataclass(frozen=True, slots=True)
class Option:
    """``lost`` is what a webhook does not do of it, ``refusal`` why there can be no webhook; both empty: it is read, or
    changes nothing about the request."""

    name: str
    takes_value: bool
    lost: str = ""
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class OptionTable:
    """Every option by its long name and by its letter. ``takes_equals``: ``--name=value`` is allowed (GNU)."""

    long: Mapping[str, Option]
    short: Mapping[str, Option]
    takes_equals: bool

    def find(self, name: str) -> Option:
        """By its whole name, or by a beginning that only one has."""
        if name in self.long:
            return self.long[name]
        found = {option.name: option for long, option in self.long.items() if long.startswith(name)}
        if len(found) != 1:
            why = f"begins {len(found)} options" if found else "is not known here"
            raise Unconvertible(f"its option --{name[:40]} {why}")
        return next(iter(found.values()))

    def letter(self, letter: str) -> Option:
        if letter not in self.short:
            raise Unconvertible(f"its option -{letter} is not known here")
        return self.short[letter]


@dataclass(slots=True)
class Call:
    """Options in their order, and the addresses among them."""

    options: list[tuple[str, str]] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)
    noted: dict[str, str] = field(default_factory=dict)

    @property
    def lost(self) -> list[str]:
        """Each effect of the command that a webhook does not have, once."""
        return list(dict.fromkeys(self.noted.values()))

    def all(self, name: str) -> list[str]:
        return [value for option, value in self.options if option == name]

    def last(self, name: str) -> str | None:
        values = self.all(name)
        return values[-1] if values else None

    def has(self, name: str) -> bool:
        return any(option == name for option, _ in self.options)


def table(rows: Iterable[tuple[bool, str, str, str]], *, takes_equals: bool) -> OptionTable:
    """Rows are (takes a value, what is lost, why it is refused, names): ``X=request`` is a letter and its long name."""
    long: dict[str, Option] = {}
    short: dict[str, Option] = {}
    for takes_value, lost, refusal, names in rows:
        for each in names.split():
            letter, equals, name = each.rpartition("=")
            option = Option(name, takes_value, lost, refusal)
            long[name] = option
            if equals:
                short[letter] = option
    return OptionTable(long, short, takes_equals)


def read(words: Sequence[str], known: OptionTable) -> Call:
    """Unconvertible for an option that the program has not, or that no webhook can do."""
    call = Call()
    rest = list(reversed(words))
    while rest:
        word = rest.pop()
        if word == "--":
            call.urls += reversed(rest)
            break
        if word.startswith("--"):
            _long(word[2:], known, rest, call)
        elif word.startswith("-") and len(word) > 1:
            _cluster(word[1:], known, rest, call)
        else:
            call.urls.append(word)
    return call


def _long(word: str, known: OptionTable, rest: list[str], call: Call) -> None:
    name, equals, value = word.partition("=") if known.takes_equals else (word, "", "")
    if name not in known.long and name.startswith(_NO) and name[len(_NO) :] in known.long:
        option = known.long[name[len(_NO) :]]
        if option.takes_value:
            raise Unconvertible(f"its option --{name[:40]} is not known here")
        call.options = [each for each in call.options if each[0] != option.name]
        call.noted.pop(option.name, None)
        return
    option = known.find(name)
    if option.takes_value:
        _note(option, value if equals else _following(rest, f"--{name}"), call)
    elif equals:
        raise Unconvertible(f"its option --{name} has a value, which says on or off")
    else:
        _note(option, "", call)


def _cluster(letters: str, known: OptionTable, rest: list[str], call: Call) -> None:
    """``-fsSXPOST``: flags, then at most one option whose value is the rest of the word, or the next word."""
    while letters:
        # wget has -nv, -nc and others: a letter that means nothing alone
        letter = letters[:2] if letters[:2] in known.short else letters[0]
        letters = letters[len(letter) :]
        option = known.letter(letter)
        if option.takes_value:
            _note(option, letters or _following(rest, f"-{letter}"), call)
            return
        _note(option, "", call)


def _following(rest: list[str], name: str) -> str:
    if not rest:
        raise Unconvertible(f"the option {name} has no value")
    return rest.pop()


def _note(option: Option, value: str, call: Call) -> None:
    if option.refusal:
        raise Unconvertible(f"its option --{option.name} {option.refusal}")
    if option.lost:
        call.noted[option.name] = option.lost
    call.options.append((option.name, value))
