"""A cron expression in English, from cron-descriptor, which gets single fields right but not all of their pairs."""

from collections.abc import Callable
from functools import lru_cache

from chronos_gitops.schedule.cron.field import is_special


@lru_cache(maxsize=4096)
def describe(words: tuple[str, ...], *, either_day: bool) -> str:
    """The words of a written-out expression of five or six fields: "At 02:00, only on Friday".

    ``either_day``: the two day fields mean either, not both. Raises what cron-descriptor raises.
    """
    *time, day, month, weekday = words if words[0] != "0" or len(words) == 5 else words[1:]
    full = _descriptor()
    clock = full(" ".join([*time, "* * *"]))

    def part(day: str = "*", month: str = "*", weekday: str = "*") -> str:
        return full(" ".join([*time, day, month, weekday])).removeprefix(clock).removeprefix(", ")

    days = _alternatives(day, lambda items: part(day=items))
    weekdays = _alternatives(weekday, lambda items: part(weekday=items))
    if either_day:
        days, weekdays = f"{days}, or {weekdays.removeprefix('only ')}", ""
    return ", ".join(words for words in (clock, days, weekdays, part(month=month)) if words)


def _alternatives(word: str, describe_items: Callable[[str], str]) -> str:
    items = word.split(",")
    plain = ",".join(item for item in items if not is_special(item))
    parts = [plain] if plain else []
    return ", or ".join(describe_items(part) for part in [*parts, *filter(is_special, items)])


def _descriptor() -> Callable[[str], str]:
    # imported when first asked: only people read words; and it ships no types
    from cron_descriptor import ExpressionDescriptor, Options  # type: ignore[import-untyped]

    options = Options()
    options.use_24hour_time_format = True
    options.locale_code = "en_US"
    return lambda expression: str(ExpressionDescriptor(expression, options).get_description())
