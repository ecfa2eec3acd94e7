"""Tests that a mirror has the digest of the rows that were loaded, slice by slice, under hostile names.

The tests in `digests/` show that a digest ignores the order of rows and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from saas_platform.schema.arrow import arrow_schema
from saas_platform.schema.slices import SliceDigest, Slicing
from saas_platform.warehouse.duckdb import comparison as duckdb_comparison
from saas_platform.warehouse.duckdb import sql as q
from saas_platform.warehouse.duckdb.warehouse import DuckdbWarehouse
from saas_platform.warehouse.logs import SyncEntry
from saas_platform.warehouse.stream import RowStream
from saas_platform_tests.drawing import examples
from saas_platform_tests.texts import texts

TABLE = sa.Table(
    'hostile "names"',
    sa.MetaData(),
    sa.Column("the key", sa.BigInteger, primary_key=True),
    sa.Column("at", sa.DateTime, nullable=False),
    sa.Column("left", sa.String, nullable=True),
    sa.Column("right", sa.String, nullable=True),
    sa.Column("flag", sa.Boolean, nullable=True),
    sa.Column('a "b"', sa.Integer, nullable=True),
    sa.Column("row_version", sa.BigInteger, nullable=False, info={"row_version": True}),
    info={"slice": Slicing("at", "month")},
)
KEYLESS = TABLE.to_metadata(sa.MetaData(), name="keyless")
KEYLESS.constraints.discard(KEYLESS.primary_key)
KEYLESS.primary_key = sa.PrimaryKeyConstraint()  # type: ignore[misc]
assert not q.keys(KEYLESS)
Row = tuple[Any, ...]

some_texts = (
    st.none()
    | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6)
    | st.sampled_from(["", " ", "null", "a", "ab", "|", "\\", "e\u0301", "\u00e9"])
)
timestamps = st.datetimes(datetime(1000, 1, 1)) | st.sampled_from(
    [datetime(2024, 1, 31, 23, 59, 59, 999_999), datetime(2024, 2, 1)]
)
big = st.integers(-(2**63), 2**63 - 1)
rows = st.tuples(
    big,
    timestamps,
    some_texts,
    some_texts,
    st.none() | st.booleans(),
    st.none() | st.integers(-(2**31), 2**31 - 1),
    big,
)
quick = settings(
    max_examples=examples(15),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckdbWarehouse]:
    made = DuckdbWarehouse(Path(tmp_path_factory.mktemp("digest")) / "warehouse.duckdb")
    with made.session():
        yield made


def stream(found: list[Row], *, batch: int = 2) -> RowStream:
    schema = arrow_schema(TABLE, with_row_version=True)
    batches = [
        pa.record_batch(
            [list(values) for values in zip(*found[start : start + batch], strict=True)],
            schema=schema,
        )
        for start in range(0, len(found), batch)
    ]
    return RowStream(pa.RecordBatchReader.from_batches(schema, batches))


def named(found: list[Row]) -> list[dict[str, Any]]:
    return [dict(zip(TABLE.columns.keys(), row, strict=True)) for row in found]


def digest(warehouse: DuckdbWarehouse, found: list[Row]) -> dict[str, SliceDigest]:
    return warehouse.digest_texts(texts(TABLE, named(found)))


@quick
@given(found=st.lists(rows, max_size=6))
def test_the_mirror_has_the_digest_of_its_stream(
    warehouse: DuckdbWarehouse, found: list[Row]
) -> None:
    entry = SyncEntry(
        "id", TABLE.name, "full", "source", 1, datetime(2024, 1, 1), datetime(2024, 1, 1)
    )
    written = warehouse.load(TABLE, stream(found), entry)
    digests = digest(warehouse, found)
    assert warehouse.digest_mirror(TABLE) == digests
    assert warehouse.slice_counts(TABLE) == {s: d.rows for s, d in digests.items()}
    assert written.slices == tuple(sorted(digests))
    assert set(digests) == {f"{row[1]:%Y-%m}" for row in found}
    for slice_id, wanted in digests.items():
        assert warehouse.digest_mirror(TABLE, [slice_id]) == {slice_id: wanted}


@settings(quick, max_examples=examples(10))
@given(
    mirror_rows=st.lists(rows, max_size=5),
    source_rows=st.lists(rows, max_size=5),
    parts=st.integers(1, 4),
)
@pytest.mark.parametrize("keyed", [True, False])
def test_rows_compared_in_parts_differ_as_all_at_once(
    warehouse: DuckdbWarehouse,
    mirror_rows: list[Row],
    source_rows: list[Row],
    parts: int,
    keyed: bool,
) -> None:
    table = TABLE if keyed else KEYLESS
    timestamp = datetime(2024, 1, 1)
    # Both sides have equal rows, repeated keys and repeated rows.
    mirror_rows, source_rows = (
        [*mirror_rows, *source_rows, *mirror_rows[:1]],
        [*source_rows, *mirror_rows, *source_rows[:1]],
    )
    entry = SyncEntry("one", table.name, "full", "source", 1, timestamp, timestamp)
    warehouse.load(table, stream(mirror_rows), entry)
    slices = {*warehouse.slice_counts(table), *digest(warehouse, source_rows)}
    at_once = warehouse.compare(table, slices, texts(table, named(source_rows)), samples=20)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duckdb_comparison, "_PART_ROWS", parts)
        assert (
            warehouse.compare(table, slices, texts(table, named(source_rows)), samples=20)
            == at_once
        )
    assert not warehouse.path.with_name("warehouse.duckdb.staging").exists()


@settings(quick, max_examples=examples(10))
@given(
    mirror_rows=st.lists(rows, max_size=5), source_rows=st.lists(rows, max_size=5), data=st.data()
)
def test_reconcile_makes_any_mirror_equal(
    warehouse: DuckdbWarehouse, mirror_rows: list[Row], source_rows: list[Row], data: st.DataObject
) -> None:
    """The mirror may hold anything, repeated keys included. The source has each key once."""
    common = data.draw(st.lists(st.sampled_from(source_rows), max_size=5)) if source_rows else []
    source_rows = list({row[0]: row for row in source_rows}.values())
    timestamp = datetime(2024, 1, 1)
    warehouse.load(
        TABLE,
        stream([*mirror_rows, *common]),
        SyncEntry("one", TABLE.name, "full", "source", 1, timestamp, timestamp),
    )
    slices = {*warehouse.slice_counts(TABLE), *digest(warehouse, source_rows)}
    with warehouse.stage(TABLE, "two") as changes:
        changes.reconcile(slices, stream(source_rows))
        after = changes.counts_after()
        changes.commit(SyncEntry("two", TABLE.name, "diff", "source", 1, timestamp, timestamp))
    assert warehouse.digest_mirror(TABLE) == digest(warehouse, source_rows)
    assert warehouse.slice_counts(TABLE) == after
    found = warehouse.compare(TABLE, slices, texts(TABLE, named(source_rows)), samples=5)
    assert (found.missing, found.extra, found.different) == (0, 0, 0)
