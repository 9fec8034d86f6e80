"""One look at the layers tells of a job the same as a comparison of its contents."""

from collections.abc import Mapping

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from chronos_gitops.jobs.layers.comparison import comparable
from chronos_gitops.jobs.layers.file_roles import place_of
from chronos_gitops.jobs.layers.parts import FileParts, parts_of
from chronos_gitops.jobs.layers.tree import Layer, Layers
from chronos_gitops.jobs.validation import document
from chronos_gitops.versions.inherited_edits import InheritedEdits, reach

VALUES: Mapping[str, tuple[str, ...]] = {
    "timeout": ("1s", "2s", "null"),
    "variables": ("{a: b, c: d}", "{a: c, c: d}", "{a: null}", "5"),
    "tags": ("{a: b}", "{a: 1}", "null"),
    "webhook": (
        "{url: 'https://${var:a}/'}",
        "{url: 'https://${var:c}/'}",
        "{headers: {X-A: '${var:a}'}}",
        "{headers: {x-a: b, Y: c}}",
        "{headers: {X-A: null}}",
        "{body: '${var:c}', method: POST}",
        "null",
        "5",
    ),
}
PART = st.dictionaries(st.sampled_from(sorted(VALUES)), st.integers(0, 7), max_size=3)
FILE = st.tuples(PART, st.none() | PART)
LAYERS = ("_defaults.yaml", "a/_defaults.yaml", "_environments/production.yaml", "_environments/staging.yaml")


def parts(file: tuple[Mapping[str, int], Mapping[str, int] | None], name: str = "") -> FileParts:
    base, block = file
    lines = [name, *(f"{key}: {VALUES[key][at % len(VALUES[key])]}" for key, at in base.items())]
    if block:
        lines += ["environments:", "  staging:"]
        lines += [f"    {key}: {VALUES[key][at % len(VALUES[key])]}" for key, at in block.items()]
    return comparable(parts_of(document.read("", "\n".join(lines).encode())))


def layers(files: tuple[tuple[Mapping[str, int], Mapping[str, int] | None], ...]) -> Layers:
    return Layers([Layer(path, place_of(path), "", parts(file)) for path, file in zip(LAYERS, files, strict=True)])


@settings(max_examples=300, deadline=None, phases=(Phase.explicit, Phase.generate))
@given(
    files=st.tuples(*[FILE] * 2, *[st.tuples(PART, st.none())] * 2),
    at=st.integers(0, 3),
    edited=FILE,
    own=FILE,
)
def test_reach_of_an_edit_is_where_contents_differ(
    files: tuple[tuple[Mapping[str, int], Mapping[str, int] | None], ...],
    at: int,
    edited: tuple[Mapping[str, int], Mapping[str, int] | None],
    own: tuple[Mapping[str, int], Mapping[str, int] | None],
) -> None:
    before = layers(files)
    after = layers((*files[:at], edited if at < 2 else (edited[0], None), *files[at + 1 :]))
    job = parts(own, "name: one-job")
    told = InheritedEdits(before, after).reach("a/one-job.yaml", job)
    assert told in (None, reach(before.merged("a/one-job.yaml", job), after.merged("a/one-job.yaml", job)))


def test_one_look_is_enough_for_a_file_that_says_none_of_it() -> None:
    files = (({"timeout": 0, "variables": 0}, None), ({}, None), ({"variables": 0}, None), ({}, None))
    before, job = layers(files), parts(({"webhook": 0}, None), "name: one-job")
    for edited, environments in (
        ({"timeout": 1, "variables": 0}, ("production", "staging")),
        ({"timeout": 0, "variables": 1}, ("staging",)),
        ({"timeout": 0}, ("staging",)),
    ):
        found = InheritedEdits(before, layers(((edited, None), *files[1:]))).reach("a/one-job.yaml", job)
        assert found is not None
        assert found.environments == environments
