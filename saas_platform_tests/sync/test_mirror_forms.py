"""Masked and hashed columns, checked against DuckDB's own SHA-256 of the canonical cells."""

from __future__ import annotations

import hashlib
import math
import string
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from saas_platform.schema.any_value import AnyValue
from saas_platform.schema.arrow import arrow_schema
from saas_platform.schema.canonical import cell
from saas_platform.sync.mirror_forms import applied, in_source

SALT = "sixteen letters!"

#: For each type: values, each with its text that is hashed.
VALUES: list[tuple[sa.types.TypeEngine[Any], list[tuple[Any, str]]]] = [
    (sa.BigInteger(), [(0, "0"), (-7, "-7"), (2**63 - 1, "9223372036854775807")]),
    (sa.Integer(), [(31, "31")]),
    (sa.Boolean(), [(True, "1"), (False, "0")]),
    (sa.Double(), [(1.0, "4607182418800017408"), (0.0, "0"), (-0.0, "0"), (math.nan, "9221120237041090560")]),
    (sa.Numeric(10, 2), [(Decimal("15.86"), "15.86"), (Decimal("-0.50"), "-0.50"), (Decimal("3.00"), "3.00")]),
    (sa.DateTime(), [(datetime(2024, 3, 9, 10, 0, 0, 123), "2024-03-09 10:00:00.000123"), (datetime(1, 1, 1), "0001-01-01 00:00:00.000000")]),
    (sa.Date(), [(date(2024, 3, 9), "2024-03-09"), (date(9999, 12, 31), "9999-12-31")]),
    (sa.String(), [("", ""), ("a|b", "a|b"), ("ünï 😀 ", "ünï 😀 "), ("a\nb", "a\nb")]),
    (AnyValue(), [("'1'", "'1'"), ("1", "1")]),
    (sa.LargeBinary(), [(b"", ""), (b"\x00\xff", "00FF")]),
]  # fmt: skip


def _table(type_: sa.types.TypeEngine[Any], form: str | None) -> sa.Table:
    info = {} if form is None else {"mirror_form": form, "pii": "name"}
    return sa.Table(
        "t", sa.MetaData(), sa.Column("id", sa.BigInteger, primary_key=True), sa.Column("v", type_, info=info)
    )  # fmt: skip


def _rows(table: sa.Table, values: list[Any]) -> pa.RecordBatch:
    found = [{"id": place, "v": value} for place, value in enumerate(values)]
    return pa.RecordBatch.from_pylist(found, schema=arrow_schema(table))


def _sha256(text: str) -> str:
    """Return the SHA-256 of a text, as DuckDB computes it."""
    (found,) = duckdb.execute("SELECT sha256($1 || $2)", [SALT, text]).fetchone() or ("",)
    return str(found)


@pytest.mark.parametrize(("type_", "pairs"), VALUES, ids=lambda v: "" if isinstance(v, list) else repr(v))  # fmt: skip
def test_a_hash_is_that_of_the_salt_and_the_canonical_text(
    type_: sa.types.TypeEngine[Any], pairs: list[tuple[Any, str]]
) -> None:
    table = _table(type_, "hash")
    values = [value for value, _ in pairs]
    found = applied(_rows(table, [*values, None, values[0]]), table, SALT)
    wanted = [_sha256(text) for _, text in pairs]
    assert found.column("v").to_pylist() == [*wanted, None, wanted[0]]
    assert found.column("id").to_pylist() == list(range(len(pairs) + 2))
    assert found.schema.field("v").type == pa.string()
    assert all(len(text) == 64 and set(text) <= set(string.hexdigits.lower()) for text in wanted)


@pytest.mark.parametrize(("type_", "pairs"), VALUES, ids=lambda v: "" if isinstance(v, list) else repr(v))  # fmt: skip
def test_a_cell_of_the_source_gives_the_same_hash_in_sql(
    type_: sa.types.TypeEngine[Any], pairs: list[tuple[Any, str]]
) -> None:
    """The proof hashes the salt followed by the cell without its end mark and with each `||` as one `|`."""
    table = _table(type_, "hash")
    values = [value for value, _ in pairs]
    cells = pa.table({"c": [cell(table.c.v, value) for value in values]})
    sql = f"SELECT sha256('{SALT}' || replace(c[:-3], '||', '|')) AS h FROM cells"
    in_sql = duckdb.connect().register("cells", cells).execute(sql).fetchall()
    found = applied(_rows(table, values), table, SALT).column("v").to_pylist()
    assert [text for (text,) in in_sql] == found


@pytest.mark.parametrize(("type_", "pairs"), VALUES, ids=lambda v: "" if isinstance(v, list) else repr(v))  # fmt: skip
def test_a_mask_is_one_text(type_: sa.types.TypeEngine[Any], pairs: list[tuple[Any, str]]) -> None:
    table = _table(type_, "mask")
    values = [value for value, _ in pairs]
    found = applied(_rows(table, [None, *values]), table, "")
    assert found.column("v").to_pylist() == [None, *["***"] * len(values)]


def test_readers_tables_and_keys_alone() -> None:
    table = _table(sa.String(), "hash")
    batch = _rows(table, ["a", "b"])
    wanted = [_sha256("a"), _sha256("b")]
    reader = pa.RecordBatchReader.from_batches(batch.schema, [batch, batch])
    read = applied(reader, table, SALT)
    assert read.schema.field("v").type == pa.string()
    assert read.read_all().column("v").to_pylist() == wanted * 2
    keys = pa.table({"v": ["a"], "slice": ["2024-01"]})
    assert applied(keys, table, SALT).to_pylist() == [{"v": wanted[0], "slice": "2024-01"}]
    assert applied(keys.slice(0, 0), table, SALT).num_rows == 0
    one = pa.table({"id": [1]})
    assert applied(one, table, SALT) is one


def test_what_is_kept_is_not_touched() -> None:
    table = _table(sa.String(), None)
    batch = _rows(table, ["a"])
    assert applied(batch, table, "") is batch
    assert in_source(table) is table


def test_the_source_has_the_type_of_the_values() -> None:
    table = _table(sa.String(), "hash")
    table.c.v.info["source_type"] = sa.Double()
    source_table = in_source(table)
    assert isinstance(source_table.c.v.type, sa.Double)
    assert isinstance(source_table.c.id.type, sa.BigInteger)
    assert [c.name for c in source_table.primary_key] == ["id"]
    rows = applied(_rows(source_table, [1.5]), source_table, SALT)
    assert rows.schema.types == arrow_schema(table).types


@given(values=st.lists(st.none() | st.text(st.characters(codec="utf-8"))), salt=st.text(st.characters(codec="utf-8")))  # fmt: skip
def test_any_texts(values: list[str | None], salt: str) -> None:
    table = _table(sa.String(), "hash")
    found = applied(_rows(table, values), table, salt).column("v").to_pylist()
    assert found == [
        None if v is None else hashlib.sha256(salt.encode() + v.encode()).hexdigest()
        for v in values
    ]
