"""The canonical digest (`schema.canonical`) in T-SQL, and what a server must be able to do for it.

Holds pure functions from declared columns to text, and the probes that tell what a server can. Does not
hold: the query they are put into, or a connection.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa

from saas_platform.schema.canonical import MARK, NULL, NUMBER_BYTES, VALUE_END, row_number

#: What it takes, and not every server that speaks T-SQL has:
#: utf8_collation: a varchar of a binary UTF-8 collation hashes as UTF-8 (SQL Server 2019);
#: utf8_always: an nvarchar does; SQL Server itself hashes its UTF-16;
#: float_bits: a float converts to its eight bytes;
#: hex_text: bytes convert to hexadecimal text.
Ability = Literal["utf8_collation", "utf8_always", "float_bits", "hex_text"]

#: Other collations take a full-width mark for ours.
_BINARY = "COLLATE Latin1_General_BIN2"
_BINARY_UTF8 = "COLLATE Latin1_General_100_BIN2_UTF8"
#: Of one to four bytes in UTF-8.
_WORDS = "a\u00e9\u20ac\U0001d11e"


@dataclass(frozen=True)
class Probe:
    """A query of one value; the known answer to it shows an ability, another or an error that there is none."""

    ability: Ability
    sql: str
    answer: int | str


def digest(table: sa.Table, abilities: Collection[Ability]) -> str | None:
    """Row count `n` and sum `total` of row numbers, of a group of rows; values as the reader has them.

    None: a server with these abilities can't hash this table, so its rows are hashed elsewhere.
    """
    hashing = next((a for a in _HASHED if a in abilities), None)
    if hashing is None or not _needed(table) <= set(abilities):
        return None
    # The first operand is of unlimited length, or all of the chain would be cut at 4,000 characters.
    row = " + ".join(["CONVERT(nvarchar(max), N'')", *map(_field, table.columns)])
    return f"COUNT_BIG(*) AS n, SUM(CONVERT(decimal(38, 0), {_number(row, hashing)})) AS total"


def _needed(table: sa.Table) -> set[Ability]:
    """Besides a hash of UTF-8."""
    needed: set[Ability] = set()
    for column in table.columns:
        match column.type:
            case sa.Float():
                needed.add("float_bits")
            case sa.LargeBinary():
                needed.add("hex_text")
    return needed


def _field(column: sa.Column) -> str:
    return f"ISNULL({_value(column)} + N'{VALUE_END}', N'{NULL}')"


def _value(column: sa.Column) -> str:
    """The text of a value with its marks doubled; NULL for NULL."""
    name = "[" + column.name.replace("]", "]]") + "]"
    match column.type:
        case sa.Boolean() | sa.Integer():  # a rowversion too
            return f"CONVERT(nvarchar(20), CONVERT(bigint, {name}))"
        case sa.Float():
            # A -0.0 has other bits than the 0.0 that it equals.
            return f"CONVERT(nvarchar(20), CASE WHEN {name} = 0 THEN 0 ELSE {_bits(name)} END)"
        case sa.Numeric(precision=int(precision), scale=int(scale)):
            return f"CONVERT(nvarchar(41), CONVERT(decimal({precision}, {scale}), {name}))"
        case sa.DateTime():
            epoch = "CONVERT(datetime2(6), '1970-01-01T00:00:00')"
            moment = f"CONVERT(datetime2(6), {name})"
            return f"CONVERT(nvarchar(20), DATEDIFF_BIG(MICROSECOND, {epoch}, {moment}))"
        case sa.Date():
            epoch = "CONVERT(date, '1970-01-01')"
            return f"CONVERT(nvarchar(20), DATEDIFF(DAY, {epoch}, {name}))"
        case sa.String():
            characters = f"CONVERT(nvarchar(max), {name}) {_BINARY}"
            return f"REPLACE({characters}, N'{MARK}', N'{MARK * 2}')"
        case sa.LargeBinary():
            return _hexadecimal(name)
    raise TypeError(f"{column.table.name}.{column.name}: no canonical form for {column.type!r}")


def _bits(value: str) -> str:
    return f"CONVERT(bigint, CONVERT(binary(8), CONVERT(float(53), {value})))"


def _hexadecimal(value: str) -> str:
    return f"CONVERT(nvarchar(max), CONVERT(varbinary(max), {value}), 2)"


#: What to hash, so that it is the text's UTF-8.
_HASHED: dict[Ability, str] = {
    "utf8_collation": f"CONVERT(varchar(max), ({{text}}) {_BINARY_UTF8})",
    "utf8_always": "{text}",
}


def _number(text: str, hashing: Ability) -> str:
    hashed = f"HASHBYTES('MD5', {_HASHED[hashing].format(text=text)})"
    return f"CONVERT(bigint, SUBSTRING({hashed}, 1, {NUMBER_BYTES}))"


#: For a connection's first statements, each for itself.
PROBES = (
    *(
        Probe(hashing, f"SELECT {_number(f'N{_WORDS!r}', hashing)}", row_number(_WORDS))
        for hashing in _HASHED
    ),
    Probe("float_bits", f"SELECT {_bits('-1.5e0')}", -0x4008 << 48),  # 0xBFF8 with its sign
    Probe("hex_text", f"SELECT {_hexadecimal('0x00AB')}", "00AB"),
)
