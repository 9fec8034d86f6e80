"""The calls that GitHub and Gitea share, whose API follows GitHub's: commit statuses and pull requests."""

from typing import Any

from chronos_gitops.forge import request_text
from chronos_gitops.forge.calls import CommitStatus, ForgeCall, optional, request_of
from chronos_gitops.rollback.publish import Proposal, ReviewRequest


class PullRequests:
    """A part of the Dialect protocol. ``path`` is that of the repository in the API."""

    def __init__(self, path: str) -> None:
        self._path = path

    def status(self, status: CommitStatus) -> ForgeCall:
        given = {"state": status.state.value, "description": status.description, "context": status.context}
        body = given | optional("target_url", status.link)
        return ForgeCall("POST", f"{self._path}/statuses/{status.commit}", body=body)

    def is_kept(self, status: CommitStatus, code: int, body: bytes) -> bool:  # noqa: ARG002 - it takes every status
        return False

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
