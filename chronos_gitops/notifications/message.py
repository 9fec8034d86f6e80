"""A message in words and as data, the same for every kind of channel."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from chronos_gitops.engine import drafts
from chronos_gitops.engine.model import Execution
from chronos_gitops.expectations import other_changes
from chronos_gitops.expectations.other_changes import OtherChange
from chronos_gitops.jobs.model import Job
from chronos_gitops.jobs.validation.quoting import cut
from chronos_gitops.notifications.incidents import ChangeKind, IncidentChange
from chronos_gitops.plurals import plural
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule.timestamps import rfc3339, utc_text
from chronos_gitops.sync.status import BrokenLayer
from chronos_gitops.versions.version import Version
from chronos_gitops.webhooks.redaction.redaction import printable_lines, scrub

LONGEST = 500
"""Maximum characters of a foreign text in a message: an error, the subject of a commit."""


@dataclass(frozen=True, slots=True)
class Notification:
    """``id`` is the same however often it is sent; ``thread`` is that of the incident. ``type`` is "job.failing" and
    the like; ``lines`` are sentences, ``links`` pairs of a word and an address; ``data`` is JSON."""

    id: str
    thread: str
    type: str
    at: datetime
    title: str
    lines: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    data: Mapping[str, Any] | None = None

    def document(self) -> str:
        return json.dumps(
            {
                "id": self.id,
                "thread": self.thread,
                "type": self.type,
                "at": self.at.isoformat(),
                "title": self.title,
                "lines": self.lines,
                "links": self.links,
                "data": self.data,
            },
            ensure_ascii=False,
        )

    @classmethod
    def read(cls, document: str) -> "Notification":
        """The inverse of ``document``."""
        found = json.loads(document)
        given = {"at": datetime.fromisoformat(found["at"]), "lines": tuple(found["lines"])}
        return cls(**found | given | {"links": tuple((word, url) for word, url in found["links"])})

    def scrubbed(self, values: Mapping[str, str]) -> "Notification":
        """Without any of these values, which are replaced by their labels."""
        return replace(
            self,
            title=scrub(self.title, values),
            lines=tuple(scrub(line, values) for line in self.lines),
            data=_scrubbed(self.data, values),
        )


def one_line(text: str) -> str:
    """Foreign text as part of one line of ours: printable, on one line, at most ``LONGEST`` characters."""
    return cut(" ".join(printable_lines(text).split()), LONGEST)


def _scrubbed(value: Any, values: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return scrub(value, values)
    if isinstance(value, Mapping):
        return {key: _scrubbed(inner, values) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_scrubbed(inner, values) for inner in value]
    return value


_NAMES: Final = 10
"""Jobs below a broken layer that are named; the rest is a count."""
_COMMITS: Final = 5
"""Maximum number of commits named, newest first, because the last change is the likeliest cause."""


@dataclass(frozen=True, slots=True)
class Past:
    """History of the job from ledger and git: its last success (None if unknown) and the versions since. ``is_draft``:
    the running file on disk differs from the committed one. ``others`` are differences that no commit explains, None
    where they are unknown. ``good_version`` is the version of that success in today's history; its row has the number
    in a history that may have been rewritten since."""

    good: Execution | None = None
    changes: Sequence[Version] = ()
    is_draft: bool = False
    others: Sequence[OtherChange] | None = None
    good_version: Version | None = None

    @property
    def is_rewritten(self) -> bool:
        """True if the known history lacks the version of the last success, so the changes since are unknown."""
        good = self.good
        return good is not None and good.commit is not None and not good.draft and self.good_version is None


@dataclass(frozen=True, slots=True)
class Author:
    """A commit and who made it."""

    commit: str
    name: str
    email: str
    committed_at: datetime
    subject: str

    @classmethod
    def of(cls, version: Version) -> "Author":
        return cls(version.commit, version.author_name, version.author_email, version.committed_at, version.subject)

    def sentence(self) -> str:
        return f"{self.commit[:8]} by {one_line(self.name)}, {utc_text(self.committed_at)}: {one_line(self.subject)}"

    def document(self) -> dict[str, Any]:
        return {
            "commit": self.commit,
            "author": {"name": one_line(self.name), "email": one_line(self.email)},
            "committed_at": rfc3339(self.committed_at),
            "subject": one_line(self.subject),
        }


def of_job(
    message: IncidentChange, job: Job, past: Past, action: str, *, public_url: str, now: datetime
) -> Notification:
    """``action`` is the line that says what to do."""
    incident, run = message.incident, message.about
    is_over = message.news is ChangeKind.RECOVERED
    runs = plural(incident.count, "run")
    if is_over:
        title = f"{job.name} works again"
        lines: tuple[str, ...] = (f"It failed since {utc_text(incident.since)}: {runs}, and has succeeded now.",)
    else:
        title = f"{job.name} is {'still ' if message.news is ChangeKind.STILL_FAILING else ''}failing"
        facts = [f"Error: {error_of(run)}"] if run is not None else []
        detail = f"{runs}{' in a row' if incident.count > 1 else ''}"
        lines = body(incident.since, facts, cause(past, run), action, detail=detail)
    links = links_of(job.name, None if run is None else run.id, public_url)
    data = job_data(job, past, links) | {
        "incident": incident.id,
        "since": rfc3339(incident.since),
        "failures": incident.count,
        "execution": None if run is None else execution_data(run),
    }
    return Notification(message.id, incident.id, f"job.{message.news}", now, title, lines, links[:1], data)


def body(
    since: datetime, facts: Sequence[str], why: Sequence[str], action: str, *, detail: str = ""
) -> tuple[str, ...]:
    """Lines below the title of a message about an ongoing incident: since when, facts, why, and one command."""
    begin = f"Since: {utc_text(since)}{f', {detail}' if detail else ''}"
    return (begin, *facts, *why, action)


def links_of(job: str, execution: str | None, public_url: str) -> tuple[tuple[str, str], ...]:
    """Those of the data; the text has the first one."""
    if not public_url:
        return ()
    run = () if execution is None else (("run", f"{public_url}/executions/{quote(execution)}"),)
    return (("job", f"{public_url}/jobs/{job}"), *run)


def cause(past: Past, run: Execution | None) -> list[str]:
    """The line that is looked for: which commit it came with. No commit made a draft, so none is named for it."""
    if run is not None and run.draft:
        return [_good(past), drafts.sentence(run), *_besides(past.others or None)]
    unsaved = ["The file has changes that were not committed."] if past.is_draft else []
    if past.good is None or past.is_rewritten:
        known = [f"It runs version {one.label}, {Author.of(one).sentence()}" for one in past.changes[-1:]]
        return [_good(past), *known, *_besides(past.others or None), *unsaved]
    return [_good(past), *_commits(past.changes, past.others), *unsaved]


def cause_in_short(past: Past, run: Execution) -> str:
    """``cause`` in one paragraph; of many commits the newest is named."""
    lines = cause(past, run)
    if len(past.changes) > 1 and not run.draft and not past.is_rewritten:
        lines = [
            _good(past),
            f"{_count_of(past.changes)}, the newest: {_named(past.changes[-1])}",
            *_besides(past.others),
        ]
    return " ".join(line if line.endswith(".") else f"{line}." for line in lines)


def _good(past: Past) -> str:
    good = past.good
    if good is None:
        return "Last good run: none is known"
    return f"Last good run: {utc_text(good.scheduled_time)}{_made_by(good, past)}"


def _made_by(good: Execution, past: Past) -> str:
    if good.draft:
        return ", of a draft"
    if past.is_rewritten:
        return f", of commit {str(good.commit)[:8]}, which is not in the known history"
    return "" if past.good_version is None else f", of version {past.good_version.label}"


def _besides(others: Sequence[OtherChange] | None) -> list[str]:
    found = other_changes.after_commits(others)
    return [] if found is None else [found]


def _commits(changes: Sequence[Version], others: Sequence[OtherChange] | None) -> list[str]:
    if not changes:
        return [other_changes.without_commits(others)]
    return [*_named_commits(changes), *_besides(others)]


def _named_commits(changes: Sequence[Version]) -> list[str]:
    if len(changes) == 1:
        return [f"{_count_of(changes)}: {_named(changes[0])}"]
    more = len(changes) - _COMMITS
    named = [f"- {_named(one)}" for one in reversed(changes[-_COMMITS:])]
    rest = [f"- and {more} more"] if more > 0 else []
    return [f"{_count_of(changes)}, newest first:", *named, *rest]


def _count_of(changes: Sequence[Version]) -> str:
    return f"{plural(len(changes), 'commit')} changed the job since then"


def _named(version: Version) -> str:
    return f"{Author.of(version).sentence()} (version {version.label})"


def error_of(run: Execution) -> str:
    if run.error:
        return one_line(run.error)
    return "no answer" if run.status_code is None else f"status {run.status_code}"


def job_data(job: Job, past: Past, links: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """The part of the data that every message about a job has; a recovery has no ``past``."""
    return {
        "job": job.name,
        "tags": dict(job.tags),
        "last_success": None if past.good is None else execution_data(past.good),
        "changes": [_change(one) for one in past.changes[-_COMMITS:]],
        "changes_total": len(past.changes),
        "changed": [one.document() for one in past.others or ()],
        "links": dict(links),
    }


def execution_data(run: Execution) -> dict[str, Any]:
    return {
        "id": run.id,
        "scheduled_time": rfc3339(run.scheduled_time),
        "completed_at": None if run.completed_at is None else rfc3339(run.completed_at),
        "status": run.status.value,
        "attempts": run.attempts,
        "status_code": run.status_code,
        "error_class": run.error_class,
        "error": None if run.error is None else one_line(run.error),
        "version": run.version,
        "commit": run.commit,
        "draft": run.draft,
    }


def _change(version: Version) -> dict[str, Any]:
    return Author.of(version).document() | {"version": version.number, "change": version.change.value}


@dataclass(frozen=True, slots=True)
class Trouble:
    """A fault of following git: topic, typed reason, sentences, authors of the commits, and the line with the next
    step. ``layers`` are those of ``names`` that other files inherit from."""

    topic: str
    reason: str
    sentences: tuple[str, ...]
    names: tuple[str, ...] = ()
    authors: tuple[Author, ...] = ()
    action: str = ""
    layers: tuple[BrokenLayer, ...] = ()


def over(topic: str) -> Trouble:
    """It is gone; nothing has to be said of it."""
    return Trouble(topic, "", ())


SYNC_TOPICS: Final[Mapping[str, tuple[str, str]]] = {
    "follow": ("git cannot be followed; the last good jobs run", "git is followed again"),
    "commit": ("a commit was refused; the last good jobs run", "no commit is refused any more"),
    "files": ("invalid files; what ran before keeps running", "every file is valid again"),
    "deletions": ("deletions wait for approval", "no deletion waits any more"),
}
"""Titles of an incident by its topic: while it lasts, and after it."""


def of_sync(
    message: IncidentChange, trouble: Trouble, *, repository: str, branch: str | None, public_url: str, now: datetime
) -> Notification:
    failing, works = SYNC_TOPICS[trouble.topic]
    is_over = message.news is ChangeKind.RECOVERED
    place = f"Repository: {one_line(repository)}" + (f", branch {one_line(branch)}" if branch else "")
    lines: tuple[str, ...] = (place, f"It lasted since {utc_text(message.incident.since)}.")
    if not is_over:
        why = [one_line(sentence) for sentence in trouble.sentences]
        why += [f"Commit {author.sentence()}" for author in trouble.authors[:_COMMITS]]
        lines = body(message.incident.since, [place], why, trouble.action)
    links = (("changes", f"{public_url}/changes"),) if public_url else ()
    data = {
        "topic": trouble.topic,
        "repository": one_line(repository),
        "branch": branch,
        "incident": message.incident.id,
        "since": rfc3339(message.incident.since),
        "reason": None if is_over else trouble.reason,
        "names": [] if is_over else [one_line(name) for name in trouble.names[:100]],
        "names_total": 0 if is_over else len(trouble.names),
        "layers": [] if is_over else [_layer(one) for one in trouble.layers[:100]],
        "commits": [] if is_over else [author.document() for author in trouble.authors[:_COMMITS]],
        "links": dict(links),
    }
    still = "still: " if message.news is ChangeKind.STILL_FAILING else ""
    title = works if is_over else f"{still}{failing}"
    return Notification(message.id, message.incident.id, f"sync.{message.news}", now, title, lines, links, data)


def _layer(layer: BrokenLayer) -> dict[str, Any]:
    return {"file": layer.file, "jobs": len(layer.quarantined), "job_names": list(layer.quarantined[:_NAMES])}


def test(message_id: str, channel: str, now: datetime) -> Notification:
    """The message of ``notify test``."""
    lines = ("Nothing is wrong: an operator is testing this channel.",)
    return Notification(
        message_id, message_id, "test", now, f"a test of the channel {channel}", lines, (), {"test": True}
    )
