"""Instants on the command line: RFC 3339 in, RFC 3339 in UTC out."""

from datetime import UTC, datetime

import click


def read_instant(_context: click.Context, _option: click.Parameter, value: str | None) -> datetime | None:
    """An option's callback: ``2026-03-08T07:00:00Z``, ``2026-03-08 07:00``, ``2026-03-08``; UTC without an offset."""
    if value is None:
        return None
    try:
        instant = datetime.fromisoformat(value)
        return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise click.BadParameter(f'"{value}" is not a time; write one like 2026-03-08T07:00:00Z') from error
