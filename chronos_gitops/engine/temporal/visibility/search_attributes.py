"""The search attributes that executions and timetables are found by, and how a server comes to have them."""

from collections.abc import Iterable
from datetime import datetime

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes
from temporalio.service import RPCError, RPCStatusCode

from chronos_gitops.engine.milliseconds import instant
from chronos_gitops.engine.temporal.errors import Unavailable
from chronos_gitops.engine.temporal.workflows.messages import Row

JOB = SearchAttributeKey.for_keyword("ChronosJob")
STATUS = SearchAttributeKey.for_keyword("ChronosStatus")
COMMIT = SearchAttributeKey.for_keyword("ChronosCommit")
DIGEST = SearchAttributeKey.for_keyword("ChronosDigest")
SCHEDULED = SearchAttributeKey.for_datetime("ChronosScheduledTime")
RANGE_START = SearchAttributeKey.for_datetime("ChronosRangeStart")
"""Only on a row that stands for several missed ticks."""

KEYWORDS = (JOB, STATUS, COMMIT, DIGEST)
DATES = (SCHEDULED, RANGE_START)

SCHEDULED_STATUS, PAUSED_STATUS, DISABLED_STATUS, REMOVED_STATUS = "scheduled", "paused", "disabled", "removed"
"""Values of ``ChronosStatus`` for a timetable; for an execution it is the execution's status."""


def of_row(row: Row) -> TypedSearchAttributes:
    pairs: list[SearchAttributePair[str] | SearchAttributePair[datetime]] = [
        SearchAttributePair(JOB, row["job"]),
        SearchAttributePair(STATUS, row["status"]),
        SearchAttributePair(SCHEDULED, instant(row["scheduled_time"])),
    ]
    if row.get("commit"):
        pairs.append(SearchAttributePair(COMMIT, row["commit"]))
    if row.get("range_start"):
        pairs.append(SearchAttributePair(RANGE_START, instant(row["range_start"])))
    return TypedSearchAttributes(pairs)


def of_timetable(job: str, digest: str, status: str) -> TypedSearchAttributes:
    return TypedSearchAttributes(
        [SearchAttributePair(JOB, job), SearchAttributePair(DIGEST, digest), SearchAttributePair(STATUS, status)]
    )


async def register(client: Client) -> None:
    """Adds those that the namespace lacks; repeatable, also by several runners at once."""
    missing = await _missing(client)
    if not missing:
        return
    request = AddSearchAttributesRequest(namespace=client.namespace, search_attributes=missing)
    try:
        await client.operator_service.add_search_attributes(request)
    except RPCError as error:
        if error.status is not RPCStatusCode.ALREADY_EXISTS and await _missing(client):
            raise Unavailable(
                f"the namespace {client.namespace} has no search attributes {_listed(missing)}: {error.message}",
                hint="create them once, as docs/how-to/scale.md says",
            ) from error


async def _missing(client: Client) -> dict[str, "IndexedValueType.ValueType"]:
    wanted = {key.name: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD for key in KEYWORDS}
    wanted |= {key.name: IndexedValueType.INDEXED_VALUE_TYPE_DATETIME for key in DATES}
    request = ListSearchAttributesRequest(namespace=client.namespace)
    try:
        known = (await client.operator_service.list_search_attributes(request)).custom_attributes
    except RPCError as error:
        if error.status is not RPCStatusCode.PERMISSION_DENIED and error.status is not RPCStatusCode.UNIMPLEMENTED:
            raise
        return {}  # a cloud that does not let a worker look: the first start of a workflow tells what is missing
    return {name: kind for name, kind in wanted.items() if name not in known}


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
