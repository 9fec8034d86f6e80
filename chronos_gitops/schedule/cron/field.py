"""One field of a cron expression: checks every item and writes it in the one way that all readers take alike."""

import re

from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule.errors import ScheduleError

_WORD = r"[0-9]+|[A-Z]+"
_RANGE = re.compile(rf"(\*|{_WORD})(?:-({_WORD}))?(?:/([0-9]+))?")
_HASH = re.compile(r"H(?:\(([0-9]+)-([0-9]+)\))?(?:/([0-9]+))?")
_NEAREST = re.compile(r"([0-9]+)W")
_NTH = re.compile(rf"({_WORD})#([0-9]+)")
_LAST = re.compile(r"([0-9]+|[A-Z]{3})L|L([0-9]+)")


@dataclass(frozen=True, slots=True)
class CronField:
    """The values run from ``low`` to ``high``; ``*`` and ``a/n`` reach up to ``top``, a bare ``H`` up to ``spread``.

    The name seeds ``H`` together with the job's: another name here would move every such job.
    """

    name: str
    low: int
    high: int
    top: int
    spread: int
    names: tuple[str, ...] = ()
    days: bool = False

    def written_out(self, word: str, key: str) -> str:
        """The field (in capitals) with numbers for names and for ``H``, and ``*`` for ``?``."""
        if "?" not in word:
            return ",".join(self._item(item, key) for item in word.split(","))
        if word == "?" and self.days:
            return "*"
        hint = "? stands alone, for any day of month or any day of week"
        raise ScheduleError(f'"{word[:40]}" cannot be the {self.name}', hint=hint)

    def _item(self, item: str, key: str) -> str:
        if match := _HASH.fullmatch(item):
            return self._hashed(item, key, *match.groups())
        if self.days and (special := self._special(item)):
            return special
        if match := _RANGE.fullmatch(item):
            return self._range(item, *match.groups())
        raise ScheduleError(f'"{item[:40]}" is not a {self.name}', hint=self._hint(item))

    def _hint(self, item: str) -> str:
        if not item:
            return "a comma too many"
        if any(sign in item for sign in "LW#"):
            return "L, LW and 15W are days of month, MON#2 and 5L are days of week"
        if item.startswith("H"):
            return "write H, H/15, H(0-7) or H(0-29)/10"
        if item.startswith("-"):
            return "numbers are not negative"
        return f"write *, or numbers from {self.low} to {self.high} as in 1,3-5 or */2"

    def _value(self, word: str) -> int:
        if word in self.names:
            return self.names.index(word) + self.low
        if not word.isdigit():
            raise ScheduleError(f'"{word[:20]}" is not a {self.name}', hint=self._name_hint(word))
        if not self.low <= int(word) <= self.high:
            hint = f"a {self.name} is a number from {self.low} to {self.high}"
            raise ScheduleError(f"{self.name} {word[:20]} is out of range", hint=hint)
        return int(word)

    def _name_hint(self, word: str) -> str:
        import difflib

        near = difflib.get_close_matches(word[:3], self.names, n=1, cutoff=0.6)
        if near:
            return f"did you mean {near[0]}?"
        if set(word) <= set("HLW"):
            return self._hint(word)
        names = f" or a name from {self.names[0]} to {self.names[-1]}" if self.names else ""
        return f"a {self.name} is a number from {self.low} to {self.high}{names}"

    def _range(self, item: str, start: str, end: str | None, step: str | None) -> str:
        size = self._step(item, step)
        if start == "*":
            if end is not None:
                raise ScheduleError(f'"{item}" is not a {self.name}', hint="write * or a range like 1-5")
            return "*" if size == 1 else f"*/{size}"
        low = self._value(start)
        if end is None:
            return str(low) if step is None else _stepped(low, max(low, self.top), size)
        high = self._value(end)
        if low > high:
            hint = f"a range ends after it starts; write {self._unwrapped(start, end, size)}"
            raise ScheduleError(f'"{item}" runs backwards', hint=hint)
        return _stepped(low, high, size)

    def _step(self, item: str, step: str | None) -> int:
        size = 1 if step is None else int(step)
        most = self.top - self.low + 1
        if not 1 <= size <= most:
            longer = most < size < 10_000 and self.name in ("second", "minute", "hour")
            hint = f"steps are 1 to {most}" + (f"; write @every {size}{self.name[0]}" if longer else "")
            raise ScheduleError(f'the step of "{item[:40]}" is out of range', hint=hint)
        return size

    def _unwrapped(self, start: str, end: str, step: int) -> str:
        low, high = self._value(start), self._value(end)
        if step > 1:
            size = self.top - self.low + 1
            return ",".join(str((value - self.low) % size + self.low) for value in range(low, high + size + 1, step))
        named = start in self.names
        top, bottom = (self.names[-1], self.names[0]) if named else (str(self.top), str(self.low))
        return f"{start if low >= self.top else f'{start}-{top}'},{end if high == self.low else f'{bottom}-{end}'}"

    def _hashed(self, item: str, key: str, start: str | None, end: str | None, step: str | None) -> str:
        """``H`` as in Jenkins: one stable value of the field or range; with a step, a stable offset of the steps."""
        if start is None or end is None:
            low, high = self.low, self.spread
        else:
            low, high = self._value(start), self._value(end)
        if low > high:
            raise ScheduleError(f'"{item}" runs backwards', hint=f"write H({end}-{start})")
        size = high - low + 1
        import hashlib

        digest = hashlib.sha256(f"{key}\0{self.name}".encode("utf-8", "surrogatepass")).digest()
        number = int.from_bytes(digest[:8], "big")
        if step is None:
            return str(low + number % size)
        every = self._step(item, step)
        return _stepped(low + number % min(every, size), high, every)

    def _special(self, item: str) -> str | None:
        """``L LW 15W`` of days of month, ``5#2 5L`` of days of week, with numbers for names; None for others."""
        if not self.names:
            if match := _NEAREST.fullmatch(item):
                return f"{self._value(match.group(1))}W"
            return item if item in ("L", "LW") else None
        if match := _NTH.fullmatch(item):
            if match.group(2) not in ("1", "2", "3", "4", "5"):
                hint = "a month has weeks 1 to 5, as in MON#2; MONL is its last Monday"
                raise ScheduleError(f'"{item[:40]}" names no week', hint=hint)
            return f"{self._value(match.group(1)) % 7}#{match.group(2)}"
        if match := _LAST.fullmatch(item):
            return f"{self._value(match.group(1) or match.group(2)) % 7}L"
        return None


def is_special(item: str) -> bool:
    """True if an item that is written out is one of ``L LW 15W 5#2 5L``."""
    return item.endswith(("L", "W")) or "#" in item


def _stepped(low: int, high: int, step: int) -> str:
    """A single value alone: croniter reads ``5-5`` as every value, and before its version 7 ``59-59/15`` too."""
    if low + step > high and (low == high or step > 1):
        return str(low)
    return f"{low}-{high}" if step == 1 else f"{low}-{high}/{step}"
