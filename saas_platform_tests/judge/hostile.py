"""Define hostile values, and declarations as people write them, for tables with one column each.

Contains: the SQL of values that may be written into a column, and plain values for each declaration.
Out of scope: how a value must be mirrored (rules.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

#: Values by names for the reports of failed tests. They are SQL, so that SQLite chooses the storage class.
VALUES = {
    "0": "0",
    "1": "1",
    "2": "2",
    "-1": "-1",
    "2^53": "9007199254740992",
    "2^53+1": "9007199254740993",
    "-2^53-1": "-9007199254740993",
    "2^63-1": "9223372036854775807",
    "-2^63": "-9223372036854775807 - 1",
    "900719925474099301": "900719925474099301",
    "0.5": "0.5",
    "15.86": "15.86",
    "2.0": "2.0",
    "0.1+0.2": "0.1 + 0.2",
    "-0.0": "-0.0",
    "1e300": "1e300",
    "5e-324": "5e-324",
    "inf": "9e999",
    "-inf": "-9e999",
    "empty": "''",
    "x": "'x'",
    "'007'": "'007'",
    "'0x1F'": "'0x1F'",
    "'1e3'": "'1e3'",
    "'15.86'": "'15.86'",
    "'NaN'": "'NaN'",
    "'inf'": "'inf'",
    "'true'": "'true'",
    "' 1'": "' 1'",
    "'1 '": "'1 '",
    "day": "'2024-01-01'",
    "time": "'2024-01-01 10:00:00'",
    "time with T": "'2024-01-01T10:00:00'",
    "time with Z": "'2024-01-01T10:00:00Z'",
    "time with an offset": "'2024-01-01 10:00:00+02:00'",
    "3 digits": "'2024-01-01 10:00:00.123'",
    "6 digits": "'2024-01-01 10:00:00.123456'",
    "7 digits": "'2024-01-01 10:00:00.1234567'",
    "3 digits and Z": "'2024-01-01T10:00:00.123Z'",
    "24:00:00": "'2024-01-01 24:00:00'",
    "second 60": "'2024-12-31 23:59:60'",
    "year 0": "'0000-01-01'",
    "year 0 with six digits": "'0000-01-01 00:00:00.000000'",
    "no leap day": "'2023-02-29'",
    "no leap day with six digits": "'2023-02-29 10:00:00.123456'",
    "month 13": "'2024-13-01 00:00:00'",
    "no bytes": "x''",
    "b'7'": "x'37'",
    "b'ff'": "x'ff'",
    "b'00'": "x'00'",
    "not UTF-8": "CAST(x'4d63466cff79' AS TEXT)",
    "not UTF-8 and a mark": "CAST(x'7cff7c' AS TEXT)",
    "mark": "'|'",
    "null's mark": "'|-'",
    "value's mark": "'|.'",
    "misfit's mark": "'|?'",
    "quotes": "'it''s \"so\"'",
    "NUL inside": "'a' || char(0) || 'b'",
    "escape sequence": "char(27) || '[31mred'",
    "line breaks": "'a' || char(13, 10) || 'b' || char(10)",
    "emoji": "char(128578) || char(769)",
    "trailing blanks": "'a  '",
    "a long text": "replace(hex(zeroblob(500)), '0', 'x')",
    "many bytes": "zeroblob(500)",
    "NULL": "NULL",
}


@dataclass(frozen=True)
class Declaration:
    """What follows a column's name in CREATE TABLE, and the SQL of values that suit it."""

    sql: str
    plain: tuple[str, ...]


_WHOLE = ("5", "-7", "123456789")
_FLOATS = ("0.25", "-1.5", "123456.789")
_TEXTS = ("'plain'", "'other'", "'third'")

DECLARATIONS = {
    each.sql: each
    for each in (
        Declaration("INTEGER", _WHOLE),
        Declaration("INT UNSIGNED", _WHOLE),
        Declaration("BIGINT NOT NULL", _WHOLE),
        Declaration("REAL", _FLOATS),
        Declaration("DOUBLE PRECISION", _FLOATS),
        Declaration("NUMERIC", ("0.25", "7", "-1.5")),
        Declaration("DECIMAL(10,2)", ("15.86", "7", "-0.35")),
        Declaration("NUMERIC(18,0)", _WHOLE),
        Declaration("BOOLEAN", ("0", "1", "1")),
        Declaration("TEXT", _TEXTS),
        Declaration("VARCHAR(80)", _TEXTS),
        Declaration("DATE", ("'2024-02-29'", "'1999-12-31'", "'0001-01-01'")),
        Declaration(
            "DATETIME", ("'2024-02-29 10:00:00'", "'1999-12-31'", "'2024-01-01T10:00:00.5'")
        ),
        Declaration("BLOB", ("x'01'", "x'02ff'", "x''")),
        Declaration("", _WHOLE),
        Declaration("FOO BAR(3)", _WHOLE),
    )
}

#: Types that a person may write into tables.yaml.
KINDS = (
    "integer",
    "flag",
    "float",
    "decimal(10, 2)",
    "decimal(18, 0)",
    "decimal(38, 4)",
    "text",
    "time",
    "date",
    "bytes",
    "any",
)


#: The number of cases in one slow test.
MOST = 5
