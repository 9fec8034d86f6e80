"""From a caller's thread into the engine's loop, and back with the answer."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any, TypeVar

from chronos_gitops.engine.engine import NotRunning

T = TypeVar("T")


def call_in_loop(question: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop, *, seconds: float) -> T:
    """The answer, or what it raised. TimeoutError after so long, and then the question is given up; NotRunning when the
    loop ends meanwhile, and then it is unknown if it was done."""
    try:
        future = asyncio.run_coroutine_threadsafe(question, loop)
    except RuntimeError as error:
        question.close()
        raise not_running() from error
    try:
        return future.result(seconds)
    except CancelledError as error:
        raise not_running() from error
    except FutureTimeoutError:
        future.cancel()
        raise


def not_running() -> NotRunning:
    return NotRunning("the engine is not running", hint="the runner is starting or stopping; try again")
