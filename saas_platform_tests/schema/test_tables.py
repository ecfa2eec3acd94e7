"""Checks rules that every table of the source follows."""

from __future__ import annotations

import pyarrow as pa
import pytest
import sqlalchemy as sa

from saas_platform.schema import TABLES, arrow_schema, slicing_of
from saas_platform.schema.slices import Slicing, ranges

EXPECTED = {
    "plans", "promo_codes", "accounts", "users", "subscriptions", "subscription_changes",
    "invoices", "invoice_items", "payments", "promo_redemptions", "features", "usage_events",
    "support_tickets",
}  # fmt: skip


def test_the_thirteen_tables() -> None:
    assert set(TABLES) == EXPECTED


def test_parents_come_before_children() -> None:
    seen: set[str] = set()
    for name, table in TABLES.items():
        parents = {key.column.table.name for key in table.foreign_keys} - {name}
        assert parents <= seen
        seen.add(name)


@pytest.mark.parametrize("table", TABLES.values(), ids=str)
def test_every_column_is_described(table: sa.Table) -> None:
    assert table.comment
    assert all(column.comment for column in table.columns)


@pytest.mark.parametrize("table", TABLES.values(), ids=str)
def test_every_table_has_one_integer_key_and_a_row_version(table: sa.Table) -> None:
    (key,) = table.primary_key.columns
    assert isinstance(key.type, sa.BigInteger)
    assert table.c.row_version.info["row_version"]
    assert any(list(index.columns) == [table.c.row_version] for index in table.indexes)


@pytest.mark.parametrize("table", TABLES.values(), ids=str)
def test_mutable_tables_have_created_and_updated_times(table: sa.Table) -> None:
    assert table.name == "usage_events" or {"created_at", "updated_at"} <= set(table.columns.keys())


@pytest.mark.parametrize("table", TABLES.values(), ids=str)
def test_slice_columns_are_required_timestamps(table: sa.Table) -> None:
    slicing = slicing_of(table)
    if slicing is not None:
        column = table.c[slicing.column]
        assert not column.nullable
        assert isinstance(column.type, sa.DateTime)


@pytest.mark.parametrize("table", TABLES.values(), ids=str)
def test_money_is_whole_cents(table: sa.Table) -> None:
    for column in table.columns:
        assert column.name.endswith("_cents") == (column.info.get("unit") == "cents")
        assert not isinstance(column.type, sa.Float | sa.Numeric)


def test_personal_data_is_marked() -> None:
    marked = {
        f"{table.name}.{column.name}"
        for table in TABLES.values()
        for column in table.columns
        if "pii" in column.info
    }
    assert marked == {"users.email", "users.full_name", "support_tickets.subject"}


def test_arrow_schema_has_the_row_version_only_on_request() -> None:
    plain, full = (arrow_schema(TABLES["plans"], with_row_version=w) for w in (False, True))
    assert full.names == [*plain.names, "row_version"]
    assert plain.field("seat_price_cents").type == pa.int64()
    assert plain.field("created_at").type == pa.timestamp("us")


def test_ranges_merge_neighbours_across_a_year() -> None:
    slicing = Slicing("at", "day")
    spans = ranges(slicing, ["2024-12-31", "2025-01-01", "2025-01-03"])
    assert [(a.isoformat(), b.isoformat()) for a, b in spans] == [
        ("2024-12-31T00:00:00", "2025-01-02T00:00:00"),
        ("2025-01-03T00:00:00", "2025-01-04T00:00:00"),
    ]


def test_slices_between_cover_a_leap_february() -> None:
    slicing = Slicing("at", "day")
    first, after = Slicing("at", "month").bounds("2024-02")
    days = slicing.between(first, after)
    assert (days[0], days[-1], len(days)) == ("2024-02-01", "2024-02-29", 29)
