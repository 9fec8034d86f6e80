"""The API of Gitea and Forgejo, version 1."""

from typing import Any
from urllib.parse import quote

from chronos_gitops.forge import request_text
from chronos_gitops.forge.calls import CommitStatus, ForgeCall, optional, request_of
from chronos_gitops.rollback.publish import Proposal, ReviewRequest


class Gitea:
    """See the Dialect protocol. ``repository`` is ``owner/name``."""

    def __init__(self, repository: str) -> None:
        self._path = f"/api/v1/repos/{repository}"

    def headers(self, token: str) -> tuple[tuple[str, str], ...]:
        return (("Authorization", f"token {token}"), ("Accept", "application/json"))

    def status(self, status: CommitStatus) -> ForgeCall:
        given = {"state": status.state.value, "description": status.description, "context": status.context}
        body = given | optional("target_url", status.link)
        return ForgeCall("POST", f"{self._path}/statuses/{status.commit}", body=body)

    def is_kept(self, status: CommitStatus, code: int, body: bytes) -> bool:  # noqa: ARG002 - it takes every status
        return False

    def find(self, proposal: Proposal) -> ForgeCall:
        """404 where there is none."""
        base, head = (quote(branch, safe="") for branch in (proposal.base, proposal.branch))
        return ForgeCall("GET", f"{self._path}/pulls/{base}/{head}")

    def found(self, document: Any) -> ReviewRequest | None:
        return self.opened(document) if document["state"] == "open" else None

    def open(self, proposal: Proposal) -> ForgeCall:
        body = {
            "title": request_text.title(proposal),
            "head": proposal.branch,
            "base": proposal.base,
            "body": request_text.body(proposal),
        }
        return ForgeCall("POST", f"{self._path}/pulls", body=body)

    def opened(self, document: Any) -> ReviewRequest:
        return request_of(document, number="number", url="html_url")
