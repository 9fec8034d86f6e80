"""A rollback makes a job what it was, whatever the layers were then and are now."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

import pytest
from harness.machine.seeds import seeded
from harness.repositories.layered_histories import NAMES, RandomTree

from chronos_gitops.jobs.layers.comparison import comparable
from chronos_gitops.jobs.layers.file_roles import place_of
from chronos_gitops.jobs.layers.parts import FileParts, parts_of
from chronos_gitops.jobs.layers.tree import Layer, Layers
from chronos_gitops.jobs.validation import document
from chronos_gitops.rollback.file_text import EditedText, with_values
from chronos_gitops.rollback.written_out import (
    JobPlace,
    differences,
    file_value,
    needs_nothing,
    written_out,
)

NOTE = "Written out by the rollback to version 3: inherited then, different now."


@dataclass(frozen=True)
class Case:
    text: str
    then: JobPlace
    now: JobPlace

    @property
    def own(self) -> FileParts:
        return parts(self.text)

    def restored(self) -> tuple[FileParts, EditedText]:
        made = written_out(self.own, self.then, self.now)
        return made, with_values(self.text, file_value(made), NOTE)


def parts(text: str) -> FileParts:
    return parts_of(document.read("", text.encode()))


def layers_of(tree: RandomTree) -> Layers:
    found = [
        Layer(path, place_of(path.removeprefix("jobs/")), "", parts(text))
        for path, text in sorted(tree.files.items())
        if "/_" in path
    ]
    return Layers(found, lambda path: path.removeprefix("jobs/"))


def cases(chance: Random) -> Iterator[Case]:
    """Jobs of one tree, with its layers and those that it has some edits later; a job may have moved."""
    tree = RandomTree(chance, with_faults=False)
    for _ in range(chance.randint(3, 12)):
        tree.edit()
    then = layers_of(tree)
    jobs = {name: (path, tree.files[path]) for name in NAMES if (path := tree.path_of(name)) is not None}
    for _ in range(chance.randint(1, 6)):
        tree.edit()
    now = layers_of(tree)
    for name, (path, text) in jobs.items():
        yield Case(text, JobPlace(path, then), JobPlace(tree.path_of(name) or path, now))


def was_valid(case: Case) -> bool:
    """An ``auth`` that states no type anywhere is an error, and such a version cannot be rolled back to."""
    contents = [case.then.base(case.own), *case.then.contents(case.own).values()]
    auths = [content.get("webhook", {}).get("auth") for content in contents]
    return all(auth is None or auth.get("type") is not None for auth in auths)


def outcome(case: Case) -> str:
    """Checks one case, and says which way it took."""
    own = case.own
    if not was_valid(case):
        return "not valid then"
    if needs_nothing(own, case.then, case.now):
        assert case.now.is_same(own, case.then, own)
        return "same text"
    made, edited = case.restored()
    back = parts(edited.text)
    assert comparable(back) == comparable(parts_of(document.read("", edited.text.encode())))
    assert case.now.is_same(back, case.then, own), edited.text
    assert set(back.blocks) <= {*case.now.layers.environments} | {*own.blocks}
    fields = {one.path[0] for one in differences(own, made) if one.environment is None}
    fields |= {"environments"} if back.blocks.keys() | own.blocks.keys() else set()
    assert lines_about(case.text, fields) == lines_about(edited.text, fields), edited.text
    return "rewritten" if edited.rewritten else "edited"


def lines_about(text: str, without: set[str]) -> list[str]:
    """The lines of all other top-level fields, and comments."""
    kept, field = [], ""
    for line in text.splitlines():
        if line[:1] not in (" ", "-", "#", ""):
            field = line.partition(":")[0]
        if field not in without and not line.startswith(f"# {NOTE}"):
            kept.append(line)
    return kept


@pytest.mark.parametrize("seed", range(4))
def test_content_after_is_content_at_that_version_in_every_environment(seed: int) -> None:
    chance, found = seeded(seed), Counter[str]()
    for _ in range(150):
        found.update(map(outcome, cases(chance)))
    print(dict(found))
    assert found["edited"] > 100
    assert found["same text"] > 10
