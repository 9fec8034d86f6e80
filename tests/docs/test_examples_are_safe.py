"""Settings that people copy: none of them opens a door, knows a token, or reaches a metadata address."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from chronos_gitops.config.weak_digests import PLACEHOLDER

ROOT = Path(__file__).parents[2]
TEXTS = [
    path
    for path in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "deploy").rglob("*"))
    if path.is_file()
]
_DIGEST = re.compile(r"(?<![0-9a-fA-F:@])[0-9a-fA-F]{64}(?![0-9a-fA-F])")
_FENCE = re.compile(r"^```toml\n(.*?)^```", re.MULTILINE | re.DOTALL)
_SPECIAL = re.compile(r"169\.254\.|100\.100\.100\.200|fd00:ec2|metadata\.google|168\.63\.129\.16")


def settings() -> Iterator[tuple[str, str]]:
    for path in TEXTS:
        name = str(path.relative_to(ROOT))
        if path.suffix == ".toml":
            yield name, path.read_text("utf-8")
        elif path.suffix == ".md":
            yield from ((name, text) for text in _FENCE.findall(path.read_text("utf-8")))


EXAMPLES = list(settings())


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 5
    assert {"README.md", "deploy/chronos.toml"} <= {name for name, _ in EXAMPLES}


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_text_holds_the_digest_of_a_token(path: Path) -> None:
    content = path.read_bytes()
    if path.suffix in (".webp", ".png"):
        return
    found = {digest for line in content.decode().splitlines() if "sha256 =" in line for digest in _DIGEST.findall(line)}
    assert found <= {PLACEHOLDER}


@pytest.mark.parametrize(("name", "text"), EXAMPLES)
def test_no_example_opens_anything(name: str, text: str) -> None:
    found = tomllib.loads(text)
    assert all(token["sha256"] == PLACEHOLDER for token in found.get("tokens", ()))
    egress = found.get("egress", {})
    assert egress.get("level", "internal") in ("public", "internal")
    assert not _SPECIAL.search(repr(egress))
    host = found.get("listen", "127.0.0.1:8080").rpartition(":")[0]
    if host not in ("127.0.0.1", "[::1]", "localhost"):
        # A container has to listen on its own address; until the placeholder is replaced it does not start.
        assert name.startswith("deploy/")
        assert [token["sha256"] for token in found["tokens"]] == [PLACEHOLDER]
