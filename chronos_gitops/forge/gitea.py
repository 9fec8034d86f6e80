"""The API of Gitea and Forgejo, version 1."""

from typing import Any
from urllib.parse import quote

from chronos_gitops.forge.calls import ForgeCall
from chronos_gitops.forge.pull_requests import PullRequests
from chronos_gitops.rollback.publish import Proposal, ReviewRequest


class Gitea(PullRequests):
    """See the Dialect protocol. ``repository`` is ``owner/name``."""

    def __init__(self, repository: str) -> None:
        super().__init__(f"/api/v1/repos/{repository}")

    def headers(self, token: str) -> tuple[tuple[str, str], ...]:
        return (("Authorization", f"token {token}"), ("Accept", "application/json"))

    def find(self, proposal: Proposal) -> ForgeCall:
        """404 where there is none."""
        base, head = (quote(branch, safe="") for branch in (proposal.base, proposal.branch))
        return ForgeCall("GET", f"{self._path}/pulls/{base}/{head}")

    def found(self, document: Any) -> ReviewRequest | None:
        return self.opened(document) if document["state"] == "open" else None
