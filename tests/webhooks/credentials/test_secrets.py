import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chronos_gitops.jobs.origins.origin import Origin, OriginPattern
from chronos_gitops.jobs.secrets.bindings import Bindings, SecretBinding
from chronos_gitops.webhooks.credentials.secrets import LARGEST, SecretError, Secrets


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "secrets"
    folder.mkdir()
    (tmp_path / "outside").write_text("outside")
    return folder


def test_value_of_the_operator_comes_before_the_file(folder: Path) -> None:
    (folder / "k").write_text("from the file")
    assert Secrets({"k": "given"}, folder).lookup("k") == "given"
    assert Secrets({}, folder).lookup("k") == "from the file"


@pytest.mark.parametrize(
    ("content", "value"),
    [
        ("plain", "plain"),
        ("line\n", "line"),
        ("line\r\n", "line"),
        ("two\n\n", "two\n"),
        (" spaces ", " spaces "),
        ("ünïcode", "ünïcode"),
    ],
)
def test_one_trailing_line_break_is_no_part_of_the_value(folder: Path, content: str, value: str) -> None:
    (folder / "k").write_bytes(content.encode())
    assert Secrets({}, folder).lookup("k") == value


def test_file_is_read_again_each_time(folder: Path) -> None:
    secrets = Secrets({}, folder)
    for value in ("one", "two"):
        (folder / "k").write_text(value)
        assert secrets.lookup("k") == value


def test_links_inside_the_folder_are_followed_as_kubernetes_makes_them(folder: Path) -> None:
    (folder / "..2026_01").mkdir()
    (folder / "..2026_01" / "k").write_text("mounted")
    (folder / "..data").symlink_to("..2026_01")
    (folder / "k").symlink_to("..data/k")
    assert Secrets({}, folder).lookup("k") == "mounted"


def test_folder_may_itself_be_a_link(folder: Path, tmp_path: Path) -> None:
    (folder / "k").write_text("v")
    (tmp_path / "link").symlink_to(folder)
    assert Secrets({}, tmp_path / "link").lookup("k") == "v"


def test_link_out_of_the_folder_is_refused(folder: Path) -> None:
    (folder / "k").symlink_to("../outside")
    with pytest.raises(SecretError, match="leads out of the secrets folder"):
        Secrets({}, folder).lookup("k")


def test_loop_of_links_is_an_error(folder: Path) -> None:
    (folder / "k").symlink_to("k")
    with pytest.raises(SecretError, match="cannot be read"):
        Secrets({}, folder).lookup("k")


def test_folder_fifo_and_device_are_no_secrets(folder: Path) -> None:
    (folder / "a").mkdir()
    os.mkfifo(folder / "b")
    for name in ("a", "b"):
        with pytest.raises(SecretError, match="cannot be read"):
            Secrets({}, folder).lookup(name)


def test_largest_secret_and_one_byte_more(folder: Path) -> None:
    secrets = Secrets({}, folder)
    (folder / "k").write_text("x" * LARGEST + "\n")
    assert len(secrets.lookup("k")) == LARGEST
    (folder / "k").write_text("x" * (LARGEST + 1))
    with pytest.raises(SecretError, match="8 KiB"):
        secrets.lookup("k")
    (folder / "k").write_text("x" * 10_000_000)
    with pytest.raises(SecretError, match="too large"):
        secrets.lookup("k")
    with pytest.raises(SecretError, match="8 KiB"):
        Secrets({"k": "ä" * (LARGEST // 2 + 1)}).lookup("k")


def test_binary_file_and_undecodable_environment_are_errors(folder: Path) -> None:
    (folder / "k").write_bytes(b"\xff\xfe")
    with pytest.raises(SecretError, match="not UTF-8"):
        Secrets({}, folder).lookup("k")
    with pytest.raises(SecretError, match="not UTF-8"):
        Secrets({"k": "\udcff"}).lookup("k")


@pytest.mark.parametrize("folder_given", [True, False])
def test_missing_secret_names_the_reference_and_the_way_out(folder: Path, folder_given: bool) -> None:
    with pytest.raises(SecretError) as caught:
        Secrets({}, folder if folder_given else None).lookup("backup-token")
    assert "${secret:backup-token} has no value" in str(caught.value)
    assert "CHRONOS_SECRET_BACKUP_TOKEN" in caught.value.hint
    assert ("file backup-token" in caught.value.hint) is folder_given


def test_missing_folder_is_a_missing_secret(tmp_path: Path) -> None:
    with pytest.raises(SecretError, match="has no value"):
        Secrets({}, tmp_path / "nowhere").lookup("k")


def test_empty_secret_is_an_error(folder: Path) -> None:
    (folder / "k").write_text("\n")
    with pytest.raises(SecretError, match="is empty"):
        Secrets({}, folder).lookup("k")


@settings(deadline=None)
@given(st.text(max_size=40) | st.sampled_from(["../outside", "..", ".", "/etc/passwd", "a/../../outside", "K", "a_b"]))
def test_only_names_of_secrets_are_looked_for(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    folder = tmp_path_factory.getbasetemp()
    with pytest.raises(SecretError):
        Secrets({"": "x", "K": "x", "..": "x"}, folder / "nothing-in-here").lookup(name)


def test_repr_shows_no_value() -> None:
    assert "v4lue" not in repr(Secrets({"k": "v4lue"}))


def test_errors_show_no_value(folder: Path) -> None:
    (folder / "k").write_text("v4lue" * LARGEST)
    with pytest.raises(SecretError) as caught:
        Secrets({}, folder).lookup("k")
    assert "v4lue" not in f"{caught.value!r} {caught.value.__cause__!r}"


def test_binding_asks_for_both_origin_and_folder() -> None:
    here, evil = Origin("https", "api.example.com", 443), Origin("http", "evil.example", 80)
    binding = SecretBinding(folders=("jobs/a",), origins=(OriginPattern.parse("https://api.example.com"),))
    secrets = Secrets({}, bindings=Bindings({"k": binding}))
    secrets.check_use("k", origin=here, path="jobs/a/x.yaml")
    secrets.check_use("unbound", origin=evil, path=None)
    with pytest.raises(SecretError, match=r"may not be sent to http://evil\.example"):
        secrets.check_use("k", origin=evil, path="jobs/a/x.yaml")
    with pytest.raises(SecretError, match=r"may not be used by jobs/b/x\.yaml"):
        secrets.check_use("k", origin=here, path="jobs/b/x.yaml")
