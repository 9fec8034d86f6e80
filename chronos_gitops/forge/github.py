"""GitHub's REST API, of github.com and of GitHub Enterprise Server."""

from typing import Any, Final

from chronos_gitops.forge import request_text
from chronos_gitops.forge.calls import CommitStatus, ForgeCall, optional, request_of
from chronos_gitops.rollback.publish import Proposal, ReviewRequest

_VERSION: Final = "2022-11-28"


class GitHub:
    """See the Dialect protocol. ``repository`` is ``owner/name``."""

    def __init__(self, repository: str) -> None:
        self._owner = repository.partition("/")[0]
        self._path = f"/repos/{repository}"

    def headers(self, token: str) -> tuple[tuple[str, str], ...]:
        return (
            ("Authorization", f"Bearer {token}"),
            ("Accept", "application/vnd.github+json"),
            ("X-GitHub-Api-Version", _VERSION),
        )

    def status(self, status: CommitStatus) -> ForgeCall:
        given = {"state": status.state.value, "description": status.description, "context": status.context}
        body = given | optional("target_url", status.link)
        return ForgeCall("POST", f"{self._path}/statuses/{status.commit}", body=body)

    def is_kept(self, status: CommitStatus, code: int, body: bytes) -> bool:  # noqa: ARG002 - it takes every status
        return False

    def find(self, proposal: Proposal) -> ForgeCall:
        """One at most: each embeds two whole repositories."""
        query = {"head": f"{self._owner}:{proposal.branch}", "base": proposal.base, "state": "open", "per_page": "1"}
        return ForgeCall("GET", f"{self._path}/pulls", query)

    def found(self, document: Any) -> ReviewRequest | None:
        return self.opened(document[0]) if len(document) else None

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
