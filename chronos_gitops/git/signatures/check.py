"""Which commits have a good SSH signature, as git itself checks it."""

from collections.abc import Sequence
from typing import Final

from chronos_gitops.git.client import Git
from chronos_gitops.git.objects.cat_file import lines
from chronos_gitops.git.signatures.signers import SignerPaths

_SECONDS_EACH: Final = 5.0
_GOOD: Final = "G"


def signed(git: Git, commits: Sequence[str], signers: SignerPaths) -> frozenset[str]:
    """Those with a good signature by an allowed signer (``%G?`` in git-log(1)); about 20 ms for each that has one."""
    if not commits:
        return frozenset()
    output = git.run(
        "log",
        "--no-walk=unsorted",
        "--no-patch",
        "--format=%H %G?",
        "--stdin",
        stdin=lines(commits),
        env=git.with_config(signers.config()),
        timeout=30.0 + _SECONDS_EACH * len(commits),
    )
    states = (line.split() for line in output.decode("ascii", "replace").splitlines())
    return frozenset(words[0] for words in states if words[1:] == [_GOOD])
