"""Files that come with the program: beside the package in a wheel, in the repository in a checkout."""

from pathlib import Path

from chronos_gitops.errors import NotFoundError

_PACKAGE = Path(__file__).resolve().parents[2]
_IN_CHECKOUT = {"schemas.json": Path("schemas/source.json"), "jobs.example": Path("jobs.example")}


def shipped(name: str) -> Path:
    """Where ``schemas.json`` or the folder ``jobs.example`` is; NotFoundError when the installation lacks it."""
    for place in (_PACKAGE / "_shipped" / name, _PACKAGE.parent / _IN_CHECKOUT[name]):
        if place.exists():
            return place
    raise NotFoundError(f"{name} is missing from this installation", hint="install chronos-gitops again")
