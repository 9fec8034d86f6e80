"""A partial clone beside us: nothing can be fetched from it, so our copy reads its objects where they are.

git-upload-pack(1) ends where it meets an object that a server only promised. The mirror holds refs and the objects of
our own commits then, and borrows the rest (gitrepository-layout(5), alternates); what is not there is missing, and
never asked of a server.
"""

from pathlib import Path
from typing import Final

from chronos_gitops.git.client import Git
from chronos_gitops.git.errors import BranchNotFound, PartialClone
from chronos_gitops.git.refs import heads, tracked
from chronos_gitops.process.small_files import read_small_file
from chronos_gitops.state.atomic_files import write_atomically

_ALTERNATES: Final = Path("objects", "info", "alternates")


def is_borrowing(mirror: Path) -> bool:
    return (mirror / _ALTERNATES).exists()


def borrow(mirror: Git, lender: Git, branch: str, jobs: str) -> str:
    """The commit that the branch is at. PartialClone when the lender lacks the very files of that commit."""
    common = mirror.place.common
    _link(common / "shallow", lender.place.common / "shallow")
    objects = f"{lender.place.common.resolve() / 'objects'}\n".encode()
    if not is_borrowing(common) or read_small_file(common / _ALTERNATES) != objects:
        write_atomically(common / _ALTERNATES, objects)
        mirror.reset()  # a reader that runs does not know of it
    head = lender.resolve(heads(branch))
    if head is None:
        raise BranchNotFound(f'{lender.place.git_dir} has no branch "{branch}"', hint="check --branch")
    paths = () if jobs == "." else (jobs,)
    listed = mirror.attempt("ls-tree", "-r", "--object-only", "--full-tree", "--end-of-options", head, *paths)
    if listed.code != 0 or mirror.missing(listed.stdout.decode().split()):
        raise PartialClone(
            f"{lender.place.root or lender.place.git_dir} is a partial clone without the files of its branch {branch}",
            hint=f"git checkout {branch} there brings them, or give the URL that it was cloned from",
        )
    mirror.run("update-ref", tracked(branch), head)
    return head


def _link(path: Path, target: Path) -> None:
    """The boundary of a shallow clone, whose history may be whole by now."""
    if not path.is_symlink() or path.readlink() != target:
        path.unlink(missing_ok=True)
        path.symlink_to(target)
