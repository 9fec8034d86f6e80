"""A release of the time zone database in which some zones keep the time of others."""

import zipfile
from collections.abc import Mapping
from pathlib import Path

import tzdata

RELEASE = "2099z"


def files(swapped: Mapping[str, str], *, without: str = "") -> dict[str, bytes]:
    """Of a tzdata package, by path in it: each zone of ``swapped`` has the content of the other one."""
    package = Path(tzdata.__file__).parent
    found = {
        f"tzdata/{path.relative_to(package).as_posix()}": path.read_bytes()
        for path in package.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    for zone, other in swapped.items():
        found[f"tzdata/zoneinfo/{zone}"] = (package / "zoneinfo" / other).read_bytes()
    found.pop(f"tzdata/zoneinfo/{without}", None)
    for name in ("tzdata/__init__.py", "tzdata/zoneinfo/tzdata.zi"):
        found[name] = found[name].replace(tzdata.IANA_VERSION.encode(), RELEASE.encode())
    return found


def wheel(path: Path, swapped: Mapping[str, str], *, without: str = "") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files(swapped, without=without).items():
            archive.writestr(name, content)
    return path


def folder(path: Path, swapped: Mapping[str, str]) -> Path:
    """As a system has one: no package, only the zones."""
    for name, content in files(swapped).items():
        if name.startswith("tzdata/zoneinfo/"):
            file = path / name.removeprefix("tzdata/zoneinfo/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
    return path
