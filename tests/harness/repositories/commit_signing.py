"""Real SSH keys, allowed signers files, and commits made of objects: signed, unsigned, with any parents."""

import base64
import struct
import subprocess
from collections.abc import Mapping
from pathlib import Path

from harness.repositories.repository import Repository

PRINCIPAL = "person@example.com"


class Signer:
    """An ed25519 key without a passphrase, in a folder of its own."""

    def __init__(self, folder: Path, name: str = "person") -> None:
        self.key = folder / name
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(self.key)]
        subprocess.run(command, check=True)

    @property
    def public(self) -> str:
        """As one line, without the line break."""
        return self.key.with_suffix(".pub").read_text().strip()

    def allow(self, file: Path, options: str = 'namespaces="git"') -> Path:
        """Adds the key to an allowed signers file."""
        with file.open("a") as lines:
            lines.write(f"{PRINCIPAL} {options} {self.public}\n".replace("  ", " "))
        return file

    def signature(self, content: bytes, namespace: str = "git") -> str:
        command = ["ssh-keygen", "-Y", "sign", "-n", namespace, "-f", str(self.key)]
        return subprocess.run(command, input=content, capture_output=True, check=True).stdout.decode()


class CommitMaker:
    """Makes commits without a checkout. ``files`` of a commit are paths and texts, whole."""

    def __init__(self, repository: Repository, signer: Signer) -> None:
        self.repository = repository
        self.signer = signer
        self._clock = 1_780_000_000

    def tree(self, files: Mapping[str, str]) -> str:
        """The id of a tree; a path has at most one folder."""
        folders: dict[str, dict[str, str]] = {}
        for path, text in files.items():
            folder, _, name = path.rpartition("/")
            folders.setdefault(folder, {})[name] = self._object("blob", text)
        rows = [f"100644 blob {blob}\t{name}" for name, blob in folders.pop("", {}).items()]
        for folder, names in folders.items():
            inner = "".join(f"100644 blob {blob}\t{name}\n" for name, blob in names.items())
            rows.append(f"040000 tree {self.repository.git('mktree', stdin=inner)}\t{folder}")
        return self.repository.git("mktree", stdin="".join(f"{row}\n" for row in rows))

    def commit(
        self, tree: str, *parents: str, message: str = "A change", signed: bool = True, author: str = "Ada Lovelace"
    ) -> str:
        self._clock += 1
        lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
        lines += [f"{role} {author} <a@example.com> {self._clock} +0000" for role in ("author", "committer")]
        return self.add("\n".join(lines), message, self.signer.signature if signed else None)

    def add(self, header: str, message: str, sign: "object | None" = None) -> str:
        """A commit object of this header and message; ``sign`` makes the signature, or is one."""
        content = f"{header}\n\n{message}\n"
        signature = sign(content.encode()) if callable(sign) else sign
        if signature:
            name = "gpgsig" if len(header.split()[1]) == 40 else "gpgsig-sha256"
            folded = str(signature).rstrip("\n").replace("\n", "\n ")
            content = f"{header}\n{name} {folded}\n\n{message}\n"
        return self._object("commit", content)

    def merged(self, one: str, other: str) -> str:
        """The tree of their clean merge."""
        return self.repository.git("merge-tree", "--write-tree", one, other).splitlines()[0]

    def _object(self, kind: str, content: str) -> str:
        return self.repository.git("hash-object", "-w", "--literally", "-t", kind, "--stdin", stdin=content)


def signature_without_content(public_key: str, namespace: str) -> str:
    """An SSH signature of zeros, for what is judged before the signature is checked."""
    fields = (base64.b64decode(public_key.split()[1]), namespace.encode(), b"", b"sha512", b"\0" * 83)
    blob = b"SSHSIG" + struct.pack(">I", 1) + b"".join(struct.pack(">I", len(one)) + one for one in fields)
    body = base64.b64encode(blob).decode()
    lines = "\n".join(body[start : start + 70] for start in range(0, len(body), 70))
    return f"-----BEGIN SSH SIGNATURE-----\n{lines}\n-----END SSH SIGNATURE-----\n"
