"""GitHub's REST API, of github.com and of GitHub Enterprise Server."""

from typing import Any, Final

from chronos_gitops.forge.calls import ForgeCall
from chronos_gitops.forge.pull_requests import PullRequests
from chronos_gitops.rollback.publish import Proposal, ReviewRequest

_VERSION: Final = "2022-11-28"


class GitHub(PullRequests):
    """See the Dialect protocol. ``repository`` is ``owner/name``."""

    def __init__(self, repository: str) -> None:
        super().__init__(f"/repos/{repository}")
        self._owner = repository.partition("/")[0]

    def headers(self, token: str) -> tuple[tuple[str, str], ...]:
        return (
            ("Authorization", f"Bearer {token}"),
            ("Accept", "application/vnd.github+json"),
            ("X-GitHub-Api-Version", _VERSION),
        )

    def find(self, proposal: Proposal) -> ForgeCall:
        """One at most: each embeds two whole repositories."""
        query = {"head": f"{self._owner}:{proposal.branch}", "base": proposal.base, "state": "open", "per_page": "1"}
        return ForgeCall("GET", f"{self._path}/pulls", query)

    def found(self, document: Any) -> ReviewRequest | None:
        return self.opened(document[0]) if len(document) else None
