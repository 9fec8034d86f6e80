"""The user that /etc/crontab and /etc/cron.d name before each command, and that a user's own crontab does not."""

import re
from collections.abc import Iterable
from typing import Final

from chronos_gitops.cli.importers.commands import shell_words, wrappers
from chronos_gitops.process.lazy_dataclass import dataclass

_FIRST: Final = re.compile(r"(?P<user>[A-Za-z_][\w.\\@:-]{0,63}\$?)[ \t]+(?=\S)")
_PROGRAMS: Final = "|".join(("curl", "wget", *sorted(wrappers.NAMES | shell_words.SHELLS)))
_CALL: Final = re.compile(rf"(?:\S*/)?(?:{_PROGRAMS})(?!\S)|[A-Za-z_][A-Za-z0-9_]*=")
_ACCOUNTS: Final = frozenset({"root", "www-data", "nobody", "daemon", "apache", "nginx", "postgres", "mysql", "git"})
"""Names that no program has, on every machine an account."""
_WORDS: Final = """
    builtin coproc detach do doas dotenv echo else envdir eval fakeroot faketime false gosu if logger ltrace not
    parallel printf proxychains proxychains4 retry setpriv setuidgid source stdbuf strace systemd-cat systemd-
    run taskset test then torify torsocks trap true ts tsocks unbuffer until watch while xargs
"""
_STARTERS: Final = frozenset(_WORDS.split())
"""Programs and words of the shell before another command: no user is called so."""


@dataclass(frozen=True, slots=True)
class Users:
    """``is_system``: the first word of each command may be a user."""

    is_system: bool

    def without(self, command: str) -> tuple[str, tuple[str, ...]]:
        """The command without its user, and the doubt about a word that is not known to be one."""
        first = _FIRST.match(command)
        if first is None or _CALL.match(command):
            return command, ()
        rest = command[first.end() :]
        if first["user"] in _ACCOUNTS:
            return rest, ()
        if not self.is_system or not _CALL.match(rest):
            return command, ()
        return rest, (f'"{first["user"][:60]}" is taken for the user of the command, as in /etc/crontab',)


def of_commands(commands: Iterable[str]) -> Users:
    """A system crontab names a user in every line."""
    firsts = [_FIRST.match(command) for command in commands]
    return Users(all(first is not None and _may_be_user(first) for first in firsts))


def _may_be_user(first: re.Match[str]) -> bool:
    return first["user"] not in _STARTERS and not _CALL.match(first.string)
