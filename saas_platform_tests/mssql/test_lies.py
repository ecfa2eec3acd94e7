"""Load and proof agree on every value, and the proof finds each lie (a wrong conversion) of the load.

Their expressions are evaluated by `tsql.py`, which knows the results of T-SQL's conversions, but not how the
platform uses them.
"""

from __future__ import annotations

import struct
import typing
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from saas_platform.schema.any_value import AnyValue
from saas_platform.schema.canonical import MISFIT_END, cell, row_text
from saas_platform.schema.slices import Slice
from saas_platform.source.mssql import canonical, catalogue_types, sql
from saas_platform.source.mssql.canonical import Ability
from saas_platform.source.mssql.reading import rows_as_arrow
from saas_platform_tests.mssql.tsql import evaluate
from saas_platform_tests.mssql.tsql_values import Sql, driven, ticks_of

EVERY: tuple[Ability, ...] = typing.get_args(Ability)
_LAST = ticks_of("9999-12-31 23:59:59.9999999")
_DAY = 86_400 * 10_000_000
_UUID = "6F9619FF-8B86-D011-B42D-00C04FC964FF"

_texts = st.text(st.characters(codec="utf-8"), max_size=6) | st.sampled_from(
    [
        "",
        " ",
        "a ",
        "|",
        "||",
        "|.",
        "\uff5c",
        "\uff07",
        "'",
        "it's",
        "\U0001d11e",
        "\ufffd",
        "e\u0301",
    ]
)
_ticks = st.integers(0, _LAST) | st.sampled_from(
    [0, _LAST, ticks_of("2024-02-29 23:59:59.9999995")]
)


def _real(value: float) -> float:
    found: float = struct.unpack("<f", struct.pack("<f", value))[0]
    return found


def _datetimes() -> st.SearchStrategy[Sql]:
    """Draw datetimes from the year 1753 on, in units of 1/300 of a second."""
    first, last = (ticks_of(f"{year}-01-01 00:00:00") // 10_000_000 * 300 for year in (1753, 9999))
    return st.integers(first, last).map(lambda n: Sql("datetime", n))


def _cut(digits: int) -> Callable[[int], int]:
    step = 10 ** (7 - digits)
    return lambda ticks: ticks // step * step


def _decimals(kind: str, precision: int, scale: int) -> st.SearchStrategy[Sql]:
    most = 10**precision - 1
    return st.integers(-most, most).map(lambda n: Sql(kind, Decimal(f"{n}E-{scale}"), scale))


def _money(kind: str, bits: int) -> st.SearchStrategy[Sql]:
    whole = st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return whole.map(lambda n: Sql(kind, Decimal(f"{n}E-4"), 4))


def _datetime2(digits: int) -> st.SearchStrategy[Sql]:
    return _ticks.map(_cut(digits)).map(lambda ticks: Sql("datetime2", ticks, digits))


_offsets = st.tuples(_ticks, st.integers(-14 * 60, 14 * 60))

#: For each declared type, a strategy for its values.
VALUES: dict[str, st.SearchStrategy[Sql]] = {
    "tinyint": st.integers(0, 255).map(lambda n: Sql("tinyint", n)),
    "bigint": st.integers(-(2**63), 2**63 - 1).map(lambda n: Sql("bigint", n)),
    "bit": st.integers(0, 1).map(lambda n: Sql("bit", n)),
    "rowversion": st.integers(0, 2**63 - 1).map(lambda n: Sql("rowversion", n.to_bytes(8, "big"))),
    "float": st.floats(allow_nan=False, allow_infinity=False).map(lambda f: Sql("float", f)),
    "real": st.floats(allow_nan=False, allow_infinity=False, width=32).map(
        lambda f: Sql("real", _real(f))
    ),
    "decimal(10, 2)": _decimals("decimal", 10, 2),
    "decimal(38, 0)": _decimals("decimal", 38, 0),
    "numeric(38, 38)": _decimals("numeric", 38, 38),
    "money": _money("money", 64),
    "smallmoney": _money("smallmoney", 32),
    "date": st.dates().map(lambda d: Sql("date", d)),
    "datetime": _datetimes(),
    "smalldatetime": st.integers(693_595, 720_000).map(
        lambda day: Sql("smalldatetime", day * _DAY + 60 * 10_000_000)
    ),
    **{f"datetime2({n})": _datetime2(n) for n in (0, 3, 6, 7)},
    "datetimeoffset(7)": _offsets.map(lambda v: Sql("datetimeoffset", v, 7)),
    "datetimeoffset(0)": _offsets.map(lambda v: Sql("datetimeoffset", (_cut(0)(v[0]), v[1]), 0)),
    "time(7)": st.integers(0, _DAY - 1).map(lambda t: Sql("time", t, 7)),
    "time(3)": st.integers(0, _DAY - 1).map(lambda t: Sql("time", _cut(3)(t), 3)),
    "uniqueidentifier": st.uuids().map(lambda u: Sql("uniqueidentifier", u)),
    "nvarchar(9)": _texts.map(lambda t: Sql("nvarchar", t)),
    "varchar(max)": _texts.map(lambda t: Sql("varchar", t)),
    "ntext": _texts.map(lambda t: Sql("ntext", t)),
    "text": _texts.map(lambda t: Sql("text", t)),
    "xml": _texts.map(lambda t: Sql("xml", t)),
    "hierarchyid": st.sampled_from(["/", "/1/", "/1/2.1/"]).map(lambda t: Sql("hierarchyid", t)),
    "varbinary(9)": st.binary(max_size=9).map(lambda b: Sql("varbinary", b)),
    "image": st.binary(max_size=9).map(lambda b: Sql("image", b)),
}
#: Types that are declared as text here although they have a portable type of their own.
AS_TEXT = [
    *("tinyint", "bigint", "bit", "decimal(10, 2)", "money", "smallmoney", "float", "real", "date"),
    *("datetime", "smalldatetime", "datetime2(0)", "datetime2(7)"),
]
_IN_A_VARIANT = {
    *("tinyint", "bigint", "bit", "float", "real", "decimal(10, 2)", "numeric(38, 38)", "money"),
    *("smallmoney", "date", "datetime", "smalldatetime", "datetime2(0)", "datetime2(7)"),
    *("datetimeoffset(7)", "time(7)", "uniqueidentifier", "nvarchar(9)", "varchar(max)"),
    "varbinary(9)",
}
VALUES["sql_variant"] = st.one_of([VALUES[each] for each in sorted(_IN_A_VARIANT)]).map(
    lambda inner: Sql("sql_variant", inner)
)


def column_of(declared: str, wanted: sa.types.TypeEngine[Any] | None = None) -> sa.Column[Any]:
    column = sa.Column(
        "v]|'", wanted or catalogue_types.portable(declared), info={"declared": declared}
    )
    sa.Table("t", sa.MetaData(), column)
    return column


def loaded(column: sa.Column[Any], stored: Sql) -> str:
    """Return the cell of the value that arrives in the mirror."""
    given = driven(evaluate(sql.value(column), {column.name: stored}))
    (row,) = rows_as_arrow([column], [(given,)]).to_pylist()
    return cell(column, row[column.name])


def proven(column: sa.Column[Any], stored: Sql) -> Any:
    made = canonical.cell(column, EVERY)
    assert made is not None
    return evaluate(made, {column.name: stored}).value


_COLUMNS = [
    *((each, None) for each in VALUES),
    *((each, sa.String()) for each in AS_TEXT),
    ("bit", sa.BigInteger()),
    ("decimal(10, 2)", sa.Numeric(14, 4)),
    ("decimal(38, 0)", sa.Numeric(38, 0)),
    ("money", sa.Numeric(20, 5)),
]


@pytest.mark.parametrize(("declared", "wanted"), _COLUMNS, ids=repr)
@settings(max_examples=40, deadline=None)
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


def _moment(text: str, kind: str = "datetime2", scale: int = 7) -> Sql:
    return Sql(kind, ticks_of(text), scale)


#: For each conversion of the load: a plausible lie, the declared type, and a value that exposes the lie.
_SEVEN = "2024-02-29 23:59:59.1234567"
_THIRD = Sql("datetime", ticks_of("2024-02-29 23:59:59") // 10_000_000 * 300 + 1)
LIES: dict[tuple[str, str], tuple[str, str, Sql]] = {
    ("_CONVERSIONS", "rowversion"): (
        "CONVERT(BIGINT, CONVERT(BINARY(4), {}))",
        "rowversion",
        Sql("rowversion", (2001).to_bytes(8, "big")),
    ),
    ("_CONVERSIONS", "datetime"): ("CONVERT(DATETIME2(6), {})", "datetime", _THIRD),
    ("_CONVERSIONS", "smalldatetime"): (
        "CONVERT(DATETIME2(0), CONVERT(NVARCHAR(13), {}, 120) + N':00:00')",
        "smalldatetime",
        Sql("smalldatetime", ticks_of("2024-02-29 23:59:00")),
    ),
    ("_CONVERSIONS", "datetimeoffset"): (
        "CONVERT(NVARCHAR(27), {}, 121)",
        "datetimeoffset(7)",
        Sql("datetimeoffset", (ticks_of(_SEVEN), 120), 7),
    ),
    ("_CONVERSIONS", "time"): (
        "CONVERT(NVARCHAR(15), {}, 121)",
        "time(7)",
        Sql("time", ticks_of(_SEVEN) % _DAY, 7),
    ),
    ("_CONVERSIONS", "uniqueidentifier"): (
        "LOWER(CONVERT(NVARCHAR(36), {}))",
        "uniqueidentifier",
        Sql("uniqueidentifier", _UUID),
    ),
    ("_CONVERSIONS", "xml"): ("CONVERT(NVARCHAR(4), {})", "xml", Sql("xml", "<a>1</a>")),
    ("_CONVERSIONS", "hierarchyid"): (
        "CONVERT(NVARCHAR(3), {})",
        "hierarchyid",
        Sql("hierarchyid", "/1/2/"),
    ),
    ("_CONVERSIONS", "json"): ("UPPER(CONVERT(NVARCHAR(MAX), {}))", "json", Sql("json", '{"a":1}')),
    ("_CONVERSIONS", "vector"): ("CONVERT(NVARCHAR(2), {})", "vector", Sql("json", "[1,2]")),
    ("_CONVERSIONS", "text"): ("CONVERT(VARCHAR(2), {})", "text", Sql("varchar", "abc")),
    ("_CONVERSIONS", "ntext"): (
        "REPLACE(CONVERT(NVARCHAR(MAX), {}), N'|', N'|')",
        "ntext",
        Sql("nvarchar", "\uff5c"),
    ),
    ("_CONVERSIONS", "money"): (
        "CONVERT(DECIMAL(19, 4), CONVERT(DECIMAL(19, 2), {}))",
        "money",
        Sql("money", Decimal("12.3456"), 4),
    ),
    ("_CONVERSIONS", "smallmoney"): (
        "CONVERT(DECIMAL(10, 4), CONVERT(DECIMAL(19, 2), {}))",
        "smallmoney",
        Sql("smallmoney", Decimal("12.3456"), 4),
    ),
    ("_CONVERSIONS", "real"): (
        "CONVERT(FLOAT, CONVERT(NVARCHAR(40), {}))",
        "real",
        Sql("real", _real(0.1)),
    ),
    ("_CONVERSIONS", "image"): ("CONVERT(VARBINARY(1), {})", "image", Sql("varbinary", b"ab")),
    ("_AS_TEXT", "decimal"): (
        "CONVERT(NVARCHAR(41), CONVERT(DECIMAL(10, 1), {}))",
        "decimal(10, 2)",
        Sql("decimal", Decimal("1.25"), 2),
    ),
    ("_AS_TEXT", "int"): ("CONVERT(NVARCHAR(1), {}) + N'.'", "int", Sql("int", 7)),
    ("_AS_TEXT", "money"): (
        "CONVERT(NVARCHAR(41), {})",
        "money",
        Sql("money", Decimal("1.2345"), 4),
    ),
    ("_AS_TEXT", "float"): ("CONVERT(NVARCHAR(40), {})", "float", Sql("float", 0.1 + 0.2)),
    ("_AS_TEXT", "real"): ("CONVERT(NVARCHAR(40), {})", "real", Sql("real", _real(0.1))),
    ("_AS_TEXT", "date"): ("CONVERT(NVARCHAR(7), {}, 23)", "date", Sql("date", date(2024, 2, 29))),
    ("_AS_TEXT", "datetime"): ("CONVERT(NVARCHAR(23), {})", "datetime", _THIRD),
    ("_AS_TEXT", "smalldatetime"): (
        "CONVERT(NVARCHAR(19), {})",
        "smalldatetime",
        Sql("smalldatetime", ticks_of("2024-02-29 23:59:00")),
    ),
    ("_AS_TEXT", "datetime2"): ("CONVERT(NVARCHAR(26), {}, 121)", "datetime2(7)", _moment(_SEVEN)),
    ("_VARIANT", "int"): ("N'''' + CONVERT(NVARCHAR(20), {}) + N''''", "int", Sql("int", 1)),
    ("_VARIANT", "varchar"): ("CONVERT(NVARCHAR(MAX), {})", "varchar", Sql("varchar", "1")),
    ("_VARIANT", "nvarchar"): (
        "N'N''' + REPLACE(CONVERT(NVARCHAR(MAX), {}), N'''', N'''''') + N''''",
        "nvarchar",
        Sql("nvarchar", "\uff07"),
    ),
    ("_VARIANT", "float"): (
        "CONVERT(NVARCHAR(40), CONVERT(FLOAT, {}))",
        "float",
        Sql("float", 0.1 + 0.2),
    ),
    ("_VARIANT", "real"): ("N'real ' + CONVERT(NVARCHAR(40), {})", "real", Sql("real", _real(0.1))),
    ("_VARIANT", "decimal"): (
        "CONVERT(NVARCHAR(41), CONVERT(DECIMAL(10, 1), {}))",
        "decimal",
        Sql("decimal", Decimal("1.25"), 2),
    ),
    ("_VARIANT", "money"): (
        "N'money ' + CONVERT(NVARCHAR(41), {})",
        "money",
        Sql("money", Decimal("1.2345"), 4),
    ),
    ("_VARIANT", "bit"): ("CONVERT(NVARCHAR(1), {})", "bit", Sql("bit", 1)),
    ("_VARIANT", "varbinary"): (
        "CONVERT(NVARCHAR(MAX), CONVERT(VARBINARY(1), {}), 1)",
        "varbinary",
        Sql("varbinary", b"\x01\x02"),
    ),
    ("_VARIANT", "uniqueidentifier"): (
        "N'''' + CONVERT(NVARCHAR(36), {}) + N''''",
        "uniqueidentifier",
        Sql("uniqueidentifier", _UUID),
    ),
    ("_VARIANT", "date"): ("CONVERT(NVARCHAR(10), {}, 23)", "date", Sql("date", date(2024, 2, 29))),
    ("_VARIANT", "time"): (
        "N'time ''' + CONVERT(NVARCHAR(12), CONVERT(TIME(7), {}), 121) + N''''",
        "time",
        Sql("time", ticks_of(_SEVEN) % _DAY, 7),
    ),
    ("_VARIANT", "datetime"): (
        "N'datetime ''' + CONVERT(NVARCHAR(30), CONVERT(DATETIME, {})) + N''''",
        "datetime",
        _THIRD,
    ),
    ("_VARIANT", "smalldatetime"): (
        "CONVERT(NVARCHAR(30), {})",
        "smalldatetime",
        Sql("smalldatetime", ticks_of("2024-02-29 23:59:00")),
    ),
    ("_VARIANT", "datetime2"): (
        "N'datetime2 ''' + CONVERT(NVARCHAR(27), CONVERT(DATETIME2(6), {}), 121) + N'0'''",
        "datetime2",
        _moment(_SEVEN),
    ),
    ("_VARIANT", "datetimeoffset"): (
        "N'datetimeoffset ''' + CONVERT(NVARCHAR(27), {}, 121) + N''''",
        "datetimeoffset",
        Sql("datetimeoffset", (ticks_of(_SEVEN), 120), 7),
    ),
}


@pytest.mark.parametrize("where", LIES, ids=".".join)
def test_the_proof_finds_each_lie_of_the_load(
    monkeypatch: pytest.MonkeyPatch, where: tuple[str, str]
) -> None:
    conversions, name = where
    lie, declared, stored = LIES[where]
    if conversions == "_VARIANT":
        column, stored = column_of("sql_variant"), Sql("sql_variant", stored)
    else:
        column = column_of(declared, sa.String() if conversions == "_AS_TEXT" else None)
    assert loaded(column, stored) == proven(column, stored)
    monkeypatch.setitem(getattr(sql, conversions), name, lie)
    assert loaded(column, stored) != proven(column, stored)


def test_every_conversion_is_made_to_lie() -> None:
    #: Each of these has the same SQL as another conversion that is made to lie.
    alike = {
        ("_CONVERSIONS", "timestamp"),
        ("_AS_TEXT", "smallmoney"),
        *(("_AS_TEXT", name) for name in ("bit", "tinyint", "smallint", "bigint", "numeric")),
        *(
            ("_AS_TEXT", name) for name in ("geography", "geometry")
        ),  # only a server with .NET has these types
        *(("_VARIANT", name) for name in ("tinyint", "smallint", "bigint", "numeric")),
        *(("_VARIANT", name) for name in ("smallmoney", "char", "nchar", "binary")),
    }
    every = {
        (conversions, name)
        for conversions in ("_CONVERSIONS", "_AS_TEXT", "_VARIANT")
        for name in getattr(sql, conversions)
    }
    assert {*LIES} | alike == every


def test_a_rounded_time_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    column, stored = column_of("datetime2(7)"), _moment("2024-02-29 23:59:59.9999997")
    assert loaded(column, stored) == proven(column, stored) == "2024-02-29 23:59:59.999999|."
    monkeypatch.setattr(sql, "_CUT", "CONVERT(DATETIME2(6), {})")
    assert loaded(column, stored) == "2024-03-01 00:00:00.000000|."
    assert loaded(column, stored) != proven(column, stored)


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
        (_moment("2026-09-16 10:11:12.1234567"), "datetime2 '2026-09-16 10:11:12.1234567'"),
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
    table = sa.Table("t", sa.MetaData(), column, info={"slice": Slice("at", grain)})
    text = canonical.slice_text(table)
    last = _moment("2024-02-29 23:59:59.9999999")
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
