"""Settings that people copy: none of them opens a door, knows a token, or reaches a metadata address."""

import hashlib
import re
import secrets
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from chronos_gitops.config.callers.weak_digests import PLACEHOLDER
from chronos_gitops.config.load import load
from chronos_gitops.config.model import SettingsError

ROOT = Path(__file__).parents[2]
TEXTS = [
    path
    for path in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "deploy").rglob("*"))
    if path.is_file()
]
_DIGEST = re.compile(r"(?<![0-9a-fA-F:@])[0-9a-fA-F]{64}(?![0-9a-fA-F])")
_FENCE = re.compile(r"^( *)```toml\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
_SPECIAL = re.compile(r"169\.254\.|100\.100\.100\.200|fd00:ec2|metadata\.google|168\.63\.129\.16")


def settings() -> Iterator[tuple[str, str]]:
    for path in TEXTS:
        name = str(path.relative_to(ROOT))
        if path.suffix == ".toml":
            yield name, path.read_text("utf-8")
        elif path.suffix == ".md":
            blocks = _FENCE.findall(path.read_text("utf-8"))
            yield from ((name, re.sub(f"^{indent}", "", text, flags=re.MULTILINE)) for indent, text in blocks)


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
def test_the_settings_reader_takes_each_example_and_opens_nothing(name: str, text: str, tmp_path: Path) -> None:
    """With a digest of its own in place of the placeholder, which is refused."""
    file = tmp_path / "chronos.toml"
    file.write_text(text.replace(PLACEHOLDER, hashlib.sha256(secrets.token_bytes(32)).hexdigest()))
    is_remote = "[approval]" in text  # approvals are those of a forge
    found = load({"repo": "https://git.example.com/jobs.git" if is_remote else str(tmp_path)}, {}, file)
    assert found.listens_on_loopback or found.tokens
    assert found.egress.level in ("public", "internal")
    assert found.tokens == () or found.bindings.unbound == "refuse"
    assert found.cors_origins == ()


@pytest.mark.parametrize(("name", "text"), [one for one in EXAMPLES if PLACEHOLDER in one[1]])
def test_an_example_with_the_placeholder_is_refused_with_a_hint(name: str, text: str, tmp_path: Path) -> None:
    file = tmp_path / "chronos.toml"
    file.write_text(text)
    with pytest.raises(SettingsError) as failure:
        load({"repo": str(tmp_path)}, {}, file)
    assert "chronos-gitops token create" in str(failure.value)


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
