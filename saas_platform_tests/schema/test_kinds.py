"""The table of kinds is complete: every engine handles every kind, and each type has exactly one kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

import pyarrow as pa
import pytest
import sqlalchemy as sa

from saas_platform.defs import frames
from saas_platform.schema import canonical, kinds
from saas_platform.schema.any_value import AnyValue
from saas_platform.schema.kinds import KINDS, Kind, kind_of, kind_of_arrow, kind_of_type
from saas_platform.source import personal
from saas_platform.source.mssql import canonical as mssql_canonical
from saas_platform.source.mssql import catalogue_types
from saas_platform.source.mssql import reading as mssql_reading
from saas_platform.source.mssql import sql as mssql_sql
from saas_platform.source.sqlite import canonical as sqlite_canonical
from saas_platform.source.sqlite import misfits, reading
from saas_platform.warehouse.bigquery import canonical as bigquery_canonical
from saas_platform.warehouse.bigquery import sql as bigquery_sql
from saas_platform.warehouse.duckdb import canonical as duckdb_canonical
from saas_platform.warehouse.duckdb import sql as duckdb_sql

FORMS = set(get_args(kinds.TextForm))
NAMES = set(get_args(kinds.KindName))


def test_every_kind_has_one_row() -> None:
    assert [kind.name for kind in KINDS] == list(dict.fromkeys(kind.name for kind in KINDS))
    assert {kind.name for kind in KINDS} == NAMES
    assert {kind.text for kind in KINDS} == FORMS


@pytest.mark.parametrize(
    "table",
    [canonical._TEXT, canonical._VALUE, duckdb_canonical._TEXT, bigquery_canonical._TEXT],
)
def test_every_form_of_text_is_known_to_each_warehouse(table: Mapping[str, Any]) -> None:
    assert set(table) == FORMS


@pytest.mark.parametrize(
    "table", [sqlite_canonical._FITS, reading._by_kind(), misfits._OUT_OF_RANGE]
)
def test_every_kind_is_read_and_proven_from_sqlite(table: Mapping[str, Any]) -> None:
    assert set(table) == NAMES


@pytest.mark.parametrize(
    "table",
    [catalogue_types._HOLDS, mssql_canonical._CELL, mssql_sql._VALUE, mssql_reading._EXACT],
)
def test_every_kind_is_read_and_proven_from_sql_server(table: Mapping[str, Any]) -> None:
    assert set(table) == NAMES


def test_sql_server_needs_abilities_for_known_forms_of_text() -> None:
    assert set(mssql_canonical._NEEDS) < FORMS


# An `any` is absent: it needs the base type that only a `sql_variant` records for each value.
@pytest.mark.parametrize(
    "kind", [kind for kind in KINDS if kind.name != "any"], ids=lambda kind: kind.name
)
def test_every_kind_holds_the_type_that_sql_server_gives_it(kind: Kind) -> None:
    type_ = sa.Numeric(10, 2) if kind.name == "decimal" else kind.type()
    column = sa.Column("c", type_, info={"declared": kind.tsql})
    assert catalogue_types.unsupported_reason(column) is None


def test_each_type_of_sql_server_has_one_kind_that_holds_it() -> None:
    for declared in catalogue_types._PORTABLE:
        column = sa.Column("c", catalogue_types.portable(declared), info={"declared": declared})
        assert catalogue_types.unsupported_reason(column) is None


def test_each_type_of_sql_server_that_is_read_as_a_text_has_an_exact_text() -> None:
    numbers = catalogue_types.INTEGERS | catalogue_types.DECIMALS | {"bit"}
    exact = catalogue_types._ONLY_TEXT | catalogue_types._ALSO_TEXT
    assert set(mssql_canonical._EXACT_TEXT) == exact - numbers


def test_the_personal_data_that_every_kind_can_hold_is_known() -> None:
    assert set(personal._HELD) == NAMES


def test_every_frame_column_is_known() -> None:
    assert set(frames._FRAME_COLUMN) | {"other"} == set(get_args(kinds.FrameColumn))


@pytest.mark.parametrize(
    ("type_", "name"),
    [
        (sa.Integer(), "integer32"),
        (sa.SmallInteger(), "integer32"),
        (sa.BigInteger(), "integer"),
        (sa.Boolean(), "flag"),
        (sa.Double(), "float"),
        (sa.REAL(), "float"),
        (sa.Numeric(5, 2), "decimal"),
        (sa.DateTime(), "time"),
        (sa.TIMESTAMP(), "time"),
        (sa.Date(), "date"),
        (AnyValue(), "any"),
        (sa.Unicode(5), "text"),
        (sa.Text(), "text"),
        (sa.BLOB(), "bytes"),
    ],
)
def test_the_kind_of_a_type(type_: sa.types.TypeEngine[Any], name: str) -> None:
    assert kind_of(sa.Column("c", type_)).name == name


@pytest.mark.parametrize("type_", [sa.Interval(), sa.Numeric(), sa.Time(), sa.ARRAY(sa.Integer())])
def test_an_unsupported_type_is_reported_with_its_column(type_: sa.types.TypeEngine[Any]) -> None:
    table = sa.Table("orders", sa.MetaData(), sa.Column("lasted", type_))
    assert kind_of_type(type_) is None
    with pytest.raises(TypeError, match=r"orders\.lasted"):
        kind_of(table.columns["lasted"])


WRITTEN = {
    "integer": (pa.int64(), "BIGINT", "INT64"),
    "integer32": (pa.int32(), "INTEGER", "INT64"),
    "flag": (pa.bool_(), "BOOLEAN", "BOOL"),
    "float": (pa.float64(), "DOUBLE", "FLOAT64"),
    "decimal": (pa.decimal128(10, 2), "DECIMAL(10,2)", "NUMERIC(10, 2)"),
    "any": (pa.string(), "VARCHAR", "STRING"),
    "text": (pa.string(), "VARCHAR", "STRING"),
    "time": (pa.timestamp("us"), "TIMESTAMP", "TIMESTAMP"),
    "date": (pa.date32(), "DATE", "DATE"),
    "bytes": (pa.binary(), "BLOB", "BYTES"),
}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_types_of_a_kind(kind: Kind) -> None:
    column = sa.Column("c", sa.Numeric(10, 2) if kind.name == "decimal" else kind.type())
    found = (kind.arrow(column.type), duckdb_sql.type_of(column), bigquery_sql.type_of(column))
    assert found == WRITTEN[kind.name]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_arrow_type_of_a_kind_is_of_the_kind(kind: Kind) -> None:
    type_ = kind.arrow(sa.Numeric(10, 2) if kind.name == "decimal" else kind.type())
    assert kind.is_arrow(type_)
    found = kind_of_arrow(type_)
    assert found is not None
    assert found.text == kind.text
    assert bigquery_sql.unsized_type(found) == bigquery_sql.unsized_type(kind)


def test_a_decimal_too_large_for_numeric_is_a_bignumeric() -> None:
    assert bigquery_sql.type_of(sa.Column("c", sa.Numeric(38, 9))) == "NUMERIC(38, 9)"
    assert bigquery_sql.type_of(sa.Column("c", sa.Numeric(38, 8))) == "BIGNUMERIC(38, 8)"
    assert bigquery_sql.type_of(sa.Column("c", sa.Numeric(12, 10))) == "BIGNUMERIC(12, 10)"
