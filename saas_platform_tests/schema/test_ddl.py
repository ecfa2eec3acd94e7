"""The schema's DDL for SQLite and SQL Server, seen in review when it changes.

After a wanted change: `SAAS_TEST_UPDATE_GOLDEN=1 pytest saas_platform_tests/schema`.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import sqlalchemy as sa
import sqlglot
from sqlalchemy.dialects import mssql, sqlite

from saas_platform.schema import TABLES
from saas_platform.schema.ddl import statements

_GOLDEN = Path(__file__).parent / "golden"
_DIALECTS: dict[str, sa.Dialect] = {
    "sqlite": sqlite.dialect(),
    "mssql": mssql.dialect(),
}
# Offline, the dialect knows neither that the server keeps comments nor the schema they are kept by.
_DIALECTS["mssql"].supports_comments = True
_DIALECTS["mssql"].default_schema_name = "dbo"


@pytest.mark.parametrize("name", _DIALECTS)
def test_ddl_is_as_reviewed(name: str) -> None:
    made = ";\n\n".join(statements(TABLES.values(), _DIALECTS[name])) + ";\n"
    golden = _GOLDEN / f"{name}.sql"
    if os.environ.get("SAAS_TEST_UPDATE_GOLDEN"):
        golden.write_text(made)
    assert made == golden.read_text()


def test_tsql_parses() -> None:
    made = [
        s for s in statements(TABLES.values(), _DIALECTS["mssql"]) if not s.startswith("execute")
    ]
    kinds = [sqlglot.parse_one(statement, dialect="tsql").key for statement in made]
    assert set(kinds) == {"create"}
    assert len([s for s in made if s.startswith("CREATE TABLE")]) == len(TABLES)


def test_tsql_has_what_the_sync_needs() -> None:
    made = "\n".join(statements(TABLES.values(), _DIALECTS["mssql"]))
    assert made.count("ROWVERSION") == len(TABLES)
    assert "DATETIME2(6)" in made
    assert " DATETIME NOT NULL" not in made
    assert "CONSTRAINT fk_users_account_id FOREIGN KEY(account_id)" in made
    assert "sp_addextendedproperty" in made
