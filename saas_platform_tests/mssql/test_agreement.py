"""Test that load and proof agree on every value that a server can hold, and that the proof shows every other one."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from saas_platform.schema.any_value import AnyValue
from saas_platform.schema.canonical import MISFIT_END, cell, row_text
from saas_platform.schema.slices import Slicing
from saas_platform.source.mssql import canonical, catalogue_types
from saas_platform_tests.drawing import examples
from saas_platform_tests.mssql.cells import EVERY, column_of, loaded, proven
from saas_platform_tests.mssql.drawn_values import AS_TEXT, VALUES
from saas_platform_tests.mssql.tsql import evaluate
from saas_platform_tests.mssql.tsql_values import Sql, driven, moment_of

_COLUMNS = [
    *((each, None) for each in VALUES),
    *((each, sa.String()) for each in AS_TEXT),
    ("bit", sa.BigInteger()),
    ("decimal(10, 2)", sa.Numeric(14, 4)),
    ("decimal(38, 0)", sa.Numeric(38, 0)),
    ("money", sa.Numeric(20, 5)),
]


@pytest.mark.parametrize(("declared", "wanted"), _COLUMNS, ids=repr)
@settings(max_examples=examples(15), deadline=None)
@given(data=st.data())
def test_load_and_proof_agree_on_every_value(
    declared: str, wanted: sa.types.TypeEngine[Any] | None, data: st.DataObject
) -> None:
    column = column_of(declared, wanted)
    stored = data.draw(VALUES[declared])
    assert loaded(column, stored) == proven(column, stored)


@pytest.mark.parametrize(("declared", "wanted"), _COLUMNS, ids=repr)
def test_null_is_null(declared: str, wanted: sa.types.TypeEngine[Any] | None) -> None:
    column = column_of(declared, wanted)
    nothing = Sql(catalogue_types.base_type(declared), None)
    assert loaded(column, nothing) == proven(column, nothing) == "|-"


#: Base types whose equal values have the same literal.
_FAMILIES = {
    **dict.fromkeys(("tinyint", "bigint", "decimal", "numeric"), "number"),
    **dict.fromkeys(("money", "smallmoney"), "money"),
    **dict.fromkeys(("datetime", "smalldatetime"), "datetime"),
}


@settings(deadline=None)
@given(st.data())
def test_values_of_a_variant_with_one_literal_are_equal(data: st.DataObject) -> None:
    column = column_of("sql_variant")
    one, other = (data.draw(VALUES["sql_variant"]).value for _ in range(2))
    texts = [loaded(column, Sql("sql_variant", each)) for each in (one, other)]
    if texts[0] == texts[1]:
        families = {_FAMILIES.get(each.kind, each.kind) for each in (one, other)}
        assert len(families) == 1
        assert driven(one) == driven(other)


def test_the_text_of_a_row_is_that_of_its_cells() -> None:
    declared = ["bigint", "nvarchar(9)", "varbinary(9)", "datetime2(7)"]
    stored = {
        "bigint": Sql("bigint", -7),
        "nvarchar(9)": Sql("nvarchar", "a|b"),
        "varbinary(9)": Sql("varbinary", b"|"),
        "datetime2(7)": Sql("datetime2", None),
    }
    columns = [
        sa.Column(each, catalogue_types.portable(each), info={"declared": each})
        for each in declared
    ]
    table = sa.Table("t", sa.MetaData(), *columns)
    text = canonical.row_text(table, EVERY)
    assert text is not None
    row = {column.name: driven(stored[column.name]) for column in table.columns}
    assert evaluate(text, stored).value == row_text(table, row) == "-7|.a||b|.7C|.|-"


@pytest.mark.parametrize(
    ("text", "is_broken"),
    [
        ("\ud83d", True),
        ("\udd1e", True),  # noqa: PT014 - the other half of a pair
        ("a\ud83d", True),
        ("\udd1ea", True),
        ("\udd1e\ud83d", True),
        ("\ud83d\ud83d\udd1e", True),
        ("\U0001d11e", False),
        ("\U0001d11e\U0001d11f", False),
        ("a|\U0001d11ea", False),
        ("\ue000\ud7ff", False),
        ("", False),
    ],
)
def test_half_of_a_surrogate_pair_is_a_misfit(text: str, is_broken: bool) -> None:
    found = proven(column_of("nvarchar(9)"), Sql("nvarchar", text))
    assert found.endswith(MISFIT_END) == is_broken
    if not is_broken:
        assert found == cell(sa.Column("v", sa.String), text)
    found.encode()  # the cell itself is valid text
    variant = proven(column_of("sql_variant"), Sql("sql_variant", Sql("nvarchar", text)))
    assert (variant == "half|.") == is_broken


def test_the_literal_of_a_variant_names_its_type() -> None:
    """The values of an earlier bug, with the right literals."""
    column = sa.Column("v", AnyValue(), info={"declared": "sql_variant"})
    sa.Table("t", sa.MetaData(), column)
    for stored, literal in (
        (moment_of("2026-09-16 10:11:12.1234567"), "datetime2 '2026-09-16 10:11:12.1234567'"),
        (Sql("float", 0.1 + 0.2), "3.0000000000000004e-001"),
        (Sql("varbinary", b"\x01\x02"), "0x0102"),
        (Sql("int", 1), "1"),
        (Sql("varchar", "1"), "'1'"),
        (Sql("nvarchar", "1"), "N'1'"),
    ):
        assert loaded(column, Sql("sql_variant", stored)) == f"{literal}|."
        assert proven(column, Sql("sql_variant", stored)) == f"{literal}|."


@pytest.mark.parametrize(("grain", "slice_id"), [("day", "2024-02-29"), ("month", "2024-02")])
def test_a_row_is_of_a_slice_though_its_time_is_missing(grain: Any, slice_id: str) -> None:
    column = sa.Column("at", sa.DateTime, info={"declared": "datetime2(7)"})
    table = sa.Table("t", sa.MetaData(), column, info={"slice": Slicing("at", grain)})
    text = canonical.slice_text(table)
    last = moment_of("2024-02-29 23:59:59.9999999")
    assert evaluate(text, {"at": last}).value == slice_id
    assert evaluate(text, {"at": Sql("datetime2", None, 7)}).value == "none"


@pytest.mark.parametrize(
    ("expression", "kind"),
    [
        ("CONVERT(varbinary(max), [v])", "ntext"),
        ("CONVERT(varbinary(max), [v])", "text"),
        ("CONVERT(nvarchar(max), [v])", "image"),
        ("CONVERT(bigint, [v])", "text"),
        ("LEN([v])", "ntext"),
        ("UPPER([v])", "text"),
        ("[v] + N'a'", "ntext"),
    ],
)
def test_what_a_server_refuses_is_refused_here(expression: str, kind: str) -> None:
    for value in (b"a" if kind == "image" else "a", None):
        with pytest.raises(AssertionError):
            evaluate(expression, {"v": Sql(kind, value)})


def test_half_a_pair_in_an_ntext_is_a_misfit() -> None:
    """The misfit is written as bytes, to which an ntext does not convert directly."""
    column = sa.Column("v", sa.String, info={"declared": "ntext"})
    found = evaluate(canonical.cell(column, EVERY) or "", {"v": Sql("ntext", "a\ud83d")})
    assert found.value == f"0x61003DD8{MISFIT_END}"


def test_a_variant_of_an_unknown_type_is_not_null() -> None:
    column = sa.Column("v", AnyValue(), info={"declared": "sql_variant"})
    for abilities in ((), EVERY):
        made = canonical.cell(column, abilities) or ""
        inner = Sql("sql_variant", Sql("novelty", 1))
        assert evaluate(made, {"v": inner}).value == "unknown novelty|."
        assert evaluate(made, {"v": Sql("sql_variant", None)}).value == "|-"
