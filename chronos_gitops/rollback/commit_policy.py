"""The operator's rules for the runner's own commits: a message that the branch's policy accepts, review, another
ref."""

import hashlib
from typing import Final

from chronos_gitops.config.runner_commits import PLAIN, RunnerCommits
from chronos_gitops.git.commit import Person
from chronos_gitops.process.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class CommitPolicy:
    """``message`` is a template (see config.runner_commits). ``push_ref`` is a full ref that commits are pushed to in
    place of the branch, like ``refs/for/main`` of Gerrit; with ``needs_review`` each commit is proposed on a branch of
    its own and none is made on the followed one."""

    message: str = PLAIN
    push_ref: str = ""
    needs_review: bool = False

    @classmethod
    def of(cls, settings: RunnerCommits) -> "CommitPolicy":
        return cls(settings.message, settings.push_ref, settings.needs_review)

    def written(self, message: str, *, author: Person, committer: Person) -> str:
        """The message in the operator's form, with one line break at its end."""
        subject, _, rest = message.partition("\n\n")
        values = {
            "subject": subject,
            "trailers": rest.rstrip("\n"),
            "committer": str(committer.cleaned()),
            "author": str(author.cleaned()),
            "change_id": f"I{hashlib.sha1(message.encode(), usedforsecurity=False).hexdigest()}",
        }
        return self.message.format_map(values).rstrip("\n") + "\n"


DEFAULT: Final = CommitPolicy()
