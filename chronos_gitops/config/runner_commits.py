"""Settings of the commits that a runner makes, and of who approves what."""

import re
import string
from pathlib import Path
from typing import Any, Final, Literal

from chronos_gitops.config import parsers
from chronos_gitops.config.setting import setting
from chronos_gitops.process.lazy_dataclass import dataclass

Rollbacks = Literal["direct", "review"]
Deletions = Literal["operator", "commit"]
PLAIN: Final = "{subject}\n\n{trailers}"
"""The message as the runner writes it."""
_FIELDS: Final = ("subject", "trailers", "committer", "author", "change_id")
_REF: Final = re.compile(r"refs/[A-Za-z0-9._/%=,@+-]{1,200}\Z", re.ASCII)


def template(value: Any, _base: Path) -> str:
    """The text, where ``{subject}``, ``{trailers}``, ``{committer}``, ``{author}``, ``{change_id}`` are filled in.

    The two characters ``\\n`` end a line, so that an environment variable can say it.
    ValueError: the trailers have to stay in the last paragraph, where git and we look for them.
    """
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{value!r} is not a text")
    given = value.replace("\\n", "\n")
    try:
        parts = list(string.Formatter().parse(given))
    except ValueError as error:
        raise ValueError(f"it is no template: {error}; write {{{{ and }}}} for braces") from None
    for _, name, form, conversion in parts:
        if name is not None and (name not in _FIELDS or form or conversion):
            raise ValueError(f'there is no "{{{name}}}"; use {", ".join(f"{{{one}}}" for one in _FIELDS)}')
    for name in ("subject", "trailers"):
        if f"{{{name}}}" not in given:
            raise ValueError(f'it lacks {{{name}}}; write one like "OPS-0: {{subject}}\\n\\n{{trailers}}"')
    head, _, tail = given.partition("{trailers}")
    if "{subject}" not in head.partition("\n")[0]:
        raise ValueError("{subject} has to be in its first line")
    if not head.endswith("\n\n") or "\n\n" in tail.rstrip("\n"):
        raise ValueError("{trailers} begins its last paragraph; other trailers come behind it, without an empty line")
    return given


def full_ref(value: Any, _base: Path) -> str:
    given = parsers.text(value).strip()
    if not _REF.match(given) or ".." in given or given.endswith("/"):
        raise ValueError(f'"{given}" is no full ref; write one like refs/for/main')
    return given


@dataclass(frozen=True, slots=True)
class RunnerCommits:
    """``rollbacks`` and ``deletions`` say who approves: with ``review`` and ``commit`` it is the forge's review."""

    message: str = setting(
        "rollback.message",
        template,
        "Template of the runner's commit messages, with `{subject}` and `{trailers}`; optional are `{author}`, "
        "`{committer}` and `{change_id}`.",
        default=PLAIN,
        default_text="{subject}\\n\\n{trailers}",
        variable="CHRONOS_ROLLBACK_MESSAGE",
    )
    push_ref: str = setting(
        "rollback.push_ref",
        full_ref,
        "Full ref to which the runner pushes its commits instead of the branch, such as refs/for/main for Gerrit.",
        default="",
        variable="CHRONOS_ROLLBACK_PUSH_REF",
        words="the branch",
    )
    rollbacks: Rollbacks = setting(
        "approval.rollback",
        parsers.choice("direct", "review"),
        "Destination of rollback commits: the followed branch (direct), or a new branch with a pull request (review).",
        default="direct",
        variable="CHRONOS_APPROVAL_ROLLBACK",
    )
    deletions: Deletions = setting(
        "approval.deletions",
        parsers.choice("operator", "commit"),
        "Approval of held deletions: by an operator or a commit (operator), or only by the trailer "
        "Chronos-Allow-Deletes of a commit (commit).",
        default="operator",
        variable="CHRONOS_APPROVAL_DELETIONS",
    )

    @property
    def needs_review(self) -> bool:
        return self.rollbacks == "review"
