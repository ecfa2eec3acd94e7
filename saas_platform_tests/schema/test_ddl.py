"""The schema's DDL for SQLite. A golden file shows each change in review; SQL Server's is docs/sql-server.sql.

After an intended change, run `SAAS_TEST_UPDATE_GOLDEN=1 pytest saas_platform_tests/schema`.
"""

from __future__ import annotations

import os
from pathlib import Path

from sqlalchemy.dialects import sqlite

from saas_platform.schema import TABLES
from saas_platform.schema.ddl import statements

_GOLDEN = Path(__file__).parent / "golden" / "sqlite.sql"


def test_ddl_is_as_reviewed() -> None:
    made = ";\n\n".join(statements(TABLES.values(), sqlite.dialect())) + ";\n"
    if os.environ.get("SAAS_TEST_UPDATE_GOLDEN"):
        _GOLDEN.write_text(made)
    assert made == _GOLDEN.read_text()
