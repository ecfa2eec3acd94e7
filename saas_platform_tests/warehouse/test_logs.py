"""Tests of the warehouse's two logs: the queries of them, and logs that an older version made."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from saas_platform.schema import TABLES
from saas_platform.warehouse.duckdb.warehouse import DuckdbWarehouse
from saas_platform.warehouse.interface import Warehouse
from saas_platform.warehouse.logs import SYNC_LOG, DayRows, ProofEntry, SyncEntry, Verdict
from saas_platform_tests.digests.rows import stream

USERS = TABLES["users"]
_FIRST = datetime(2026, 1, 1, 12)


@pytest.fixture
def warehouse(tmp_path: Path) -> DuckdbWarehouse:
    return DuckdbWarehouse(tmp_path / "warehouse.duckdb")


def proof(
    name: str,
    verdict: Verdict,
    *,
    hours: float = 0,
    rows: int = 8,
    sync_id: str | None = None,
    scope: str = "all",
    level: str = "digest",
    table: str = "users",
) -> ProofEntry:
    return ProofEntry(
        proof_id=name,
        sync_id=sync_id,
        table_name=table,
        level=level,  # type: ignore[arg-type]
        scope=scope,  # type: ignore[arg-type]
        slices_checked=3,
        slices_total=4,
        slices_differing=int(verdict == "differs"),
        rows_source=8,
        rows_mirror=rows,
        digest=None,
        verdict=verdict,
        seconds=0.5,
        proven_at=_FIRST + timedelta(hours=hours),
    )


def unsettled(warehouse: Warehouse) -> list[str]:
    return [entry.proof_id for entry in warehouse.unsettled_proofs(USERS)]


def test_proofs_are_unsettled_from_the_first_that_differs_to_the_one_that_confirms(
    any_warehouse: Warehouse,
) -> None:
    assert unsettled(any_warehouse) == []
    entries = [
        proof("a", "proven", hours=1),
        proof("b", "proven", hours=2, sync_id="s", scope="touched"),
        proof("c", "differs", hours=3),
        proof("d", "proven", hours=4, level="counts"),
        proof("e", "proven", hours=5, sync_id="t", scope="touched"),
        proof("f", "proven", hours=6, sync_id="r"),
    ]
    # They may be recorded in any order, because their times decide.
    for entry in entries[::-1]:
        any_warehouse.record_proof(entry)
    any_warehouse.record_proof(proof("other", "differs", hours=7, table="plans"))
    assert unsettled(any_warehouse) == ["c", "d", "e", "f"]
    assert any_warehouse.unsettled_proofs(USERS) == entries[2:]

    any_warehouse.record_proof(proof("g", "proven", hours=8))
    assert unsettled(any_warehouse) == []
    any_warehouse.record_proof(proof("h", "differs", hours=9, level="counts"))
    any_warehouse.record_proof(proof("i", "differs", hours=10))
    assert unsettled(any_warehouse) == ["h", "i"]


def test_the_rows_of_each_day_are_those_of_its_last_proof(any_warehouse: Warehouse) -> None:
    assert any_warehouse.daily_rows(USERS, 5) == []
    for n, (day, rows, verdict) in enumerate(
        [(0, 5, "proven"), (0, 6, "proven"), (1, 99, "differs"), (2, 7, "proven"), (4, 9, "proven")]
    ):
        any_warehouse.record_proof(
            proof(str(n), verdict, hours=24 * day + n, rows=rows)  # type: ignore[arg-type]
        )
    any_warehouse.record_proof(proof("other", "proven", hours=48, rows=1, table="plans"))
    first = _FIRST.date()
    every = [DayRows(first + timedelta(days=day), rows) for day, rows in ((0, 6), (2, 7), (4, 9))]
    assert any_warehouse.daily_rows(USERS, 5) == every
    assert any_warehouse.daily_rows(USERS, 2) == every[1:]


def test_a_log_of_an_older_version_is_given_what_it_lacks(warehouse: DuckdbWarehouse) -> None:
    """The log is as it was before slices_compared and slices_copied, with an entry from that time."""
    with duckdb.connect(str(warehouse.path)) as connection:
        connection.execute("CREATE SCHEMA raw")
        connection.execute(
            "CREATE TABLE raw._sync_log (sync_id VARCHAR NOT NULL, table_name VARCHAR NOT NULL,"
            " mode VARCHAR NOT NULL, source_identity VARCHAR NOT NULL, watermark BIGINT NOT NULL,"
            " rows_read BIGINT NOT NULL, rows_written BIGINT NOT NULL, rows_deleted BIGINT NOT NULL,"
            " slices VARCHAR NOT NULL, bytes BIGINT NOT NULL, started_at TIMESTAMP NOT NULL,"
            " finished_at TIMESTAMP NOT NULL, seconds DOUBLE NOT NULL)"
        )
        connection.execute(
            "INSERT INTO raw._sync_log VALUES ('s', 'users', 'full', 'me', 7, 8, 8, 0, '[\"all\"]', 99,"
            " '2026-01-01', '2026-01-01', 0.5)"
        )
    last = warehouse.last_sync(USERS)
    assert last is not None
    assert (last.watermark, last.slices) == (7, ("all",))
    assert (last.slices_compared, last.slices_copied) == (None, None)
    before = warehouse.path.read_bytes()
    warehouse.last_sync(USERS)
    # The columns are added once. Reading the log later writes nothing.
    assert warehouse.path.read_bytes() == before
    assert list(warehouse.query("SELECT * FROM raw._sync_log").column_names) == [
        column.name for column in SYNC_LOG.columns
    ]


def test_one_mirror_is_dropped_with_its_entries_and_no_other(any_warehouse: Warehouse) -> None:
    assert any_warehouse.mirrors() == []
    features = TABLES["features"]
    for hours, table in enumerate((USERS, features, USERS)):
        timestamp = _FIRST + timedelta(hours=hours)
        entry = SyncEntry(f"sync{hours}", table.name, "full", "a source", 7, timestamp, timestamp)
        any_warehouse.load(table, stream(table, []), entry)
        any_warehouse.record_proof(proof(f"p{hours}", "proven", hours=hours, table=table.name))
    found = any_warehouse.mirrors()
    assert [str(mirror) for mirror in found] == ["raw.features", "raw.users"]
    for mirror, table in zip(found, (features, USERS), strict=True):
        last = any_warehouse.last_sync(table)
        assert last is not None
        assert mirror.synced_at == last.finished_at
    any_warehouse.drop_mirror(found[1])
    assert any_warehouse.mirrors() == found[:1]
    assert any_warehouse.mirror_columns(USERS) == {}
    assert (any_warehouse.last_sync(USERS), any_warehouse.last_proof(USERS)) == (None, None)
    assert any_warehouse.last_sync(features) is not None
    assert any_warehouse.last_proof(features) is not None
    # Dropping it again is no error, because the first try may have been killed.
    any_warehouse.drop_mirror(found[1])


def test_asking_for_mirrors_makes_no_file(warehouse: DuckdbWarehouse) -> None:
    assert warehouse.mirrors() == []
    assert not warehouse.path.exists()
