"""Connections that read: none stays open, whenever its store or its server goes."""

from collections.abc import Callable, Iterator

import pytest

from chronos_gitops.engine.sql.postgres.connection import DatabaseAddress, Severable
from chronos_gitops.engine.sql.postgres.readers import Readers
from chronos_gitops.engine.sql.store.store import Session, StoreAway


class Lines:
    """Connections to the server; ``before_use`` happens to each before anybody reads from it."""

    def __init__(self, url: str) -> None:
        self._address = DatabaseAddress(url)
        self.made: list[Severable] = []
        self.before_use: Callable[[Severable], None] = lambda _line: None

    def connect(self) -> Severable:
        line = Severable(self._address.connect())
        self.made.append(line)
        self.before_use(line)
        return line


@pytest.fixture
def lines(postgres_url: str) -> Iterator[Lines]:
    lines = Lines(postgres_url)
    yield lines
    for line in lines.made:
        line.close()


def one(session: Session) -> int:
    row = session.execute("SELECT 1 AS one").fetchone()
    assert row is not None
    return int(row["one"])


def test_a_read_that_connects_while_the_store_closes_leaves_no_connection(lines: Lines) -> None:
    readers = Readers(lines.connect, "here")
    lines.before_use = lambda _line: readers.close()
    assert readers.read(one) == 1
    assert [line.connection.closed for line in lines.made] == [True]


def test_a_connection_that_is_lost_before_its_first_question_is_closed(lines: Lines) -> None:
    readers = Readers(lines.connect, "here")
    lines.before_use = Severable.sever
    with pytest.raises(StoreAway, match="here does not answer"):
        readers.read(one)
    lines.before_use = lambda _line: None
    assert readers.read(one) == 1
    assert [line.connection.closed for line in lines.made] == [True, False]
    readers.close()
    assert [line.connection.closed for line in lines.made] == [True, True]
