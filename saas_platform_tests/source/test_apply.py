"""Apply months to a source of each engine: in one transaction, first in order, then again in any order."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from saas_platform.clock import Month
from saas_platform.company.batch import ERASURES_SCHEMA
from saas_platform.schema import TABLES, arrow_schema
from saas_platform.source.interface import MonthBatch, SourceError, WritableSource
from saas_platform_tests.backends import Backend
from saas_platform_tests.rows import row

FIRST = Month(2024, 1)


def batch(
    month: Month,
    rows: Mapping[str, list[dict[str, Any]]] | None = None,
    *,
    erased: list[int] | None = None,
    company: str = "ours",
    as_of: datetime | None = None,
) -> MonthBatch:
    tables = {
        name: pa.Table.from_pylist((rows or {}).get(name, []), schema=arrow_schema(table))
        for name, table in TABLES.items()
    }
    gone = erased or []
    return MonthBatch(
        company=company,
        first_month=FIRST,
        month=month,
        as_of=as_of or month.end,
        fingerprint=f"{company}/{month}",
        rows=tables,
        erasures=pa.table([gone, [month.start] * len(gone)], schema=ERASURES_SCHEMA),
    )


def every_table(count: int) -> dict[str, list[dict[str, Any]]]:
    return {name: [row(t, n) for n in range(1, count + 1)] for name, t in TABLES.items()}


def content(source: WritableSource) -> dict[str, list[dict[str, Any]]]:
    """Return every row of every table, without its version."""
    with source.snapshot() as snapshot:
        found = {name: snapshot.rows(table).read_all() for name, table in TABLES.items()}
    return {
        name: sorted(
            rows.drop_columns(["row_version"]).to_pylist(), key=lambda r: next(iter(r.values()))
        )
        for name, rows in found.items()
    }


def test_a_month_lands_in_every_table(source: WritableSource) -> None:
    rows = every_table(4)
    changes = source.apply(batch(FIRST, rows))
    assert {name: change.written for name, change in changes.items()} == dict.fromkeys(TABLES, 4)
    assert content(source) == rows
    assert source.company() == "ours"
    assert list(source.applied_months()) == [FIRST]


def test_the_same_again_writes_nothing(source: WritableSource) -> None:
    source.apply(batch(FIRST, every_table(4)))
    with source.snapshot() as snapshot:
        before = snapshot.rows(TABLES["plans"]).read_all().sort_by("plan_id")
    changes = source.apply(batch(FIRST, every_table(4)))
    assert sum(change.written for change in changes.values()) == 0
    with source.snapshot() as snapshot:
        # The row versions must be the same too: a row with a new version would be synced again.
        assert snapshot.rows(TABLES["plans"]).read_all().sort_by("plan_id") == before


def test_an_older_state_never_overwrites_a_newer_one(source: WritableSource) -> None:
    old = row(TABLES["plans"], 1, name="old")
    new = {**old, "name": "new", "updated_at": old["updated_at"] + timedelta(days=31)}
    source.apply(batch(FIRST, {"plans": [old]}))
    source.apply(batch(FIRST.next(), {"plans": [new]}))
    source.apply(batch(FIRST, {"plans": [old]}))
    assert content(source)["plans"] == [new]


def test_erased_users_stay_erased(source: WritableSource) -> None:
    rows = every_table(3)
    rows["usage_events"] = [row(TABLES["usage_events"], n, user_id=n) for n in (1, 2, 3)]
    rows["support_tickets"] = [row(TABLES["support_tickets"], n, user_id=n) for n in (1, 2, 3)]
    source.apply(batch(FIRST, rows))
    changes = source.apply(batch(FIRST.next(), erased=[2]))
    assert changes["users"].deleted == 1
    after = content(source)
    assert [user["user_id"] for user in after["users"]] == [1, 3]
    for table in ("usage_events", "support_tickets"):
        assert [r["user_id"] for r in after[table]] == [1, None, 3]
    source.apply(batch(FIRST, rows))
    assert content(source) == after


def test_an_erasure_gives_changed_rows_a_new_version_and_leaves_a_tombstone(
    source: WritableSource,
) -> None:
    rows = every_table(2)
    rows["usage_events"] = [row(TABLES["usage_events"], n, user_id=n) for n in (1, 2)]
    source.apply(batch(FIRST, rows))
    with source.snapshot() as snapshot:
        before = snapshot.high_watermark(TABLES["users"])
    source.apply(batch(FIRST.next(), erased=[2]))
    with source.snapshot() as snapshot:
        changed = snapshot.rows(TABLES["usage_events"], above=before).read_all()
        assert changed["event_id"].to_pylist() == [2]
        deleted = snapshot.tombstones(TABLES["users"], above=before)
        assert deleted is not None
        assert deleted.to_pylist() == [{"user_id": 2, "slice": "2024-01"}]
        assert (
            snapshot.high_watermark(TABLES["users"])
            >= snapshot.highest_version(TABLES["users"])
            > before
        )


def test_a_month_without_its_predecessor_is_refused(source: WritableSource) -> None:
    with pytest.raises(
        SourceError, match="2024-03 can't be applied before 2024-02: apply 2024-02 first"
    ):
        source.apply(batch(Month(2024, 3), every_table(1)))
    assert content(source) == {name: [] for name in TABLES}


def test_a_month_before_the_company_is_refused(source: WritableSource) -> None:
    with pytest.raises(SourceError, match="lies before 2024-01, where the company begins"):
        source.apply(batch(Month(2023, 12)))


def test_another_company_is_refused(source: WritableSource) -> None:
    source.apply(batch(FIRST, every_table(1)))
    with pytest.raises(SourceError, match=r"holds another company.*reset --yes"):
        source.apply(batch(FIRST.next(), company="theirs"))
    assert source.company() == "ours"


def test_a_clock_that_went_back_is_refused(source: WritableSource) -> None:
    source.apply(batch(FIRST, every_table(1)))
    with pytest.raises(SourceError, match="lies before 2024-02-01"):
        source.apply(batch(FIRST, as_of=datetime(2024, 1, 15)))


@pytest.mark.parametrize(
    ("table", "values", "expected"),
    [
        ("users", {"account_id": 99}, "users 2 names account_id 99, which accounts does not have"),
        ("usage_events", {"user_id": 77}, "usage_events 2 names user_id 77, which users"),
        ("payments", {"invoice_id": 5}, "payments 2 names invoice_id 5, which invoices"),
        ("plans", {"tier": "golden"}, "ck_plans_tier_known"),
        ("invoices", {"total_cents": 5}, "ck_invoices_adds_up"),
        ("users", {"email": "email 1"}, "UNIQUE constraint failed: users.email|uq_users_email"),
    ],
)
def test_a_row_that_breaks_a_rule_rejects_the_whole_month(
    source: WritableSource, table: str, values: dict[str, Any], expected: str
) -> None:
    rows = every_table(2)
    rows[table][1].update(values)
    with pytest.raises(SourceError) as raised:
        source.apply(batch(FIRST, rows))
    assert f"breaks a rule of {table}" in str(raised.value)
    assert re.search(expected, str(raised.value))
    assert "\n" not in str(raised.value)
    assert content(source) == {name: [] for name in TABLES}
    assert source.applied_months() == {}


@pytest.mark.parametrize("table", TABLES)
def test_external_writes_get_a_new_version(backend: Backend, table: str) -> None:
    source = backend.source
    source.apply(batch(FIRST, every_table(3)))
    key = next(iter(TABLES[table].primary_key.columns)).name
    column = next(
        c.name for c in TABLES[table].columns if c.nullable or c.name in ("name", "quantity")
    ) if table not in ("invoice_items", "subscription_changes") else "created_at"  # fmt: skip
    with source.snapshot() as snapshot:
        before = snapshot.high_watermark(TABLES["users"])
    backend.run(f"UPDATE {backend.named(table)} SET {column} = {column} WHERE {key} = 2")
    backend.delete(table, 3)
    with source.snapshot() as snapshot:
        changed = snapshot.rows(TABLES[table], above=before).read_all()
        assert changed[key].to_pylist() == [2]
        deleted = snapshot.tombstones(TABLES[table], above=before)
        assert deleted is not None
        assert deleted[key].to_pylist() == [3]
        assert sum(snapshot.slice_counts(TABLES[table]).values()) == 2
        assert snapshot.highest_version(TABLES[table]) > before


def test_an_external_row_gets_a_version_even_before_the_first_month(backend: Backend) -> None:
    with backend.source.snapshot() as snapshot:
        before = snapshot.high_watermark(TABLES["users"])
    backend.insert(TABLES["plans"], [row(TABLES["plans"], 1)])
    with backend.source.snapshot() as snapshot:
        assert snapshot.rows(TABLES["plans"], above=before).read_all().num_rows == 1


def test_a_snapshot_does_not_move(backend: Backend) -> None:
    if "no snapshot isolation" in backend.source.ping():
        pytest.skip("the database does not allow snapshot isolation")
    backend.source.apply(batch(FIRST, every_table(2)))
    with backend.source.snapshot() as snapshot:
        backend.run(f"DELETE FROM {backend.named('usage_events')}")
        assert snapshot.rows(TABLES["usage_events"]).read_all().num_rows == 2
        assert sum(snapshot.slice_counts(TABLES["usage_events"]).values()) == 2
    with backend.source.snapshot() as snapshot:
        assert snapshot.slice_counts(TABLES["usage_events"]) == {}


def test_rows_of_some_slices_only(source: WritableSource) -> None:
    rows = every_table(2)
    events = [row(TABLES["usage_events"], n) for n in (1, 2)]
    rows["usage_events"] = events
    source.apply(batch(FIRST, rows))
    with source.snapshot() as snapshot:
        table = TABLES["usage_events"]
        assert snapshot.slice_counts(table) == {"2024-01-02": 1, "2024-01-03": 1}
        many = [f"{year}-02-02" for year in range(1900, 1960)]
        for asked in (["2024-01-03"], ["2024-01-03", *many]):
            found = snapshot.rows(table, slices=asked).read_all()
            assert found["event_id"].to_pylist() == [2]
        assert snapshot.rows(table, slices=[]).read_all().num_rows == 0


def test_columns_with_many_nulls_first_keep_their_type(source: WritableSource) -> None:
    rows = {"plans": [], "accounts": [row(TABLES["accounts"], 1)]}
    count = 5_000
    rows["users"] = [row(TABLES["users"], n, account_id=1) for n in range(1, count + 1)]
    rows["users"][-1]["deactivated_at"] = datetime(2024, 1, 31, 1, 2, 3, 456_789)
    source.apply(batch(FIRST, rows))
    with source.snapshot() as snapshot:
        found = snapshot.rows(TABLES["users"]).read_all().sort_by("user_id")
    assert found["deactivated_at"].to_pylist()[-1] == datetime(2024, 1, 31, 1, 2, 3, 456_789)
