"""Filters that lists of pages share: lengths of time, fields of a form, addresses of other pages of the list."""

from datetime import datetime
from enum import StrEnum
from urllib.parse import urlencode, urlsplit

from flask import request

from chronos_gitops.schedule import durations
from chronos_gitops.server.api import links
from chronos_gitops.server.api.params import query
from chronos_gitops.server.api.request_context import service


class Within(StrEnum):
    """Lengths that the pages offer."""

    HOUR = "1h"
    SHIFT = "8h"
    DAY = "24h"
    WEEK = "168h"


WORDS = {Within.HOUR: "hour", Within.SHIFT: "8 hours", Within.DAY: "24 hours", Within.WEEK: "week"}


def within(description: str) -> query.QueryParameter[Within | None]:
    return query.of_form(query.choice("within", Within, description))


def begin(length: Within | None, since: datetime | None) -> datetime | None:
    """The later one of ``since`` and the begin of the length that ends now."""
    if length is None:
        return since
    found = service().now() - durations.parse(length)
    return found if since is None else max(found, since)


def first(**changed: str) -> str:
    """The address of the first page, with these parameters in place of those that it had."""
    kept = [pair for pair in request.args.items(multi=True) if pair[0] != "cursor" and pair[0] not in changed]
    asked = [*kept, *changed.items()]
    return f"{links.here()}?{urlencode(asked)}" if asked else links.here()


def local(instant: datetime | None) -> str:
    """As the field of a form takes it: UTC, to the minute."""
    return "" if instant is None else f"{instant:%Y-%m-%dT%H:%M}"


def relative(address: str) -> str:
    return urlsplit(address)._replace(scheme="", netloc="").geturl()
