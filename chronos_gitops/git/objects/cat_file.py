"""The input and output format of git-cat-file(1) with ``--batch``."""

from collections.abc import Sequence


def lines(blobs: Sequence[str]) -> bytes:
    return "".join(f"{blob}\n" for blob in blobs).encode()


def parsed(output: bytes) -> dict[str, bytes]:
    """``<id> SP <type> SP <size> LF <content> LF`` again and again, see git-cat-file(1)."""
    contents: dict[str, bytes] = {}
    position = 0
    while position < len(output):
        end = output.index(b"\n", position)
        words = output[position:end].split()
        if len(words) != 3:
            position = end + 1
            continue
        size = int(words[2])
        contents[words[0].decode()] = output[end + 1 : end + 1 + size]
        position = end + 1 + size + 1
    return contents
