"""Tests of the interface of every warehouse, whichever engine it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa

from saas_platform.schema import TABLES
from saas_platform.schema.arrow import arrow_schema
from saas_platform.schema.canonical import ROW_TEXTS
from saas_platform.schema.slices import Slicing
from saas_platform.warehouse.interface import Warehouse, WarehouseError
from saas_platform.warehouse.logs import SyncEntry
from saas_platform.warehouse.stream import RowStream
from saas_platform_tests.digests.rows import EVERY_TYPE, FLOATS, TEXTS, TIMESTAMPS, plain, stream
from saas_platform_tests.emulator.server import skip_gap
from saas_platform_tests.rows import row
from saas_platform_tests.texts import cells, texts

USERS, EVENTS, FEATURES = TABLES["users"], TABLES["usage_events"], TABLES["features"]
#: Sliced by month, sliced by day, and not sliced.
EACH_KIND = pytest.mark.parametrize("table", [USERS, EVENTS, FEATURES], ids=lambda t: t.name)
_NOON = datetime(2026, 1, 1, 12)

Row = Mapping[str, Any]


def rows_of(table: sa.Table, numbers: Iterable[int], **values: Any) -> list[Row]:
    return [row(table, n, **{"row_version": n, **values}) for n in numbers]


def entry_of(table: sa.Table, sync_id: str, *, hours: float = 0) -> SyncEntry:
    timestamp = _NOON + timedelta(hours=hours)
    return SyncEntry(sync_id, table.name, "full", "a source", 7, timestamp, timestamp)


def load(
    warehouse: Warehouse,
    table: sa.Table,
    found: Sequence[Row],
    sync_id: str = "one",
    hours: float = 0,
) -> SyncEntry:
    return warehouse.load(table, stream(table, found), entry_of(table, sync_id, hours=hours))


def altered(table: sa.Table, *columns: sa.Column[Any], without: Iterable[str] = ()) -> sa.Table:
    """Return a copy of the table with some columns added or replaced, and without others."""
    new = {column.name: column for column in columns}
    kept = [
        sa.Column(
            c.name,
            c.type,
            primary_key=c.primary_key,
            nullable=c.nullable,
            autoincrement=False,
            info=c.info,
        )
        for c in table.columns
        if c.name not in {*new, *without}
    ]
    return sa.Table(table.name, sa.MetaData(), *kept, *new.values(), info=table.info)


def held(warehouse: Warehouse, table: sa.Table) -> list[Row]:
    """Return the mirror's rows in order of their keys, without `_sync_id`."""
    listed = ", ".join(f"m.{warehouse.quoted(column.name)}" for column in table.columns)
    found = warehouse.query(f"SELECT {listed} FROM {warehouse.mirror_rows(table)} AS m")
    keys = [column.name for column in table.primary_key.columns]
    return sorted(found.to_pylist(), key=lambda each: [each[k] for k in keys])


@EACH_KIND
def test_a_load_makes_the_mirror_and_the_next_one_replaces_it(
    any_warehouse: Warehouse, table: sa.Table
) -> None:
    assert any_warehouse.mirror_columns(table) == {}
    assert any_warehouse.last_sync(table) is None
    first = rows_of(table, range(1, 6))
    entry = load(any_warehouse, table, first)

    assert held(any_warehouse, table) == first
    assert any_warehouse.mirror_columns(table) == any_warehouse.declared_columns(table)
    counts = any_warehouse.slice_counts(table)
    assert (sum(counts.values()), entry.rows_read, entry.rows_written) == (5, 5, 5)
    assert entry.slices == tuple(sorted(counts))
    assert entry.bytes > 0
    assert any_warehouse.last_sync(table) == entry

    second = load(any_warehouse, table, rows_of(table, range(4, 9)), "two", hours=1)
    assert held(any_warehouse, table) == rows_of(table, range(4, 9))
    assert any_warehouse.last_sync(table) == second
    assert any_warehouse.unproven_syncs(table) == [entry, second]
    assert any_warehouse.syncs_after(entry.finished_at) == [second]
    assert any_warehouse.syncs_after(entry.finished_at - timedelta(microseconds=1)) == [
        entry,
        second,
    ]


def test_more_slices_than_one_statement_may_write(
    any_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("saas_platform.warehouse.bigquery.changes.MOST_SLICES", 2)
    days = [datetime(2024, 2, day, 23) for day in range(1, 8)]
    rows = [
        {**each, "occurred_at": day}
        for each, day in zip(rows_of(EVENTS, range(1, 8)), days, strict=True)
    ]
    load(any_warehouse, EVENTS, rows)
    assert held(any_warehouse, EVENTS) == rows
    load(any_warehouse, EVENTS, rows[1:], "two", hours=1)
    assert held(any_warehouse, EVENTS) == rows[1:]
    changed = [{**each, "row_version": 99} for each in rows[2:]]
    with any_warehouse.stage(EVENTS, "three") as changes:
        changes.add_rows(stream(EVENTS, changed))
        entry = changes.commit(entry_of(EVENTS, "three", hours=2))
    assert (entry.rows_written, entry.rows_deleted, len(entry.slices)) == (5, 0, 5)
    assert held(any_warehouse, EVENTS) == [rows[1], *changed]


def test_an_empty_load_makes_a_mirror_too(any_warehouse: Warehouse) -> None:
    entry = load(any_warehouse, USERS, [])
    assert (entry.rows_written, entry.slices) == (0, ())
    assert any_warehouse.slice_counts(USERS) == {}
    assert any_warehouse.digest_mirror(USERS) == {}
    assert any_warehouse.mirror_columns(USERS) == any_warehouse.declared_columns(USERS)


@EACH_KIND
def test_changes_are_applied_at_once(any_warehouse: Warehouse, table: sa.Table) -> None:
    load(any_warehouse, table, rows_of(table, range(1, 6)))
    (key,) = table.primary_key.columns
    changed = [*rows_of(table, [2], row_version=99), *rows_of(table, [40])]
    gone = pa.table({key.name: pa.array([1, 3, 3, 777], pa.int64())})

    with any_warehouse.stage(table, "two") as changes:
        changes.add_rows(stream(table, changed))
        changes.add_deletes(gone)
        assert changes.pending() == 5
        after = changes.counts_after()
        assert held(any_warehouse, table) == rows_of(table, range(1, 6))
        entry = changes.commit(entry_of(table, "two", hours=1))

    wanted = [changed[0], *rows_of(table, [4, 5]), changed[1]]
    assert held(any_warehouse, table) == wanted
    assert any_warehouse.slice_counts(table) == after
    assert (entry.rows_written, entry.rows_deleted) == (2, 2)
    assert any_warehouse.last_sync(table) == entry


def test_a_row_that_moves_its_slice_leaves_the_old_one(any_warehouse: Warehouse) -> None:
    load(any_warehouse, EVENTS, rows_of(EVENTS, range(1, 4)))
    moved = rows_of(EVENTS, [1], occurred_at=datetime(2025, 5, 5))
    with any_warehouse.stage(EVENTS, "two") as changes:
        changes.add_rows(stream(EVENTS, moved))
        entry = changes.commit(entry_of(EVENTS, "two", hours=1))
    assert entry.slices == ("2024-01-02", "2025-05-05")
    assert any_warehouse.slice_counts(EVENTS) == {
        **dict.fromkeys(("2024-01-03", "2024-01-04", "2025-05-05"), 1)
    }


def test_what_is_not_committed_leaves_nothing(any_warehouse: Warehouse) -> None:
    load(any_warehouse, USERS, rows_of(USERS, [1]))
    before = held(any_warehouse, USERS)
    with any_warehouse.stage(USERS, "two") as changes:
        changes.add_rows(stream(USERS, rows_of(USERS, [1, 2], full_name="new")))
        changes.counts_after()
    assert held(any_warehouse, USERS) == before
    # The next context begins without these changes.
    with any_warehouse.stage(USERS, "two") as changes:
        assert changes.pending() == 0


def test_a_source_that_breaks_leaves_the_mirror_and_its_own_error(any_warehouse: Warehouse) -> None:
    load(any_warehouse, USERS, rows_of(USERS, [1]))
    schema = arrow_schema(USERS, with_row_version=True)

    def broken() -> Iterable[pa.RecordBatch]:
        yield next(iter(stream(USERS, rows_of(USERS, [2])).reader()))
        raise ZeroDivisionError

    def again() -> RowStream:
        return RowStream(pa.RecordBatchReader.from_batches(schema, broken()))

    def broken_texts() -> RowStream:
        def some() -> Iterable[pa.RecordBatch]:
            yield next(iter(texts(USERS, rows_of(USERS, [2])).reader()))
            raise ZeroDivisionError

        return RowStream(pa.RecordBatchReader.from_batches(ROW_TEXTS, some()))

    with pytest.raises(ZeroDivisionError):
        any_warehouse.load(USERS, again(), entry_of(USERS, "two", hours=1))
    with any_warehouse.stage(USERS, "three") as changes, pytest.raises(ZeroDivisionError):
        changes.add_rows(again())
    with pytest.raises(ZeroDivisionError):
        any_warehouse.digest_texts(broken_texts())
    assert held(any_warehouse, USERS) == rows_of(USERS, [1])
    last = any_warehouse.last_sync(USERS)
    assert last is not None
    assert last.sync_id == "one"


@EACH_KIND
def test_what_differs_is_found_and_reconciled(any_warehouse: Warehouse, table: sa.Table) -> None:
    source_rows = rows_of(table, range(1, 6))
    mirror_rows = [
        *source_rows[:2],
        {**source_rows[2], "row_version": 99},
        source_rows[3],
        *rows_of(table, [40]),
    ]
    load(any_warehouse, table, mirror_rows)
    (key,) = table.primary_key.columns
    slices = {
        *any_warehouse.slice_counts(table),
        *any_warehouse.digest_texts(texts(table, source_rows)),
    }

    found = any_warehouse.compare(table, slices, texts(table, source_rows), samples=10)

    assert (found.missing, found.extra, found.different) == (1, 1, 1)
    assert found.columns == {"row_version": 1}
    kinds = {(each.kind, each.key[key.name]) for each in found.samples}
    assert kinds == {("different", "3|."), ("missing", "5|."), ("extra", "40|.")}

    with any_warehouse.stage(table, "two") as changes:
        changes.reconcile(slices, stream(table, source_rows))
        assert changes.pending() == 3
        entry = changes.commit(entry_of(table, "two", hours=1))
    assert (entry.rows_written, entry.rows_deleted) == (2, 1)
    assert held(any_warehouse, table) == source_rows
    assert any_warehouse.digest_mirror(table) == any_warehouse.digest_texts(
        texts(table, source_rows)
    )


@EACH_KIND
def test_a_slice_can_be_asked_for_alone(any_warehouse: Warehouse, table: sa.Table) -> None:
    load(any_warehouse, table, rows_of(table, range(1, 60)))
    digests = any_warehouse.digest_mirror(table)
    assert {s: d.rows for s, d in digests.items()} == any_warehouse.slice_counts(table)
    first = min(digests)
    assert any_warehouse.digest_mirror(table, [first]) == {first: digests[first]}
    assert any_warehouse.digest_mirror(table, []) == {}
    assert any_warehouse.compare(table, [first], texts(table, []), samples=0).extra == (
        digests[first].rows
    )


def test_rows_are_found_by_their_keys(any_warehouse: Warehouse) -> None:
    load(any_warehouse, USERS, rows_of(USERS, range(1, 6)))
    wanted = cells(USERS, rows_of(USERS, [2, 4, 77], full_name="other")).reader().read_all()
    found = any_warehouse.rows_like(USERS, wanted)
    right = cells(USERS, rows_of(USERS, [2, 4])).reader().read_all().drop_columns(["c0"])
    assert sorted(found.to_pylist(), key=repr) == sorted(right.to_pylist(), key=repr)
    assert any_warehouse.rows_like(USERS, wanted.slice(0, 0)).num_rows == 0


def test_every_value_comes_back_as_it_was(any_warehouse: Warehouse) -> None:
    decimals = [c.name for c in EVERY_TYPE.columns if type(c.type) is sa.Numeric]
    table = altered(EVERY_TYPE, without=decimals)
    each: list[tuple[str, Any]] = [("left_text", v) for v in TEXTS] + [
        ("moment", v) for v in TIMESTAMPS
    ]
    each += [("day", v.date()) for v in TIMESTAMPS] + [("id", -(2**63)), ("id", 2**63 - 1)]
    each += [("ratio", v) for v in FLOATS if v == v and abs(v) != float("inf")]
    each += [("raw", b""), ("raw", b"\x00\xff"), ("flag", False), ("small", -(2**31))]
    found = [plain(**{"id": n, name: value}) for n, (name, value) in enumerate(each)]
    for made in found:
        for name in decimals:
            del made[name]
    found.sort(key=lambda made: made["id"])
    load(any_warehouse, table, found)
    assert held(any_warehouse, table) == found
    assert any_warehouse.digest_mirror(table) == any_warehouse.digest_texts(texts(table, found))


def test_every_decimal_comes_back_as_it_was(any_warehouse: Warehouse) -> None:
    skip_gap(any_warehouse, "decimals")
    most = {"price": "99999999.99", "whole": "9" * 38, "share": "0.99999", "exact": f"0.{'9' * 38}"}
    found = [plain(id=1), plain(id=2, **{name: Decimal(text) for name, text in most.items()})]
    found.append(plain(id=3, **{name: Decimal(f"-{text}") for name, text in most.items()}))
    load(any_warehouse, EVERY_TYPE, found)
    assert held(any_warehouse, EVERY_TYPE) == found
    assert any_warehouse.digest_mirror(EVERY_TYPE) == any_warehouse.digest_texts(
        texts(EVERY_TYPE, found)
    )


def test_a_table_without_a_key_is_compared_as_a_multiset(any_warehouse: Warehouse) -> None:
    table = sa.Table(
        "keyless", sa.MetaData(), sa.Column("a", sa.BigInteger), sa.Column("b", sa.String)
    )
    found: list[Row] = [
        {"a": 1, "b": "x"},
        {"a": 1, "b": "x"},
        {"a": None, "b": ""},
        {"a": 2, "b": None},
    ]
    load(any_warehouse, table, found)
    compared = any_warehouse.compare(table, ["all"], texts(table, found[1:]), samples=5)
    assert (compared.missing, compared.extra) == (0, 1)
    wanted = cells(table, found[2:]).reader().read_all()
    like = any_warehouse.rows_like(table, wanted).to_pylist()
    assert sorted(like, key=repr) == sorted(wanted.drop_columns(["c0"]).to_pylist(), key=repr)


def test_a_new_column_is_added(any_warehouse: Warehouse) -> None:
    skip_gap(any_warehouse, "columns")
    load(any_warehouse, FEATURES, rows_of(FEATURES, [1, 2]))
    wider = altered(FEATURES, sa.Column("shoe_size", sa.BigInteger, nullable=True))
    assert any_warehouse.mirror_columns(wider) != any_warehouse.declared_columns(wider)
    found = rows_of(wider, [1, 2, 3], shoe_size=43)
    load(any_warehouse, wider, found, "two")
    assert any_warehouse.mirror_columns(wider) == any_warehouse.declared_columns(wider)
    assert held(any_warehouse, wider) == found


@pytest.mark.parametrize("change", ["type", "dropped", "slice"])
def test_another_structure_is_loaded_from_scratch(any_warehouse: Warehouse, change: str) -> None:
    load(any_warehouse, FEATURES, rows_of(FEATURES, [1, 2]))
    if change == "type":
        table = altered(FEATURES, sa.Column("is_key", sa.String, nullable=False))
    elif change == "dropped":
        table = altered(FEATURES, without=["is_key"])
    else:
        table = altered(FEATURES)
        table.info = {"slice": Slicing("created_at", "month")}
    found = rows_of(table, [1, 2, 3])
    load(any_warehouse, table, found, "two")
    assert any_warehouse.mirror_columns(table) == any_warehouse.declared_columns(table)
    assert held(any_warehouse, table) == found


def test_replace_table_holds_the_rows_and_no_others(any_warehouse: Warehouse) -> None:
    assert not any_warehouse.table_exists("models", "scores")
    schema = pa.schema(
        [
            ("id", pa.int64()),
            ("score", pa.float64()),
            ("made_at", pa.timestamp("us")),
            ("why", pa.string()),
        ]
    )
    for ids in ([1, 2, 3], [4], []):
        rows = pa.table(
            {
                "id": ids,
                "score": [0.1] * len(ids),
                "made_at": [_NOON] * len(ids),
                "why": [None] * len(ids),
            },
            schema=schema,
        )
        any_warehouse.replace_table("models", "scores", rows)
        found = any_warehouse.query("SELECT * FROM models.scores ORDER BY id")
        assert found.to_pylist() == rows.to_pylist()
    assert any_warehouse.table_exists("models", "scores")
    skip_gap(any_warehouse, "truncate")
    any_warehouse.replace_table("models", "scores", pa.table({"other": ["x"]}))
    assert any_warehouse.query("SELECT * FROM models.scores").to_pylist() == [{"other": "x"}]


def test_merged_rows_replace_those_with_their_keys_and_no_others(any_warehouse: Warehouse) -> None:
    schema = pa.schema(
        [("id", pa.string()), ("made_at", pa.timestamp("us")), ("note", pa.string())]
    )

    def rows(**notes: str | None) -> pa.Table:
        made = [{"id": key, "made_at": _NOON, "note": note} for key, note in notes.items()]
        return pa.Table.from_pylist(made, schema=schema)

    def held() -> dict[str, str | None]:
        found = any_warehouse.query("SELECT * FROM marts.notes ORDER BY id").to_pylist()
        assert all(row["made_at"] == _NOON for row in found)
        assert len({row["id"] for row in found}) == len(found)
        return {row["id"]: row["note"] for row in found}

    any_warehouse.merge_rows("marts", "notes", "id", rows(a='it\'s \\ {"x": 1}', b="two"))
    assert held() == {"a": 'it\'s \\ {"x": 1}', "b": "two"}
    any_warehouse.merge_rows("marts", "notes", "id", rows(b=None, c=""))
    assert held() == {"a": 'it\'s \\ {"x": 1}', "b": None, "c": ""}


def test_rows_merged_at_once_are_all_kept(any_warehouse: Warehouse) -> None:
    """Steps of a run that run side by side record what they built at the same time."""
    if any_warehouse.engine == "duckdb":
        pytest.skip("only one process writes to a DuckDB file, one statement after the other")
    schema = pa.schema([("id", pa.string()), ("note", pa.string())])
    keys = [f"product {number}" for number in range(6)]

    def merge(key: str) -> None:
        for note in ("first", "last"):
            rows = pa.Table.from_pylist([{"id": key, "note": note}], schema=schema)
            any_warehouse.merge_rows("marts", "notes", "id", rows)

    with ThreadPoolExecutor(3) as threads:
        list(threads.map(merge, keys))
    found = any_warehouse.query("SELECT id, note FROM marts.notes ORDER BY id").to_pylist()
    assert found == [{"id": key, "note": "last"} for key in keys]


def test_tables_are_digested_whole_whatever_their_order(any_warehouse: Warehouse) -> None:
    rows = pa.table({"a": [1, 2, 2], "b": ["x", None, ""]})
    for name, kept in (("one", rows), ("two", rows.take([2, 0, 1])), ("three", rows.slice(1))):
        any_warehouse.replace_table("marts", name, kept)
    found = any_warehouse.digest_tables("marts", ["one", "two", "three"])
    assert found["one"] == found["two"]
    assert found["one"].rows == 3
    assert found["three"].total != found["one"].total
    assert any_warehouse.digest_tables("marts", []) == {}
    asked = any_warehouse.query(any_warehouse.digest_query("marts", ["three"])).to_pylist()
    assert [list(row.values())[:2] for row in asked] == [["three", found["three"].rows]]


def test_the_state_of_a_relation_changes_with_it(any_warehouse: Warehouse) -> None:
    rows = pa.table({"a": [1, 2, 2], "b": ["x", None, ""]})
    for name in ("one", "two"):
        any_warehouse.replace_table("marts", name, rows)
    before = any_warehouse.states("marts", ["one", "two", "three"])
    assert before.keys() == {"one", "two"}
    assert any_warehouse.states("marts", ["one"]) == {"one": before["one"]}
    assert any_warehouse.states("marts", []) == {}
    any_warehouse.replace_table("marts", "two", rows.slice(1))
    after = any_warehouse.states("marts", ["one", "two"])
    assert after["one"] == before["one"]
    assert after["two"] != before["two"]
    any_warehouse.drop()
    assert any_warehouse.states("marts", ["one"]) == {}


def test_drop_drops_all_and_can_be_repeated(any_warehouse: Warehouse) -> None:
    load(any_warehouse, FEATURES, rows_of(FEATURES, [1]))
    any_warehouse.drop()
    any_warehouse.drop()
    assert any_warehouse.mirror_columns(FEATURES) == {}
    assert any_warehouse.last_sync(FEATURES) is None


def test_a_wrong_statement_is_reported(any_warehouse: Warehouse) -> None:
    with pytest.raises(WarehouseError, match=r"raw|nothing"):
        any_warehouse.query("SELECT * FROM raw.nothing")  # the schema raw does not exist either
    load(any_warehouse, FEATURES, rows_of(FEATURES, [1]))
    with pytest.raises(WarehouseError, match="nothing"):
        any_warehouse.query("SELECT * FROM raw.nothing")


def test_texts_are_matched_by_an_expression(any_warehouse: Warehouse) -> None:
    any_warehouse.replace_table("marts", "texts", pa.table({"a": ["a\\b", "ab", "é'\"", None]}))
    for pattern, found in ((r"\\", ["a\\b"]), ("^é'\"$", ["é'\""]), ("^a", ["a\\b", "ab"])):
        condition = any_warehouse.matches("a", pattern)
        rows = any_warehouse.query(f"SELECT a FROM marts.texts WHERE {condition} ORDER BY a")
        assert rows["a"].to_pylist() == found


def test_the_cost_of_a_query_is_reported_if_it_has_one(any_warehouse: Warehouse) -> None:
    before = any_warehouse.query_costs([EVENTS])  # nothing exists in the warehouse yet
    assert before is None or {cost.bytes for cost in before} == {None}
    load(any_warehouse, EVENTS, rows_of(EVENTS, [1]))
    costs = any_warehouse.query_costs([EVENTS, USERS])
    if any_warehouse.engine == "duckdb":
        assert costs is None
    else:
        assert costs is not None
        assert {cost.table for cost in costs} == {"usage_events", "users"}
        assert "digest of every slice" in {c.purpose for c in costs if c.table == "usage_events"}
        # The emulator reports no bytes. The mirror of USERS does not exist yet.
        assert {cost.bytes for cost in costs if cost.table == "usage_events"} == {0}
        assert None in {cost.bytes for cost in costs if cost.table == "users"}


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1 FROM raw.users",
        "SELECT other FROM raw.features",
        "SELECT f.other FROM raw.features AS f",
    ],
)
def test_a_query_of_something_that_does_not_exist_has_no_bytes(
    any_warehouse: Warehouse, sql: str
) -> None:
    load(any_warehouse, FEATURES, rows_of(FEATURES, [1]))
    assert any_warehouse.query_bytes([sql]) == [0 if any_warehouse.engine == "duckdb" else None]
