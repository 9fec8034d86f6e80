"""GitLab's REST API, version 4."""

from typing import Any, Final
from urllib.parse import quote

from chronos_gitops.forge import request_text
from chronos_gitops.forge.calls import CommitStatus, ForgeCall, StatusState, optional, request_of
from chronos_gitops.rollback.publish import Proposal, ReviewRequest

_STATES: Final = {
    StatusState.PENDING: "pending",
    StatusState.SUCCESS: "success",
    StatusState.FAILURE: "failed",
}
_BAD_REQUEST: Final = 400


class GitLab:
    """See the Dialect protocol. ``repository`` is the project with all its groups."""

    def __init__(self, repository: str) -> None:
        self._path = f"/api/v4/projects/{quote(repository, safe='')}"

    def headers(self, token: str) -> tuple[tuple[str, str], ...]:
        """Personal, project and group access tokens are taken as those of OAuth 2."""
        return (("Authorization", f"Bearer {token}"), ("Accept", "application/json"))

    def status(self, status: CommitStatus) -> ForgeCall:
        given = {"state": _STATES[status.state], "name": status.context, "description": status.description}
        body = given | optional("target_url", status.link)
        return ForgeCall("POST", f"{self._path}/statuses/{status.commit}", body=body)

    def is_kept(self, status: CommitStatus, code: int, body: bytes) -> bool:
        """A status that is pending cannot become pending, whatever it says (gitlab-foss issue 25807)."""
        return status.state is StatusState.PENDING and code == _BAD_REQUEST and b"Cannot transition status" in body

    def find(self, proposal: Proposal) -> ForgeCall:
        query = {
            "source_branch": proposal.branch,
            "target_branch": proposal.base,
            "state": "opened",
            "per_page": "1",
        }
        return ForgeCall("GET", f"{self._path}/merge_requests", query)

    def found(self, document: Any) -> ReviewRequest | None:
        return self.opened(document[0]) if len(document) else None

    def open(self, proposal: Proposal) -> ForgeCall:
        body = {
            "source_branch": proposal.branch,
            "target_branch": proposal.base,
            "title": request_text.title(proposal),
            "description": request_text.body(proposal),
        }
        return ForgeCall("POST", f"{self._path}/merge_requests", body=body)

    def opened(self, document: Any) -> ReviewRequest:
        return request_of(document, number="iid", url="web_url")
