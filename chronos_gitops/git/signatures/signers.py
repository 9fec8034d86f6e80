"""The operator's files of allowed signers (ssh-keygen(1), ALLOWED SIGNERS) and revoked keys, read each time."""

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from chronos_gitops.errors import UsageError
from chronos_gitops.git.signatures.errors import VerificationFailed
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.process.small_files import read_small_file

_KRL: Final = b"SSHKRL\n\0"
_KEY_TYPES: Final = ("ssh-", "ecdsa-", "sk-ssh-", "sk-ecdsa-")


@dataclass(frozen=True, slots=True)
class SignerFiles:
    """The contents of both files at one moment. Equal fingerprints give equal results."""

    allowed: bytes
    revoked: bytes | None

    @property
    def fingerprint(self) -> str:
        revoked = b"" if self.revoked is None else b"r" + hashlib.sha256(self.revoked).digest()
        return hashlib.sha256(hashlib.sha256(self.allowed).digest() + revoked).hexdigest()

    @contextmanager
    def on_disk(self) -> Iterator["SignerPaths"]:
        """Private copies: git ignores a revocation file that does not exist, so the operator's own could vanish."""
        with tempfile.TemporaryDirectory(prefix="chronos-signers-") as name:
            folder = Path(name)
            allowed, revoked = folder / "allowed_signers", folder / "revoked"
            allowed.write_bytes(self.allowed)
            revoked.write_bytes(self.revoked or b"")
            yield SignerPaths(folder, allowed, None if self.revoked is None else revoked)


@dataclass(frozen=True, slots=True)
class SignerPaths:
    """Copies of the files in a private ``folder``."""

    folder: Path
    allowed: Path
    revoked: Path | None

    def config(self) -> tuple[tuple[str, str], ...]:
        """The settings that git verifies SSH signatures with (git-config(1), gpg.ssh)."""
        return (
            ("gpg.ssh.allowedSignersFile", str(self.allowed)),
            ("gpg.ssh.revocationFile", "" if self.revoked is None else str(self.revoked)),
        )


class Signers:
    """The allowed signers and the revoked keys. Files are read each time, so a key is withdrawn without a restart."""

    def __init__(self, file: Path, revoked_file: Path | None = None) -> None:
        self.file = file
        self._revoked_file = revoked_file
        if not file.is_file():
            raise UsageError(f"--verify-commits: {file} is not a file", hint="see ALLOWED SIGNERS in ssh-keygen(1)")
        if revoked_file is not None and not revoked_file.is_file():
            raise UsageError(f"verify.revoked_file: {revoked_file} is not a file", hint="create it; it may be empty")
        if shutil.which("ssh-keygen") is None:
            raise UsageError("--verify-commits needs the program ssh-keygen", hint="install OpenSSH 8.9 or newer")
        try:
            self.read()
        except VerificationFailed as error:
            raise UsageError(error.message, hint=error.hint) from error

    def read(self) -> SignerFiles:
        """Both files now. VerificationFailed when one is missing, unreadable or holds something else than keys."""
        allowed = _content(self.file, "the file of --verify-commits")
        revoked = None if self._revoked_file is None else _content(self._revoked_file, "verify.revoked_file")
        if revoked is not None:
            _refuse_other_content(revoked)
        return SignerFiles(allowed, revoked)


_MAX_BYTES: Final = 16 << 20  # a list of revoked keys may be long


def is_key_type(word: str) -> bool:
    return word.startswith(_KEY_TYPES)


def is_krl(content: bytes) -> bool:
    """True if these are revoked keys in OpenSSH's binary format (ssh-keygen(1), KEY REVOCATION LISTS)."""
    return content.startswith(_KRL)


def _content(file: Path, name: str) -> bytes:
    try:
        return read_small_file(file, limit=_MAX_BYTES)
    except FileNotFoundError as error:
        hint = "restore it; no commit can be verified without it"
        raise VerificationFailed(f"{name} is missing: {file}", hint=hint) from error
    except OSError as error:
        message = f"{name} cannot be read: {file}: {error.strerror}"
        raise VerificationFailed(message, hint="check its permissions") from error


def _refuse_other_content(revoked: bytes) -> None:
    """Ssh-keygen says only "Could not verify signature" for such a file."""
    if is_krl(revoked):
        return
    for number, line in enumerate(revoked.decode("utf-8", "replace").splitlines(), 1):
        words = line.split()
        if words and not words[0].startswith("#") and not (len(words) > 1 and is_key_type(words[0])):
            raise VerificationFailed(
                f"verify.revoked_file, line {number}: this is not a public key",
                hint="write one public key a line, or a list made by ssh-keygen -k",
            )
