"""Why a commit's signature does not count, in words. It decides nothing: ``check`` does."""

import base64
from collections.abc import Sequence
from typing import Final

from chronos_gitops.git.client import Git
from chronos_gitops.git.commit import clean
from chronos_gitops.git.errors import GitError
from chronos_gitops.git.signatures import allowed_signers, ssh_keygen
from chronos_gitops.git.signatures.allowed_signers import AllowedSigner
from chronos_gitops.git.signatures.signers import SignerPaths
from chronos_gitops.git.signatures.sshsig import SshSignature, parsed, split
from chronos_gitops.process.small_files import read_small_file

_OTHER_FORMATS: Final = (
    (b"-----BEGIN PGP ", "has an OpenPGP signature; only SSH signatures are checked"),
    (b"-----BEGIN SIGNED MESSAGE-----", "has an X.509 signature; only SSH signatures are checked"),
)
_UNREADABLE: Final = "has a signature that cannot be read"
_LONGEST: Final = 1 << 20


def reason(git: Git, commit: str, signers: SignerPaths) -> str:
    """For a commit that ``check.signed`` does not name."""
    try:
        content = git.run("cat-file", "commit", commit, limit=_LONGEST)
    except GitError:
        return _UNREADABLE
    armored, payload = split(content, git.object_format)
    if not armored.strip():
        return "is not signed"
    other = next((words for start, words in _OTHER_FORMATS if armored.lstrip().startswith(start)), None)
    if other is not None:
        return other
    signature = parsed(armored)
    if signature is None:
        return _UNREADABLE
    if signature.namespace != "git":
        return f'is signed for another namespace: "{clean(signature.namespace)[:50]}", not "git"'
    (signers.folder / "signature").write_bytes(armored + b"\n")
    return _reason(signature, payload, signers)


def _reason(signature: SshSignature, payload: bytes, signers: SignerPaths) -> str:
    if not _passes(signers, "check-novalidate", stdin=payload):
        return "has a bad signature: it was made for another content"
    key = base64.b64encode(signature.key).decode()
    allowed = read_small_file(signers.allowed).decode("utf-8", "replace")
    listed = [one for one in allowed_signers.parse(allowed) if one.key == key]
    may_ask = signers.revoked is not None and "-cert-" not in signature.key_type
    if may_ask and not _passes(signers, *_anyone(signers, signature), stdin=payload):
        return f"is signed by a revoked key: {signature.fingerprint}"
    return f"is signed by {_fault(listed)}: {signature.fingerprint}"


def _fault(listed: Sequence[AllowedSigner]) -> str:
    """Of a key that is not revoked."""
    if not listed:
        return "no allowed signer"
    nameless = next((one for one in listed if not one.principals), None)
    if nameless is not None:
        return f"a key without a principal (line {nameless.number} of the allowed signers)"
    if not any(one.may_sign("git") for one in listed):
        return "a key that is allowed for another namespace"
    return "a key outside its validity"


def _anyone(signers: SignerPaths, signature: SshSignature) -> Sequence[str]:
    """Asks only for revocation: the key is allowed, without an end."""
    allowed = signers.folder / "this_key"
    key = base64.b64encode(signature.key).decode()
    allowed.write_text(f"anyone {signature.key_type} {key}\n")
    return ("verify", "-f", str(allowed), "-I", "anyone", "-r", str(signers.revoked))


def _passes(signers: SignerPaths, *args: str, stdin: bytes) -> bool:
    return ssh_keygen.run(signers.folder, *args, "-n", "git", "-s", "signature", stdin=stdin).code == 0
