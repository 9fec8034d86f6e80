"""The key of the runner's own commits, tried before one is made."""

from pathlib import Path
from typing import Final

from chronos_gitops.errors import ConflictError
from chronos_gitops.git.errors import words
from chronos_gitops.git.signatures import ssh_keygen
from chronos_gitops.git.signatures.signers import SignerPaths, Signers

_TRIAL: Final = b"chronos-gitops tries its signing key\n"


class SigningKeyMissing(ConflictError):
    """Commits must be signed here, and the runner has no key that it may sign with."""

    kind = "signing-key-missing"


def refuse_unusable(key: Path | None, signers: Signers) -> None:
    """SigningKeyMissing unless a commit signed with this key would be applied."""
    if key is None:
        hint = f"start the runner with --signing-key FILE, and add its public key to {signers.file}"
        raise SigningKeyMissing("only signed commits are applied, and the runner has no key to sign with", hint=hint)
    with signers.read().on_disk() as paths:
        _try(key, signers, paths)


def _try(key: Path, signers: Signers, paths: SignerPaths) -> None:
    made = ssh_keygen.run(paths.folder, "sign", "-n", "git", "-f", str(key), stdin=_TRIAL)
    if made.code != 0:
        message = f"the runner cannot sign with {key}: {words(made.stderr)}"
        raise SigningKeyMissing(message, hint="--signing-key takes an SSH key without a passphrase")
    (paths.folder / "signature").write_bytes(made.stdout)
    allowed = ("-f", str(paths.allowed), "-s", "signature")
    found = ssh_keygen.run(paths.folder, "find-principals", *allowed)
    revoked = () if paths.revoked is None else ("-r", str(paths.revoked))
    for principal in found.stdout.decode("utf-8", "replace").splitlines():
        check = ("verify", *allowed, "-I", principal, "-n", "git", *revoked)
        if ssh_keygen.run(paths.folder, *check, stdin=_TRIAL).code == 0:
            return
    message = f"commits signed with {key} would not be applied: this is not the key of an allowed signer"
    raise SigningKeyMissing(message, hint=f"add its public key to {signers.file}; verify.revoked_file must not have it")
