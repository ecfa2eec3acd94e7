"""Test what a proof reports and logs, and who proves what a killed sync left."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pytest

from saas_platform.source.sqlite import SqliteSource
from saas_platform.source.sqlite.snapshot import CompanySnapshot
from saas_platform.sync import repair, sentences, sync, verify
from saas_platform.warehouse.duckdb.warehouse import DuckdbWarehouse
from saas_platform_tests.rows import by_hand, insert, row
from saas_platform_tests.sync.company_tables import EACH_KIND, EVENTS, FEATURES, USERS, reasons
from saas_platform_tests.sync.conftest import ROWS
from saas_platform_tests.sync.external_writes import in_mirror, mirror_rows, source_rows


def test_every_level_reports_rows(source: SqliteSource, warehouse: DuckdbWarehouse) -> None:
    sync(source, warehouse, [FEATURES])
    in_mirror(warehouse.path, "DELETE FROM raw.features WHERE feature_id = 1")
    in_mirror(warehouse.path, "UPDATE raw.features SET name = 'x' WHERE feature_id = 2")
    for level in ("counts", "digest", "rows"):
        (proof,) = verify(source, warehouse, [FEATURES], level)
        assert proof.slices_differing == ("all",)
        assert proof.differences is not None
        assert (proof.differences.missing, proof.differences.different) == (1, 1)
        assert sentences(proof) == [
            "features: 1 of 1 slice differs (all); 8 rows in the source, 7 in the mirror.",
            "features: 1 missing in the mirror, 0 extra, 1 different (name 1x).",
            "features feature_id 1 in all: missing in the mirror.",
            "features feature_id 2 in all: name is 'name 2' in the source, 'x' in the mirror.",
        ]


def test_the_samples_are_few_and_the_totals_exact(
    source: SqliteSource, warehouse: DuckdbWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("saas_platform.sync.diff.SAMPLES", 3)
    monkeypatch.setattr("saas_platform.sync.reading.GROUP_ROWS", 2)
    sync(source, warehouse, [EVENTS])
    in_mirror(warehouse.path, "UPDATE raw.usage_events SET account_id = 99")
    (proof,) = verify(source, warehouse, [EVENTS])
    assert proof.differences is not None
    assert proof.differences.different == ROWS
    assert proof.differences.columns == {"account_id": ROWS}
    assert [s.key["event_id"] for s in proof.differences.samples] == [1, 2, 3]
    (repaired,) = repair(source, warehouse, [EVENTS])
    assert repaired.succeeded
    assert repaired.rows_written == ROWS
    in_mirror(warehouse.path, "UPDATE raw.usage_events SET event_id = event_id + 100")
    (proof,) = verify(source, warehouse, [EVENTS])
    assert proof.differences is not None
    assert (proof.differences.missing, proof.differences.extra) == (ROWS, ROWS)


def test_proofs_are_logged_with_their_scope(
    source: SqliteSource, warehouse: DuckdbWarehouse
) -> None:
    (report,) = sync(source, warehouse, [FEATURES])
    in_mirror(warehouse.path, "DELETE FROM raw.features WHERE feature_id = 1")
    verify(source, warehouse, [FEATURES])
    rows = in_mirror(
        warehouse.path,
        "SELECT sync_id, level, scope, slices_checked, slices_differing, rows_source, rows_mirror,"
        " digest IS NOT NULL, verdict FROM raw._proof_log ORDER BY proven_at",
    )
    assert rows == [
        (report.sync_id, "digest", "all", 1, 0, 8, 8, True, "proven"),
        (None, "digest", "all", 1, 1, 8, 7, True, "differs"),
    ]


def test_the_newest_entry_is_found_when_the_clock_goes_back(
    source: SqliteSource, warehouse: DuckdbWarehouse
) -> None:
    sync(source, warehouse, [USERS])
    in_mirror(
        warehouse.path, "UPDATE raw._sync_log SET finished_at = finished_at + INTERVAL 1 YEAR"
    )
    with by_hand(source.path) as connection:
        connection.execute("UPDATE users SET full_name = 'new' WHERE user_id = 1")
    assert sync(source, warehouse, [USERS])[0].rows_written == 1
    assert sync(source, warehouse, [USERS])[0].mode is None


def test_a_sync_that_was_killed_before_its_proof_is_proven_by_the_next(
    source: SqliteSource, warehouse: DuckdbWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing lies above the watermark then, so the counts alone would have passed for a proof."""
    sync(source, warehouse, EACH_KIND)
    with by_hand(source.path) as connection:
        connection.execute("DROP TRIGGER stamp_update_users")
        connection.execute("UPDATE users SET full_name = 'unseen' WHERE user_id = 1")
        insert(connection, USERS, [row(USERS, 20, account_id=1)])
        connection.execute("DELETE FROM users WHERE user_id = 3")
    with monkeypatch.context() as patched:
        patched.setattr("saas_platform.sync.tables.prove", _die)
        with pytest.raises(KeyboardInterrupt):
            sync(source, warehouse, [USERS])
    assert mirror_rows(warehouse.path, USERS) != source_rows(source.path, USERS)
    assert reasons(source, warehouse) == {None, "last sync was not proven"}

    (report,) = sync(source, warehouse, [USERS])

    assert report.succeeded
    assert report.proof is not None
    assert (report.mode, report.repaired, report.proof.level) == ("diff", ("2024-01",), "digest")
    assert mirror_rows(warehouse.path, USERS) == source_rows(source.path, USERS)
    assert reasons(source, warehouse) == {None}
    assert sync(source, warehouse, [USERS])[0].mode is None


def test_a_first_load_that_was_killed_before_its_proof_is_proven_by_the_next(
    source: SqliteSource, warehouse: DuckdbWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("saas_platform.sync.tables.prove", _die)
        with pytest.raises(KeyboardInterrupt):
            sync(source, warehouse, [EVENTS])
    in_mirror(warehouse.path, "UPDATE raw.usage_events SET account_id = 99 WHERE event_id = 1")
    (report,) = sync(source, warehouse, [EVENTS])
    assert report.succeeded
    assert (report.mode, report.rows_written) == ("diff", 1)
    assert report.proof is not None
    assert (report.proof.scope, report.proof.slices_checked) == ("all", ROWS)
    assert mirror_rows(warehouse.path, EVENTS) == source_rows(source.path, EVENTS)


def _die(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


class LosingSnapshot(CompanySnapshot):
    """A snapshot whose driver loses the last row of whatever it reads."""

    def rows(self, *args: Any, **named: Any) -> pa.RecordBatchReader:
        return _without_last(super().rows(*args, **named))

    def row_texts(self, *args: Any, **named: Any) -> pa.RecordBatchReader:
        return _without_last(super().row_texts(*args, **named))

    def cells(self, *args: Any, **named: Any) -> pa.RecordBatchReader:
        return _without_last(super().cells(*args, **named))


def _without_last(read: pa.RecordBatchReader) -> pa.RecordBatchReader:
    table = read.read_all()
    return table.slice(0, max(0, table.num_rows - 1)).to_reader()


class LosingSource(SqliteSource):
    @contextmanager
    def snapshot(self) -> Iterator[CompanySnapshot]:
        with super().snapshot() as snapshot:
            yield LosingSnapshot(snapshot._cursor, snapshot._path)


def test_the_driver_is_not_believed_how_many_rows_there_are(
    source: SqliteSource, warehouse: DuckdbWarehouse
) -> None:
    """What the driver loses, the load and the texts of the proof lose alike. So the database itself counts."""
    losing = LosingSource(source.path)
    sync(losing, warehouse, [FEATURES])
    assert len(mirror_rows(warehouse.path, FEATURES)) == ROWS - 1
    for level in ("counts", "digest", "rows"):
        (report,) = verify(losing, warehouse, [FEATURES], level)
        assert report.verdict == "differs", level
        assert (report.rows_source, report.rows_mirror) == (ROWS, ROWS - 1)
