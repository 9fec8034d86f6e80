"""What one JobSet changes in another: the one comparison that everything which follows a change goes by."""

from dataclasses import dataclass

from chronos_gitops.jobs.model import JobSet, JobVersion


@dataclass(frozen=True, slots=True)
class JobSetDiff:
    """Names, sorted. Of a job that both sets have, each tuple says one difference, and one job may be in several.

    ``redefined``: the job itself differs. ``moved``: its file stands elsewhere. ``reversioned``: it is another version,
    text or draft. ``requarantined``: the errors of its file differ, what runs does not.
    """

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    redefined: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()
    reversioned: tuple[str, ...] = ()
    requarantined: tuple[str, ...] = ()

    @property
    def changed(self) -> tuple[str, ...]:
        """The jobs of both sets that are redefined, moved or reversioned."""
        return tuple(sorted({*self.redefined, *self.moved, *self.reversioned}))

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed or self.requarantined)


def diff(before: JobSet, after: JobSet) -> JobSetDiff:
    """What going from one set to the other changes. A definition that is the same object is not looked into."""
    found: dict[str, list[str]] = {"redefined": [], "moved": [], "reversioned": [], "requarantined": []}
    for new in after:
        old = before.get(new.job.name)
        if old is None or old is new:
            continue
        for kind, differs in _differences(old, new).items():
            if differs:
                found[kind].append(new.job.name)
    return JobSetDiff(
        added=tuple(sorted(after.definitions.keys() - before.definitions.keys())),
        removed=tuple(sorted(before.definitions.keys() - after.definitions.keys())),
        **{kind: tuple(sorted(names)) for kind, names in found.items()},
    )


def _differences(old: JobVersion, new: JobVersion) -> dict[str, bool]:
    is_other = old.job is not new.job and old.job != new.job
    return {
        # The digest knows no order: two tags that change places are a new text and the same job.
        "redefined": is_other and old.job.digest != new.job.digest,
        "moved": old.path != new.path,
        "reversioned": _place(old) != _place(new),
        "requarantined": old.quarantined != new.quarantined,
    }


def _place(definition: JobVersion) -> tuple[object, ...]:
    one = definition
    return one.blob, one.version, one.commit, one.draft, one.created_at, one.updated_at
