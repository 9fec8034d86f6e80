"""Which jobs a freeze or a policy is about, as its file writes it."""

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any, Final

from chronos_gitops.process.lazy_dataclass import dataclass

Path = tuple[str | int, ...]
Refuse = Callable[[Path, str, str], None]
"""Takes the path of a value, what is wrong with it, and a hint."""
FIELDS: Final = ("folder", "tags", "environments")


@dataclass(frozen=True, slots=True)
class Selection:
    """All that are given must hold; ``"*"`` as a tag's value is any value, and an empty selection is every job."""

    folder: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    environments: frozenset[str] = frozenset()
    except_jobs: frozenset[str] = frozenset()

    def chooses(self, name: str, path: str, tags: Mapping[str, str], environment: str | None) -> bool:
        """True if the job of that name, file, effective tags and environment is one of them."""
        return (
            name not in self.except_jobs
            and self.may_choose(path)
            and all(key in tags and value in ("*", tags[key]) for key, value in self.tags.items())
            and (not self.environments or environment in self.environments)
        )

    def may_choose(self, path: str) -> bool:
        """True if the folder holds the file."""
        return not self.folder or path.startswith(self.folder.rstrip("/") + "/")


def parse_selection(
    chosen: Mapping[str, Any], path: Path, refuse: Refuse, except_jobs: frozenset[str] = frozenset()
) -> Selection | None:
    """The selection of a map with FIELDS only, which stands at the path; None for one that was refused."""
    folder, tags = chosen.get("folder", ""), chosen.get("tags", {})
    environments = chosen.get("environments", [])
    if not isinstance(folder, str) or ("folder" in chosen and not folder.strip("/")):
        refuse((*path, "folder"), "folder is no path from the root of the repository", "write jobs/payments")
    elif not isinstance(tags, dict) or not all(isinstance(value, str) for value in tags.values()):
        refuse((*path, "tags"), "tags is not a map of texts", "write tags: {tier: gold}")
    elif not is_list_of_names(environments) or ("environments" in chosen and not environments):
        refuse((*path, "environments"), "environments is not a list of names", "write [production]")
    else:
        return Selection(folder.strip("/"), dict(tags), frozenset(environments), except_jobs)
    return None


def is_list_of_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)
