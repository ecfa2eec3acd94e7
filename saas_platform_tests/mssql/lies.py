"""Lies: wrong conversions of the load, each with a value that exposes it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from saas_platform_tests.mssql.drawn_values import DAY, as_real
from saas_platform_tests.mssql.tsql_values import Sql, moment_of, ticks_of

_UUID = "6F9619FF-8B86-D011-B42D-00C04FC964FF"
_SEVEN = "2024-02-29 23:59:59.1234567"
_THIRD = Sql("datetime", ticks_of("2024-02-29 23:59:59") // 10_000_000 * 300 + 1)
#: For each conversion of the load: a plausible lie, the declared type, and a value that exposes the lie.
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
        Sql("time", ticks_of(_SEVEN) % DAY, 7),
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
        Sql("real", as_real(0.1)),
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
    ("_AS_TEXT", "real"): ("CONVERT(NVARCHAR(40), {})", "real", Sql("real", as_real(0.1))),
    ("_AS_TEXT", "date"): ("CONVERT(NVARCHAR(7), {}, 23)", "date", Sql("date", date(2024, 2, 29))),
    ("_AS_TEXT", "datetime"): ("CONVERT(NVARCHAR(23), {})", "datetime", _THIRD),
    ("_AS_TEXT", "smalldatetime"): (
        "CONVERT(NVARCHAR(19), {})",
        "smalldatetime",
        Sql("smalldatetime", ticks_of("2024-02-29 23:59:00")),
    ),
    ("_AS_TEXT", "datetime2"): (
        "CONVERT(NVARCHAR(26), {}, 121)",
        "datetime2(7)",
        moment_of(_SEVEN),
    ),
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
    ("_VARIANT", "real"): (
        "N'real ' + CONVERT(NVARCHAR(40), {})",
        "real",
        Sql("real", as_real(0.1)),
    ),
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
        Sql("time", ticks_of(_SEVEN) % DAY, 7),
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
        moment_of(_SEVEN),
    ),
    ("_VARIANT", "datetimeoffset"): (
        "N'datetimeoffset ''' + CONVERT(NVARCHAR(27), {}, 121) + N''''",
        "datetimeoffset",
        Sql("datetimeoffset", (ticks_of(_SEVEN), 120), 7),
    ),
}
