"""Made-up histories of jobs with layers: edits, moves, deletions, broken layers, environments that come and go."""

import random
from collections.abc import Mapping, Sequence
from typing import Any, Final

import yaml
from harness.repositories.repository import Repository

FOLDERS: Final = ("", "a", "a/b", "c")
NAMES: Final = ("alpha", "beta", "gamma", "delta")
ENVIRONMENTS: Final = ("production", "staging", "test")
BROKEN: Final = "tags: [\n"
Edits = Mapping[str, str | None]
"""Text by path from the repository root, None for a file that goes."""

_TEXTS: Final[Mapping[str, Sequence[Any]]] = {
    "timeout": ("1s", "2s", "3s"),
    "timezone": ("UTC", "Europe/Paris", "Asia/Tokyo"),
    "schedule": ("0 2 * * *", "@hourly", "*/5 * * * *"),
    "enabled": (True, False),
    "concurrency": ("forbid", "allow"),
}
_AUTHS: Final = (
    {"type": "hmac", "secret": "${secret:pay}"},
    {"type": "bearer", "token": "${secret:pay}"},
    {"token": "${secret:other}"},
    {"type": "api_key", "api_key": "${secret:key}", "header": "X-Key"},
)


class RandomTree:
    """The files of a jobs folder under random edits. Each name has at most one file."""

    def __init__(self, chance: random.Random, *, with_faults: bool = True) -> None:
        self.files: dict[str, str] = {}
        self._chance = chance
        self._with_faults = with_faults

    def edit(self, most: int = 3) -> Edits:
        """One to ``most`` random edits, as one commit."""
        before = dict(self.files)
        for _ in range(self._chance.randint(1, most)):
            self._chance.choice((self._job, self._job, self._defaults, self._defaults, self._environment))()
        paths = before.keys() | self.files.keys()
        return {path: self.files.get(path) for path in sorted(paths) if before.get(path) != self.files.get(path)}

    def path_of(self, name: str) -> str | None:
        return next((path for path in self.files if path.endswith(f"/{name}.yaml") and "/_" not in path), None)

    def job(self, name: str) -> str:
        """A random text of a job that may leave all but its name to layers."""
        value = {"name": name} | part(self._chance)
        value["environments"] = self._blocks()
        return _text({key: one for key, one in value.items() if one != {}}, self._chance)

    def _job(self) -> None:
        name = self._chance.choice(NAMES)
        path, dice = self.path_of(name), self._chance.random()
        if path is not None and dice < 0.35:
            text = self.files.pop(path)
            if dice < 0.15:
                return
            if dice < 0.25:
                self.files[f"{self._folder()}{name}.yaml"] = text
                return
        path = path if path in self.files else f"{self._folder()}{name}.yaml"
        self.files[str(path)] = self.job(name)

    def _defaults(self) -> None:
        self._layer(f"{self._folder()}_defaults.yaml", part(self._chance) | {"environments": self._blocks()})

    def _environment(self) -> None:
        self._layer(f"jobs/_environments/{self._chance.choice(ENVIRONMENTS)}.yaml", part(self._chance))

    def _layer(self, path: str, value: dict[str, Any]) -> None:
        dice = self._chance.random()
        if dice < 0.2:
            self.files.pop(path, None)
        elif dice < 0.3 and self._with_faults:
            self.files[path] = BROKEN
        elif dice < 0.4 and path in self.files:
            self.files[path] += "# a comment\n"
        else:
            self.files[path] = _text({key: one for key, one in value.items() if one != {}}, self._chance)

    def _blocks(self) -> dict[str, Any]:
        if self._with_faults:
            names = [name for name in ENVIRONMENTS if self._chance.random() < 0.2]
        else:
            declared = [name for name in ENVIRONMENTS if f"jobs/_environments/{name}.yaml" in self.files]
            names = [name for name in declared if self._chance.random() < 0.4]
        return {name: part(self._chance) for name in names}

    def _folder(self) -> str:
        folder = self._chance.choice(FOLDERS)
        return f"jobs/{folder}/" if folder else "jobs/"


def part(chance: random.Random, *, nulls: float = 0.15) -> dict[str, Any]:
    """Some fields of a job; ``nulls`` is how often one is removed instead."""

    def some(value: Any, often: float) -> list[Any]:
        return [] if chance.random() >= often else [None if chance.random() < nulls else value]

    found: dict[str, Any] = {}
    for field, values in _TEXTS.items():
        for value in some(chance.choice(values), 0.3):
            found[field] = value
    for field, keys in {"tags": ("team", "tier"), "variables": ("api", "unused")}.items():
        table = {key: value for key in keys for value in some(f"{chance.choice('abc')}.test", 0.4)}
        if table:
            found[field] = table
    for value in some({"max_attempts": chance.randint(1, 3), "max_interval": "1m"}, 0.2):
        found["retry_policy"] = value
    webhook = _webhook(chance, some)
    if webhook:
        found["webhook"] = webhook
    return found


def _webhook(chance: random.Random, some: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for value in some(f"https://${{var:api}}/{chance.randint(1, 3)}", 0.3):
        found["url"] = value
    for value in some(dict(chance.choice(_AUTHS)), 0.25):
        found["auth"] = value
    names = (chance.choice(("X-Team", "x-team")), "X-Run")
    headers = {name: value for name in names for value in some(chance.choice("ab"), 0.25)}
    if headers:
        found["headers"] = headers
    return found


def _text(value: dict[str, Any], chance: random.Random) -> str:
    comment = f"# {chance.randint(0, 9)}\n" if chance.random() < 0.3 else ""
    return comment + (yaml.safe_dump(value, sort_keys=False) if value else "# nothing\n")


def import_commits(repository: Repository, commits: Sequence[Edits]) -> list[str]:
    """One commit for each on top of main, oldest first; made by git-fast-import(1)."""
    start = repository.git("rev-list", "--count", "--all")
    lines = []
    for number, edits in enumerate(commits, int(start)):
        lines.append(f"commit refs/heads/main\ncommitter A <a@example.com> {1_700_000_000 + number} +0000\n")
        lines.append("data 4\nEdit\n")
        if number == int(start) and number:
            lines.append("from refs/heads/main^0\n")
        for path, text in edits.items():
            if text is None:
                lines.append(f"D {path}\n")
            else:
                lines.append(f"M 100644 inline {path}\ndata {len(text.encode())}\n{text}\n")
    repository.git("fast-import", "--quiet", stdin="".join(lines))
    chain = repository.git("rev-list", "--first-parent", "--reverse", "refs/heads/main").split()
    return chain[int(start) :]
