"""One statement, two databases."""

from chronos_gitops.engine.sql.store import dialect

CLAIM = "SELECT job FROM watermarks WHERE job IN (:jobs[]) AND at < :now::bigint LIMIT :limit FOR UPDATE SKIP LOCKED"


def test_sqlite_takes_a_list_as_json_and_locks_no_rows() -> None:
    assert dialect.sqlite(CLAIM) == (
        "SELECT job FROM watermarks WHERE job IN (SELECT value FROM json_each(:jobs)) AND at < :now::bigint "
        "LIMIT :limit"
    )
    assert dialect.sqlite_parameters({"jobs": ["a", "b"], "limit": 2}) == {"jobs": '["a", "b"]', "limit": 2}


def test_postgresql_has_its_own_way_to_name_a_parameter() -> None:
    assert dialect.postgres(CLAIM) == (
        "SELECT job FROM watermarks WHERE job = ANY(%(jobs)s) AND at < %(now)s::bigint LIMIT %(limit)s "
        "FOR UPDATE SKIP LOCKED"
    )


def test_each_of_a_list_is_a_row() -> None:
    statement = "SELECT value FROM EACH(:jobs[]) AS asked"
    assert dialect.sqlite(statement) == "SELECT value FROM (SELECT value FROM json_each(:jobs)) AS asked"
    assert dialect.postgres(statement) == (
        "SELECT value FROM (SELECT unnest(CAST(%(jobs)s AS text[])) AS value) AS asked"
    )
