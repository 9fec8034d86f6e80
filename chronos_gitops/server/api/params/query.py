"""Query parameters: declared ones only, each at most once and read before the handler runs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from typing import Any, Generic, TypeVar, cast

from flask import Flask, g, request

from chronos_gitops.jobs.validation.suggestions import closest
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule.timestamps import YEARS, is_within_years
from chronos_gitops.server.api import endpoint
from chronos_gitops.server.api.auth import caller_scope
from chronos_gitops.server.api.endpoint import Parameter
from chronos_gitops.server.api.openapi.shapes import INSTANT, NUMBER, TEXT, TEXT_MAP, Schema, one_of
from chronos_gitops.server.api.problems import ApiError

T = TypeVar("T")
Choice = TypeVar("Choice", bound=StrEnum)
TAG = "tag."


class UnknownParameter(ApiError):
    kind = "unknown-parameter"


class InvalidParameter(ApiError):
    kind = "invalid-parameter"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class QueryParameter(Parameter, Generic[T]):
    """``read`` makes the value of the text, or raises InvalidParameter; it is asked before the handler runs."""

    read: Callable[[str], T]
    several: bool = False
    """It may be given several times, which is the same as once with commas."""

    def value(self) -> T | None:
        """The parameter's value in this request. LookupError where the endpoint does not declare it."""
        declared = endpoint.current()
        if declared is None or self not in declared.parameters:
            raise LookupError(f"{request.endpoint} does not declare the parameter {self.name}")
        return cast("dict[str, T]", g.parameters).get(self.name)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class DefaultedParameter(QueryParameter[T]):
    default: T

    def value(self) -> T:
        given = QueryParameter.value(self)
        return self.default if given is None else given


def integer(name: str, description: str, *, default: int, high: int) -> DefaultedParameter[int]:
    """A whole number from 1."""
    schema = NUMBER | {"maximum": high, "default": default}
    read = partial(_integer, name, high)
    return DefaultedParameter(
        name=name, place="query", schema=schema, description=description, read=read, default=default
    )


def choice(name: str, values: type[Choice], description: str) -> QueryParameter[Choice]:
    return parameter(name, one_of(values), description, partial(_choice, name, values))


def choices(name: str, values: type[Choice], description: str) -> QueryParameter[tuple[Choice, ...]]:
    """Any of several values: ``name=a&name=b`` or ``name=a,b``."""
    return _list(name, one_of(values), description, partial(_choice, name, values))


def words(name: str, allowed: Sequence[str], description: str) -> QueryParameter[tuple[str, ...]]:
    """The same of plain words."""
    return _list(name, one_of(allowed), description, partial(_among, name, allowed))


def _list(name: str, item: Schema, description: str, read: Callable[[str], T]) -> QueryParameter[tuple[T, ...]]:
    return QueryParameter(
        name=name,
        place="query",
        schema={"type": "array", "items": item, "minItems": 1},
        description=f"{description}; several as `{name}=a&{name}=b` or `{name}=a,b`",
        more={"style": "form", "explode": True},
        read=partial(_several, read),
        several=True,
    )


def word(
    name: str, allowed: Sequence[str], description: str, read: Callable[[str], T], *, default: str
) -> DefaultedParameter[T]:
    """One of these words, as ``read`` makes a value of it."""
    return DefaultedParameter(
        name=name,
        place="query",
        schema=one_of(allowed) | {"default": default},
        description=description,
        read=lambda text: read(_among(name, allowed, text)),
        default=read(default),
    )


def text(name: str, description: str, *, has_example: bool = True, **more: Any) -> QueryParameter[str]:
    return QueryParameter(
        name=name, place="query", schema=TEXT, description=description, read=str, more=more, has_example=has_example
    )


def instant(name: str, description: str, schema: Schema = INSTANT) -> QueryParameter[datetime]:
    """RFC 3339, or what ISO 8601 writes for it; UTC without an offset."""
    return parameter(name, schema, description, partial(_instant, name))


def parameter(name: str, schema: Schema, description: str, read: Callable[[str], T]) -> QueryParameter[T]:
    return QueryParameter(name=name, place="query", schema=schema, description=description, read=read)


def of_form(found: QueryParameter[T]) -> QueryParameter[T | None]:
    """The same for a form of a page, which sends a field that its user leaves empty."""
    read = found.read

    def read_field(text: str) -> T | None:
        return read(text) if text else None

    made: QueryParameter[T | None] = replace(cast("QueryParameter[T | None]", found), read=read_field)
    return made


# No style of OpenAPI writes dotted names; this is how a free set of `tag.<key>` is described best.
TAGS = QueryParameter(
    name=TAG,
    place="query",
    schema=TEXT_MAP,
    description="Only jobs with this tag, as in `tag.team=backend`; several are combined with AND",
    more={"style": "form", "explode": True},
    read=str,
)


def install(app: Flask) -> None:
    app.before_request(_check)


def _check() -> None:
    declared = endpoint.current()
    if declared is None or request.method == "OPTIONS":
        return
    g.parameters = {}
    taken = {one.name: one for one in declared.parameters if isinstance(one, QueryParameter)}
    for name, values in request.args.lists():
        found = None if name == TAG else taken.get(TAG if name.startswith(TAG) else name)
        if found is None and declared.is_sent_back:
            continue
        if found is None:
            raise _unknown(name, tuple(taken))
        if len(values) > 1 and not found.several:
            raise InvalidParameter(f'The parameter "{name[:80]}" is given {len(values)} times.', hint="Give it once.")
        g.parameters[name] = _read(found, ",".join(values) if found.several else values[0], taken)


def _read(parameter: QueryParameter[Any], text: str, taken: Mapping[str, QueryParameter[Any]]) -> Any:
    """The value; where another parameter of the endpoint takes this word, the refusal names it."""
    try:
        return parameter.read(text)
    except InvalidParameter as error:
        if error.hint or "enum" not in parameter.schema:
            raise
        meant = next((name for name, other in taken.items() if text in other.schema.get("enum", ())), None)
        raise InvalidParameter(
            error.message, hint=f"Did you mean {meant}={text}?" if meant else "", extra=error.extra
        ) from None


def _unknown(name: str, allowed: tuple[str, ...]) -> UnknownParameter:
    known = [parameter for parameter in allowed if parameter != TAG]
    tags = [TAG + key for key in _tag_keys()] if TAG in allowed else []
    meant = TAG + name if TAG + name in tags else closest(name, [*known, *tags])
    takes = ", ".join(known + (["tag.<key>"] if TAG in allowed else [])) or "none"
    return UnknownParameter(
        f'There is no parameter "{name[:80]}"' + (f'; did you mean "{meant}"?' if meant else "."),
        hint=f"{request.path} takes: {takes}.",
        extra={"parameter": name[:80], "did_you_mean": meant},
    )


def _tag_keys() -> list[str]:
    return sorted({key for definition in caller_scope.jobs() for key, _ in definition.job.tags})


def _integer(name: str, high: int, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise InvalidParameter(f'{name} is a whole number from 1 to {high}, not "{text[:40]}".')
    value = int(text)
    if not 1 <= value <= high:
        raise InvalidParameter(f"{name} is a whole number from 1 to {high}, not {value}.")
    return value


def _among(name: str, words: Sequence[str], text: str) -> str:
    if text in words:
        return text
    meant = closest(text, [word for word in words if word.startswith("-") == text.startswith("-")])
    did_you_mean = f' Did you mean "{meant}"?' if meant else ""
    raise InvalidParameter(
        f'{name} is one of {", ".join(words)}, not "{text[:40]}".{did_you_mean}', extra={"did_you_mean": meant}
    )


def _choice(name: str, values: type[Choice], text: str) -> Choice:
    return values(_among(name, [str(value) for value in values], text))


def _several(read: Callable[[str], T], text: str) -> tuple[T, ...]:
    return tuple(read(one) for one in dict.fromkeys(text.split(",")))


def _instant(name: str, text: str) -> datetime:
    """A ``+`` may have come as a space."""
    try:
        found = datetime.fromisoformat(text.strip().upper().replace(" ", "+" if "T" in text.upper() else "T"))
        found = (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidParameter(
            f'{name} is a time, not "{text[:40]}".', hint="Write one like 2026-03-08T02:00:00Z."
        ) from None
    if not is_within_years(found):
        raise InvalidParameter(f"{name} lies outside the years {YEARS[0]} to {YEARS[1]}.")
    return found


def tags() -> dict[str, str]:
    """``tag.team=backend`` as ``{"team": "backend"}``."""
    return {name.removeprefix(TAG): value for name, value in request.args.items() if name.startswith(TAG)}
