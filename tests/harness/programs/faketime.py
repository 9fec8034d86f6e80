"""A wall clock that a test steps while a real program runs; elapsed time is not changed."""

from pathlib import Path

_WHERE = "*/faketime/libfaketimeMT.so.1"


def _library() -> Path:
    found = sorted(Path("/usr/lib").glob(_WHERE))
    assert found, "libfaketime is not installed: `make test` installs it (Debian's package faketime)"
    return found[0]


class SteppedClock:
    """The offset that libfaketime adds to the wall clock, read again at every call."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "offset"
        self.step_to(0)

    def step_to(self, seconds: int) -> None:
        written = self._file.with_suffix(".new")
        written.write_text(f"{seconds:+d}\n")
        written.replace(self._file)

    def environ(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(_library()),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
