"""Test with a real TDS server that the company's months are applied, whatever interrupts them."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from saas_platform.schema import TABLES
from saas_platform.source import applying
from saas_platform.source.interface import SourceError
from saas_platform.source.mssql import connection
from saas_platform.source.mssql import source as mssql_source
from saas_platform_tests.backends import MssqlBackend
from saas_platform_tests.mssql.server import session
from saas_platform_tests.rows import row
from saas_platform_tests.source.test_apply import FIRST, batch, content, every_table


def test_a_change_of_case_or_of_a_trailing_blank_is_a_change(mssql: MssqlBackend) -> None:
    plan = row(TABLES["plans"], 1, name="Team")
    mssql.source.apply(batch(FIRST, {"plans": [plan]}))
    for name in ("team", "team ", "team  "):
        changes = mssql.source.apply(batch(FIRST, {"plans": [{**plan, "name": name}]}))
        assert changes["plans"].written == 1
        assert content(mssql.source)["plans"][0]["name"] == name


def test_constraints_are_trusted_after_a_load(mssql: MssqlBackend, way: str) -> None:
    mssql.source.apply(batch(FIRST, every_table(3)))
    with session(mssql) as cursor:
        for catalogue in ("sys.foreign_keys", "sys.check_constraints"):
            all_of, trusted = cursor.execute(
                f"SELECT COUNT(*), SUM(CASE WHEN is_not_trusted = 0 AND is_disabled = 0 THEN 1 END)"
                f" FROM {catalogue} WHERE schema_id = SCHEMA_ID('{mssql.address.schema}')"
            ).fetchone()
            assert all_of == trusted > 0


def test_comments_are_kept(mssql: MssqlBackend) -> None:
    with session(mssql) as cursor:
        found = connection.scalar(
            cursor,
            "SELECT CONVERT(NVARCHAR(400), value) FROM fn_listextendedproperty('MS_Description',"
            f" 'schema', '{mssql.address.schema}', 'table', 'plans', 'column', 'plan_id')",
        )
    assert found == "Surrogate key"


def test_a_broken_connection_is_opened_again(
    mssql: MssqlBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut: list[int] = []
    write = applying._write

    def writing(writer: Any, table: sa.Table, month: Any) -> tuple[int, int]:
        if table.name == "invoices" and not cut:
            cut.append(connection.scalar(writer._cursor, "SELECT @@SPID"))
            with session(mssql) as other:
                other.execute(f"KILL {cut[0]}")
        return write(writer, table, month)

    monkeypatch.setattr(applying, "_write", writing)
    rows = every_table(2)
    mssql.source.apply(batch(FIRST, rows))
    assert cut
    assert content(mssql.source) == rows


_KILLED = """
import pickle, sys, time
from pathlib import Path
from saas_platform.source import applying

def halt(*_):
    print("here", flush=True)
    time.sleep(60)

source, batch = pickle.loads(Path(sys.argv[1]).read_bytes())
write = applying._write
applying._write = lambda w, t, m: halt() if t.name == "invoices" else write(w, t, m)
source.apply(batch)
"""


def test_a_killed_month_is_as_before(mssql: MssqlBackend, tmp_path: Path) -> None:
    pickled = tmp_path / "batch"
    rows = every_table(2)
    pickled.write_bytes(pickle.dumps((mssql.source, batch(FIRST, rows))))
    with subprocess.Popen(
        [sys.executable, "-c", _KILLED, str(pickled)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"
        process.kill()
    assert content(mssql.source) == {name: [] for name in TABLES}
    assert mssql.source.applied_months() == {}
    # Rows that are left in staging tables do no harm.
    mssql.source.apply(batch(FIRST, rows))
    assert content(mssql.source) == rows


def test_two_writers_wait_for_each_other(
    mssql: MssqlBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mssql_source, "LOCK_MILLISECONDS", 100)
    with (
        session(mssql) as cursor,
        mssql.source._alone(cursor),  # type: ignore[attr-defined]
        pytest.raises(SourceError, match="is being written by another run"),
    ):
        mssql.source.apply(batch(FIRST))


def test_drop_leaves_other_tables(mssql: MssqlBackend) -> None:
    theirs = mssql.named("theirs")
    mssql.run(f"CREATE TABLE {theirs} (a INT)")
    try:
        mssql.source.drop()
        assert not mssql.source.exists()
        assert [table.name for table in mssql.source.discover().tables] == ["theirs"]
    finally:
        mssql.run(f"DROP TABLE {theirs}")
    mssql.source.create_schema()
    assert mssql.source.exists()
