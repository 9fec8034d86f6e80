"""The question to an execution before a request that may not be its first: was it called back?"""

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import ActivityEnvironment

from chronos_gitops.engine.temporal.worker import callback_check
from chronos_gitops.engine.temporal.worker.callback_check import CallbackCheck
from chronos_gitops.engine.temporal.workflows.messages import AttemptOrder

AWAY = RPCError("no server", RPCStatusCode.UNAVAILABLE, b"")
GONE = RPCError("no workflow", RPCStatusCode.NOT_FOUND, b"")


class Executions:
    """A client whose executions answer one after the other: whether they were called back, or an error."""

    def __init__(self, *answers: bool | RPCError) -> None:
        self.answers = list(answers)

    def get_workflow_handle(self, _id: str, *, run_id: str | None) -> Any:
        return self

    async def describe(self, *, rpc_timeout: object) -> Any:
        answer = self.answers.pop(0)
        if isinstance(answer, RPCError):
            raise answer

        async def memo_value(_key: str) -> dict[str, object]:
            return {"status": "success", "is_called_back": True} if answer else {"status": "running"}

        return SimpleNamespace(memo_value=memo_value)


async def looked(executions: Executions, *, completion: str = "callback", number: int = 1, attempt: int = 2) -> Any:
    """The answers of both questions; the one before the first byte is None where there is none."""
    client = Client.__new__(Client)
    client.get_workflow_handle = executions.get_workflow_handle  # type: ignore[method-assign,assignment]
    environment = ActivityEnvironment(client)
    environment.info = replace(environment.info, attempt=attempt)
    order = AttemptOrder({"name": "a", "webhook": {"completion": completion}}, "an id", 0, number)

    async def ask() -> tuple[bool, bool | None]:
        check = CallbackCheck(order)
        is_called_back = await check.is_called_back()
        return is_called_back, None if check.may_send is None else await check.may_send()

    return await environment.run(ask)


@pytest.mark.parametrize(
    ("order", "asks"),
    [
        ({"attempt": 1}, False),
        ({"completion": "response"}, False),
        ({"completion": "response", "number": 2}, False),
        ({"attempt": 1, "number": 2}, True),
        ({"attempt": 2}, True),
    ],
    ids=["the first request", "no callback", "a retry without callback", "a retry", "after a restart"],
)
def test_only_a_request_that_may_repeat_one_and_is_called_back_for_is_asked_about(
    order: dict[str, Any], asks: bool
) -> None:
    executions = Executions(False, True)
    assert asyncio.run(looked(executions, **order)) == ((False, False) if asks else (False, None))
    assert len(executions.answers) == (0 if asks else 2)


def test_a_server_that_does_not_answer_sends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callback_check, "_AGAIN_S", 0.0)
    assert asyncio.run(looked(Executions(AWAY, AWAY, False, AWAY))) == (False, False)
    assert asyncio.run(looked(Executions(AWAY, True, True))) == (True, False)
    assert asyncio.run(looked(Executions(False, False))) == (False, True)


def test_an_execution_that_is_gone_sends_nothing() -> None:
    assert asyncio.run(looked(Executions(GONE, GONE))) == (True, False)
