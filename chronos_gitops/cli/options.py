"""Instants and tags on the command line."""

import re
from datetime import UTC, datetime
from typing import Final

import click

from chronos_gitops.schedule import durations
from chronos_gitops.schedule.timestamps import YEARS, is_within_years

_DURATION: Final = re.compile(r"[0-9.]+[a-zµ]+.*")


def read_instant(_context: click.Context, _option: click.Parameter, value: str | None) -> datetime | None:
    """An option's callback: ``2026-03-08T07:00:00Z``, ``2026-03-08 07:00``, ``2026-03-08``; UTC without an offset."""
    if value is None:
        return None
    try:
        instant = datetime.fromisoformat(value)
        instant = (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise click.BadParameter(f'"{value}" is not a time; write one like 2026-03-08T07:00:00Z') from error
    if not is_within_years(instant):
        raise click.BadParameter(f'"{value}" lies outside the years {YEARS[0]} to {YEARS[1]}')
    return instant


def read_past(context: click.Context, option: click.Parameter, value: str | None) -> datetime | None:
    """The same, or a duration: so long before now."""
    if value is None or not _DURATION.fullmatch(value):
        return read_instant(context, option, value)
    try:
        return datetime.now(UTC) - durations.parse(value)
    except ValueError as error:
        raise click.BadParameter(f'"{value}" is not a duration; write one like 1h or 30m') from error


def read_tag(text: str) -> tuple[str, str]:
    """``team=billing`` as the parameter of the API."""
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise click.BadParameter(f'"{text}" is not KEY=VALUE', param_hint="--tag")
    return f"tag.{key}", value
