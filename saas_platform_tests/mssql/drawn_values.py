"""Draw values of each type of SQL Server's catalogue."""

from __future__ import annotations

import struct
from collections.abc import Callable
from decimal import Decimal

from hypothesis import strategies as st

from saas_platform_tests.mssql.tsql_values import Sql, ticks_of

_LAST = ticks_of("9999-12-31 23:59:59.9999999")
#: The tenths of microseconds in a day.
DAY = 86_400 * 10_000_000
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


def as_real(value: float) -> float:
    """Return the number as a float of 32 bits holds it."""
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
        lambda f: Sql("real", as_real(f))
    ),
    "decimal(10, 2)": _decimals("decimal", 10, 2),
    "decimal(38, 0)": _decimals("decimal", 38, 0),
    "numeric(38, 38)": _decimals("numeric", 38, 38),
    "money": _money("money", 64),
    "smallmoney": _money("smallmoney", 32),
    "date": st.dates().map(lambda d: Sql("date", d)),
    "datetime": _datetimes(),
    "smalldatetime": st.integers(693_595, 720_000).map(
        lambda day: Sql("smalldatetime", day * DAY + 60 * 10_000_000)
    ),
    **{f"datetime2({n})": _datetime2(n) for n in (0, 3, 6, 7)},
    "datetimeoffset(7)": _offsets.map(lambda v: Sql("datetimeoffset", v, 7)),
    "datetimeoffset(0)": _offsets.map(lambda v: Sql("datetimeoffset", (_cut(0)(v[0]), v[1]), 0)),
    "time(7)": st.integers(0, DAY - 1).map(lambda t: Sql("time", t, 7)),
    "time(3)": st.integers(0, DAY - 1).map(lambda t: Sql("time", _cut(3)(t), 3)),
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
