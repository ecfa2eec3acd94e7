"""Tests of the DuckDB file: which process may open it, its errors, and the access of later layers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
import sqlalchemy as sa

from saas_platform.schema import TABLES
from saas_platform.schema.arrow import arrow_schema
from saas_platform.warehouse.duckdb import sql as duckdb_sql
from saas_platform.warehouse.duckdb.warehouse import DuckdbWarehouse
from saas_platform.warehouse.interface import WarehouseError
from saas_platform.warehouse.logs import SyncEntry
from saas_platform.warehouse.stream import RowStream

_HOLDER = """
import sys, time, duckdb
connection = duckdb.connect(sys.argv[1])
print("open", flush=True)
time.sleep(float(sys.argv[2]))
connection.close()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "warehouse.duckdb"


def held(path: Path, seconds: float) -> subprocess.Popen[str]:
    """Start another process that has the file open."""
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(path), str(seconds)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    return process


def test_a_held_file_is_reported_in_one_sentence(path: Path) -> None:
    with held(path, 60) as process:
        with pytest.raises(WarehouseError) as caught:
            DuckdbWarehouse(path, wait_seconds=0.3).query("SELECT 1")
        process.kill()
    assert str(caught.value) == (
        f"The warehouse {path} is in use by process {process.pid}: wait until it ends, or stop it."
    )


def test_a_file_held_briefly_is_waited_for(path: Path) -> None:
    with held(path, 0.5):
        assert DuckdbWarehouse(path, wait_seconds=20).query("SELECT 1 AS a").to_pylist() == [
            {"a": 1}
        ]


def test_the_file_is_free_between_calls(path: Path) -> None:
    warehouse = DuckdbWarehouse(path)
    warehouse.query("SELECT 1")
    with held(path, 0.1) as process:
        assert process.wait() == 0


@pytest.mark.parametrize("offset", [0, 4096, 12_288], ids=["magic", "header", "block"])
def test_a_damaged_file_is_reported_in_one_sentence(path: Path, offset: int) -> None:
    DuckdbWarehouse(path).replace_table("models", "scores", pa.table({"a": [1, 2]}))
    content = bytearray(path.read_bytes())
    content[offset : offset + 300] = b"z" * 300
    path.write_bytes(content)
    with pytest.raises(WarehouseError, match="is damaged or not a DuckDB file: delete it and run"):
        DuckdbWarehouse(path).query("SELECT * FROM models.scores")


def test_a_folder_in_its_place_is_reported(tmp_path: Path) -> None:
    with pytest.raises(WarehouseError, match="directory"):
        DuckdbWarehouse(tmp_path).query("SELECT 1")


@pytest.mark.parametrize("name", ["raw.duckdb", "Marts.duckdb", "temp.db"])
def test_a_file_named_like_a_schema_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(WarehouseError, match="another file name"):
        DuckdbWarehouse(tmp_path / name)


def test_schemas_exist(path: Path) -> None:
    found = DuckdbWarehouse(path).query(
        "SELECT schema_name FROM information_schema.schemata"
        " WHERE catalog_name = current_database()"
    )
    assert set(found["schema_name"].to_pylist()) >= {"raw", "marts", "models"}


def test_replace_table_replaces_all_or_nothing(path: Path) -> None:
    warehouse = DuckdbWarehouse(path)
    name = 'a "strange" name'
    assert not warehouse.table_exists("models", name)
    warehouse.replace_table("models", name, pa.table({"a b": [1, 2]}))
    warehouse.replace_table("models", name, pa.table({"c": ["x"]}))
    assert warehouse.table_exists("models", name)
    quoted = duckdb_sql.qualified("models", name)
    assert warehouse.query(f"SELECT * FROM {quoted}").to_pylist() == [{"c": "x"}]


def test_a_failed_transaction_leaves_nothing(path: Path) -> None:
    warehouse = DuckdbWarehouse(path)

    def fail_halfway() -> None:
        with warehouse._connected() as connection, connection.transaction():
            connection.run("CREATE TABLE marts.half (a INTEGER)")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_halfway()
    assert not warehouse.table_exists("marts", "half")


def test_drop_leaves_what_is_not_ours(path: Path) -> None:
    warehouse = DuckdbWarehouse(path)
    warehouse.drop()
    assert not path.exists()
    assert warehouse.ping() == "empty: `saas-platform run` will fill it"
    warehouse.replace_table("mine", "kept", pa.table({"a": [1]}))
    warehouse.replace_table("marts", "gone", pa.table({"a": [1]}))
    warehouse.drop()
    assert warehouse.table_exists("mine", "kept")
    assert not warehouse.table_exists("marts", "gone")
    assert warehouse.ping().startswith("answers; version v")


def test_sessions_may_be_nested(path: Path) -> None:
    warehouse = DuckdbWarehouse(path)
    with warehouse.session(), warehouse.session():
        warehouse.query("SELECT 1")
    with duckdb.connect(str(path)) as connection:
        assert connection.execute("SELECT 1").fetchall() == [(1,)]


@pytest.mark.parametrize(
    "text", ["it's", "''", "'; DROP TABLE x; --", "\\'", "a\nb", "ü\u2028", ""]
)
def test_a_text_of_any_characters_is_one_literal(text: str) -> None:
    with duckdb.connect() as connection:
        found = connection.execute(f"SELECT {duckdb_sql.literal(text)}").fetchall()
    assert found == [(text,)]


def test_slice_bounds_are_literal_and_merged() -> None:
    events = TABLES["usage_events"]
    assert duckdb_sql.within(events, ["2024-02-29", "2024-03-01", "infinity"]) == (
        "((\"occurred_at\" >= TIMESTAMP '2024-02-29 00:00:00'"
        " AND \"occurred_at\" < TIMESTAMP '2024-03-02 00:00:00')"
        " OR strftime(CAST(\"occurred_at\" AS DATE), '%Y-%m-%d') IN ('infinity'))"
    )
    assert duckdb_sql.within(events, []) == "FALSE"
    assert duckdb_sql.within(events, None) == "TRUE"
    assert duckdb_sql.within(TABLES["plans"], ["all"]) == "TRUE"


def test_memory_is_bounded_but_for_rows_that_need_more(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Long texts are loaded and digested whatever the limit is, because it is lifted during the load."""
    monkeypatch.setattr("saas_platform.warehouse.duckdb.connection.MEMORY_LIMIT", "24MB")
    table = sa.Table(
        "documents",
        sa.MetaData(),
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("body", sa.String, nullable=False),
    )
    warehouse = DuckdbWarehouse(path)

    def limit() -> str:
        return warehouse.query("SELECT current_setting('memory_limit') AS it").to_pylist()[0]["it"]

    def batches(length: int) -> Iterator[pa.RecordBatch]:
        for first in range(0, 200, 50):
            rows = [{"id": n, "body": f"{n:x}" * length} for n in range(first, first + 50)]
            yield pa.RecordBatch.from_pylist(rows, schema=arrow_schema(table))

    def loaded(length: int) -> SyncEntry:
        reader = pa.RecordBatchReader.from_batches(arrow_schema(table), batches(length))
        noon = datetime(2026, 1, 1, 12)
        return warehouse.load(
            table,
            RowStream(reader),
            SyncEntry("one", table.name, "full", "identity", 1, noon, noon),
        )

    with warehouse.session():
        assert loaded(10).rows_written == 200
        assert limit() == "22.8 MiB"
        assert loaded(200_000).rows_written == 200
        assert limit() != "22.8 MiB"
    assert limit() == "22.8 MiB"
    # In a new connection no stream shows how long the texts are.
    assert warehouse.digest_mirror(table)["all"].rows == 200
