"""Test the types, slices and literals in BigQuery's SQL."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa

from saas_platform.schema import TABLES
from saas_platform.schema.slices import Slicing
from saas_platform.warehouse.bigquery import sql as q
from saas_platform.warehouse.duckdb.scratch import narrowed, scratch


def test_decimals_take_the_smallest_type_that_holds_them() -> None:
    def kind(precision: int, scale: int) -> str:
        return q.type_of(sa.Column("x", sa.Numeric(precision, scale)))

    assert kind(38, 9) == "NUMERIC(38, 9)"
    assert kind(29, 0) == "NUMERIC(29, 0)"
    assert kind(30, 0) == "BIGNUMERIC(30, 0)"
    assert kind(10, 10) == "BIGNUMERIC(10, 10)"


def test_decimals_of_256_bits_come_as_declared() -> None:
    rows = pa.table({"n": [1], "d": pa.array([Decimal("1.000000000001")], pa.decimal256(76, 38))})
    declared = pa.schema([("n", pa.int32()), ("d", pa.decimal128(38, 12))])
    found = narrowed(rows, declared)
    assert found.schema == pa.schema([("n", pa.int64()), ("d", pa.decimal128(38, 12))])
    assert found["d"].to_pylist() == [Decimal("1.000000000001")]
    with scratch() as local, local.registered(found) as relation:
        assert local.run(f"SELECT d FROM {relation}") == [(Decimal("1.000000000001"),)]


def test_slice_bounds_are_literal_and_always_there() -> None:
    events = TABLES["usage_events"]
    always = "`occurred_at` >= TIMESTAMP '0001-01-01 00:00:00+00:00'"
    assert q.within(events, None) == always
    assert q.within(events, ["2024-02-29", "2024-03-01"]) == (
        f"({always} AND ((`occurred_at` >= TIMESTAMP '2024-02-29 00:00:00+00:00'"
        " AND `occurred_at` < TIMESTAMP '2024-03-02 00:00:00+00:00')))"
    )
    # No timestamp follows the last slice, so it has no upper bound.
    assert "SUBSTR(CAST(EXTRACT(DATE FROM `occurred_at`) AS STRING), 1, 10) IN ('9999-12-31')" in (
        q.within(events, ["9999-12-31"])
    )
    assert q.within(events, []) == f"({q.within(events, None)} AND FALSE)"
    dated = sa.Table(
        "t", sa.MetaData(), sa.Column("d", sa.Date), info={"slice": Slicing("d", "month")}
    )
    assert q.within(dated, ["2024-12"], "r") == (
        "(r.`d` >= DATE '0001-01-01' AND ((r.`d` >= DATE '2024-12-01' AND r.`d` < DATE '2025-01-01')))"
    )


@pytest.mark.parametrize(
    ("value", "sql"),
    [
        (None, "NULL"),
        (True, "TRUE"),
        (-5, "-5"),
        ("a'b\\c", r"'a\'b\\c'"),
        ("line\nend", r"'line\U0000000aend'"),
        ('é"𝄞', "'é\"𝄞'"),
        (0.1, "CAST('0.1' AS FLOAT64)"),
        (float("-inf"), "CAST('-inf' AS FLOAT64)"),
        (datetime(2024, 1, 2, 3, 4, 5, 6), "TIMESTAMP '2024-01-02 03:04:05.000006+00:00'"),
        (b"\x00\xff", "FROM_HEX('00ff')"),
    ],
)
def test_literals(value: Any, sql: str) -> None:
    assert q.literal(value) == sql
