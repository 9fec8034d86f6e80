"""``identity``: a key is private and never overwritten; documents hold no private half."""

import json
from pathlib import Path

from harness.processes.subprocess_runner import run


def test_a_key_is_private_and_never_overwritten(tmp_path: Path) -> None:
    assert run("identity", "key", "--out", "a.pem", cwd=tmp_path).returncode == 0
    content = (tmp_path / "a.pem").read_bytes()
    assert (tmp_path / "a.pem").stat().st_mode & 0o777 == 0o600
    again = run("identity", "key", "--out", "a.pem", cwd=tmp_path)
    assert (again.returncode, "never overwritten" in again.stderr) == (2, True)
    assert (tmp_path / "a.pem").read_bytes() == content


def test_documents_hold_the_public_half_only(tmp_path: Path) -> None:
    run("identity", "key", "--out", "a.pem", cwd=tmp_path)
    (tmp_path / "chronos.toml").write_text(
        'public_url = "https://ops.example.com/chronos"\n[identity]\nkey_files = ["a.pem"]\n'
    )
    written = run("identity", "documents", "--config", "chronos.toml", "--out", "public", cwd=tmp_path)
    assert written.returncode == 0, written.stderr
    folder = tmp_path / "public/.well-known"
    key = json.loads((folder / "jwks.json").read_text())["keys"][0]
    assert key.keys() == {"kty", "n", "e", "kid", "use", "alg"}
    discovery = json.loads((folder / "openid-configuration").read_text())
    assert discovery["jwks_uri"] == "https://ops.example.com/chronos/.well-known/jwks.json"


def test_without_settings_it_says_which_are_missing(tmp_path: Path) -> None:
    refused = run("identity", "documents", "--out", "public", cwd=tmp_path)
    assert (refused.returncode, "identity.key_files" in refused.stderr) == (2, True)
    assert not (tmp_path / "public").exists()
