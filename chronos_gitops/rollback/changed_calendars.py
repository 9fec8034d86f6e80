"""Calendars that changed since a version of a job: a rollback of the job leaves them as they are (TIME section 4)."""

from chronos_gitops.git.errors import GitError
from chronos_gitops.git.log import commits
from chronos_gitops.jobs.folders import outside
from chronos_gitops.jobs.layers.file_roles import CALENDARS, calendar_path
from chronos_gitops.jobs.validation.validate import TreeResult
from chronos_gitops.plurals import plural
from chronos_gitops.rollback.revert import HeadHistory
from chronos_gitops.versions.version import Version


def changed_calendars(history: HeadHistory, target: Version, restored: TreeResult) -> tuple[str, ...]:
    """One warning for each calendar that closes times of the restored job; none where the history cannot be read."""
    parsed, source, head = restored.jobs.get(target.job), history.followed.source, history.index.head
    if parsed is None or parsed.job is None or head is None:
        return ()
    timing = parsed.job.timing
    names = [calendar.name for calendar in (*timing.skip, *timing.freezes)]
    try:
        made = commits(source.git, outside(CALENDARS, source.jobs), target.commit, head) if names else []
    except GitError:
        return ()
    paths = [(one.sha, {edit.path for edit in one.edits}) for one in made]
    files = {name: outside(calendar_path(name), source.jobs) for name in names}
    edits = {name: [sha for sha, edited in paths if file in edited] for name, file in files.items()}
    return tuple(_warning(name, shas, target) for name, shas in edits.items() if shas)


def _warning(name: str, shas: list[str], target: Version) -> str:
    count = plural(len(shas), "commit") + ("" if len(shas) == 1 else ", the last")
    since = f"the calendar {name} has changed since version {target.label} ({count} {shas[-1][:8]})"
    return f"{since}; a rollback of the job does not roll it back"
