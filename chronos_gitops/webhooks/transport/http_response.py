"""The response to one request, as the client hands it on."""

from dataclasses import field

from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.webhooks.body_check import JUDGED
from chronos_gitops.webhooks.outcome import ExchangeError

KEPT = JUDGED
"""Bytes of body handed on."""


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A final status, which decides; ``body`` holds its first 64 KiB, and ``is_longer`` says that there was more.
    ``body_fault`` says why there is no more of it, to those who must judge the body. ``headers`` are those of
    ``response_head.NOTED``."""

    status: int
    retry_after: str | None
    body: bytes = field(repr=False)
    body_fault: ExchangeError | None = None
    is_longer: bool = False
    encoding: str = ""
    headers: tuple[tuple[str, str], ...] = ()
