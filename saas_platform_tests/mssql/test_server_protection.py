"""Test with a real TDS server that what it hides from a login is found."""

from __future__ import annotations

import pytest

from saas_platform.source.mssql import connection, features, protection, special
from saas_platform_tests.backends import MssqlBackend
from saas_platform_tests.mssql.server import detected, made, own_database, session


def test_a_mask_that_the_login_sees_through_keeps_nothing_back(mssql: MssqlBackend) -> None:
    name = "saas_platform_masked"
    columns = "id INT NOT NULL PRIMARY KEY, v NVARCHAR(9) MASKED WITH (FUNCTION = 'default()') NULL"
    with made(mssql, name, columns):
        found = own_database().discover()
        (table,) = (t for t in found.tables if t.name == name)
        with own_database().snapshot() as snapshot:
            assert snapshot.rows(table).read_all().num_rows == 0
        assert not [note for note in found.notes if name in note]


def test_the_queries_about_protection_are_answered(mssql: MssqlBackend) -> None:
    if not (detected(mssql).floor or "").endswith("MIN_ACTIVE_ROWVERSION())"):
        pytest.skip("the server is none of Microsoft's")
    asked = (
        *(protection.MASKED, protection.COMPUTED, protection.SOURCES, protection.ENCRYPTED),
        *(protection.POLICIES, special.CHANGING, special.IN_MEMORY, special.EXTERNAL),
    )
    with session(mssql) as cursor:
        for query in asked:
            assert features.rows(cursor, query) is not None, query
        for query in (protection.SEES_DEFINITIONS, special.HAS_INTERNAL, features.NEEDED):
            assert features.answer(cursor, query) is not None, query


def test_a_column_that_is_computed_from_a_masked_one_is_masked(mssql: MssqlBackend) -> None:
    name, user = "saas_platform_masked", "saas_platform_masked_reader"
    columns = (
        "id INT NOT NULL PRIMARY KEY, v NVARCHAR(9) MASKED WITH (FUNCTION = 'default()') NULL,"
        " w AS UPPER(v), x AS id + 1"
    )
    drop = f"IF USER_ID('{user}') IS NOT NULL DROP USER {user}"
    with made(mssql, name, columns) as full, session(mssql) as cursor:
        number = connection.scalar(cursor, f"SELECT OBJECT_ID('{full}')")

        def seen() -> dict[str, str]:
            """Return what the user sees, in a separate session."""
            with session(mssql) as theirs:
                theirs.execute(f"EXECUTE AS USER = '{user}'")
                found = protection.find_protection(lambda sql: features.rows(theirs, sql))
                theirs.execute("REVERT")
            return found.columns(number)

        mssql.run(drop, f"CREATE USER {user} WITHOUT LOGIN", f"GRANT SELECT ON {full} TO {user}")
        try:
            assert {*seen()} == {"v", "w", "x"}, "what they are computed from is not shown"
            mssql.run(
                f"GRANT VIEW DEFINITION TO {user}",
                f"GRANT SELECT ON sys.sql_expression_dependencies TO {user}",
            )
            assert {*seen()} == {"v", "w"}
            mssql.run(f"GRANT UNMASK TO {user}")
            assert seen() == {}
        finally:
            mssql.run(drop)
