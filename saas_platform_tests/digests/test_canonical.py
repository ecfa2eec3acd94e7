"""Tests of the canonical form: it is as specified and the same on every engine, and ignores only the order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from saas_platform.schema.canonical import row_number, row_text, value_text
from saas_platform.schema.slices import SliceDigest
from saas_platform.warehouse.duckdb.warehouse import DuckdbWarehouse
from saas_platform_tests.digests.conftest import Digests
from saas_platform_tests.digests.rows import (
    EVERY_TYPE,
    FLOATS,
    TEXTS,
    TIMESTAMPS,
    Row,
    plain,
    rows_of,
    same,
    values,
)
from saas_platform_tests.drawing import examples
from saas_platform_tests.texts import texts

quick = settings(
    max_examples=examples(12),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
rows = rows_of(EVERY_TYPE)
some_rows = st.lists(rows, min_size=1, max_size=6)
columns = st.sampled_from(list(EVERY_TYPE.columns))


def column(kind: sa.types.TypeEngine[Any]) -> sa.Column[Any]:
    return sa.Column("x", kind)


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        (sa.BigInteger(), -(2**63), "-9223372036854775808"),
        (sa.Integer(), 0, "0"),
        (sa.Boolean(), True, "1"),
        (sa.Boolean(), False, "0"),
        (sa.Double(), 1.5, "4609434218613702656"),
        (sa.Double(), -1.5, "-4613937818241073152"),
        (sa.Double(), 5e-324, "1"),
        (sa.Double(), -0.0, "0"),
        (sa.Double(), float("nan"), "9221120237041090560"),
        (sa.Double(), float("-inf"), "-4503599627370496"),
        (sa.Numeric(10, 2), Decimal("-0.5"), "-0.50"),
        (sa.Numeric(10, 2), Decimal("-0.00"), "0.00"),
        (sa.Numeric(10, 0), Decimal("1E+3"), "1000"),
        (sa.Numeric(38, 38), Decimal("-1E-38"), "-0." + "0" * 37 + "1"),
        (sa.Numeric(38, 0), Decimal("9" * 38), "9" * 38),
        (sa.DateTime(), datetime(1, 1, 1), "0001-01-01 00:00:00.000000"),
        (sa.DateTime(), datetime(9999, 12, 31, 23, 59, 59, 1), "9999-12-31 23:59:59.000001"),
        (sa.Date(), date(1, 1, 1), "0001-01-01"),
        (sa.String(), "a \n", "a \n"),
        (sa.LargeBinary(), b"\x00\xab", "00AB"),
    ],
)
def test_value_is_written_as_specified(kind: Any, value: Any, text: str) -> None:
    assert value_text(column(kind), value) == text


def test_row_is_written_and_numbered_as_specified() -> None:
    table = sa.Table(
        "three",
        sa.MetaData(),
        sa.Column("n", sa.Integer),
        sa.Column("left", sa.String),
        sa.Column("right", sa.String),
    )
    text = row_text(table, {"n": 7, "left": None, "right": "a|\U0001d11e"})
    assert text == "7|.|-a||\U0001d11e|."
    # `printf '7|.|-a||𝄞|.' | md5sum` begins with these seven bytes.
    assert row_number(text) == 0xDF5DECB7218F7A


def test_another_type_is_refused() -> None:
    with pytest.raises(TypeError, match=r"odd\.x: Time\(\) can't be mirrored"):
        value_text(sa.Table("odd", sa.MetaData(), sa.Column("x", sa.Time)).c.x, None)


@quick
@given(found=some_rows)
def test_every_engine_has_the_same_digest(
    reference: Digests, canonical_engine: Digests, found: list[Row]
) -> None:
    assert canonical_engine(EVERY_TYPE, found) == reference(EVERY_TYPE, found)


@pytest.mark.parametrize(
    ("name", "each"), [("left_text", TEXTS), ("ratio", FLOATS), ("moment", TIMESTAMPS)]
)
def test_every_known_trap_has_the_same_digest(
    reference: Digests, canonical_engine: Digests, name: str, each: Sequence[Any]
) -> None:
    """All of them are tested together, so that no run leaves one out."""
    found = [plain(id=n, **{name: value}) for n, value in enumerate(each)]
    assert canonical_engine(EVERY_TYPE, found) == reference(EVERY_TYPE, found)


def test_no_rows_have_no_digest(engine: Digests) -> None:
    assert engine(EVERY_TYPE, []) == {}


@settings(quick, max_examples=examples(10))
@given(found=some_rows, data=st.data())
def test_order_does_not_matter(engine: Digests, found: list[Row], data: st.DataObject) -> None:
    assert engine(EVERY_TYPE, found) == engine(EVERY_TYPE, data.draw(st.permutations(found)))


@settings(quick, max_examples=examples(10))
@given(found=some_rows)
def test_duplicates_matter(engine: Digests, found: list[Row]) -> None:
    assert engine(EVERY_TYPE, found) != engine(EVERY_TYPE, [*found, found[0]])
    # Two equal rows do not cancel out either, as they would under XOR.
    assert engine(EVERY_TYPE, [found[0]] * 2) != engine(EVERY_TYPE, [found[-1]] * 4)


@quick
@given(found=some_rows, changed=columns, data=st.data())
def test_any_cell_matters(
    engine: Digests, found: list[Row], changed: sa.Column, data: st.DataObject
) -> None:
    value = data.draw(values(changed))
    assume(not same(value, found[0][changed.name]))
    altered = [{**found[0], changed.name: value}, *found[1:]]
    assert engine(EVERY_TYPE, found) != engine(EVERY_TYPE, altered)


@quick
@given(one=rows, two=rows, swapped=columns)
def test_cells_swapped_between_rows_matter(
    engine: Digests, one: Row, two: Row, swapped: sa.Column
) -> None:
    name = swapped.name
    assume(not same(one[name], two[name]))
    assume(any(not same(one[c], two[c]) for c in one if c != name))
    after = [{**one, name: two[name]}, {**two, name: one[name]}]
    assert engine(EVERY_TYPE, [one, two]) != engine(EVERY_TYPE, after)


@quick
@given(one=rows, two=rows, taken=st.sets(columns))
def test_digests_and_the_comparison_of_rows_agree(
    warehouse: DuckdbWarehouse, duckdb_mirror: Digests, one: Row, two: Row, taken: set[sa.Column]
) -> None:
    """A slice whose digest differs has a row that differs. Otherwise a repair would never end."""
    other = {**one, **{c.name: two[c.name] for c in taken}, "id": one["id"]}
    mirror_digests = duckdb_mirror(EVERY_TYPE, [one])
    source_digests = warehouse.digest_texts(texts(EVERY_TYPE, [other]), "canonical")
    slices = {*mirror_digests, *source_digests}
    found = warehouse.compare(EVERY_TYPE, slices, texts(EVERY_TYPE, [other]), samples=0)
    assert (mirror_digests == source_digests) == (not found.different + found.missing + found.extra)


def test_an_infinite_time_set_by_hand_is_not_null(
    warehouse: DuckdbWarehouse, duckdb_mirror: Digests
) -> None:
    def digest(timestamp: str, day: str) -> dict[str, SliceDigest]:
        warehouse.query(f"UPDATE raw.every_type SET moment = {timestamp}, day = {day}")
        return warehouse.digest_mirror(EVERY_TYPE, form="canonical")

    duckdb_mirror(EVERY_TYPE, [plain()])
    each = ["NULL", "'infinity'", "'-infinity'"]
    found = [digest(timestamp, "NULL") for timestamp in each] + [
        digest("NULL", day) for day in each[1:]
    ]
    assert len({d["2024-01"].total for d in found}) == 5
