"""The canonical cells (`schema.canonical`) in T-SQL, and what a server must be able to do for them.

They are written from the stored columns alone and share no expression with the load (sql.py), so that a wrong
conversion of the load shows as a difference. Contains: pure functions from declared columns to SQL, and the
probes that report the abilities of a server. Out of scope: the query that uses them, and connections.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from saas_platform.schema.canonical import (
    MARK,
    MISFIT_END,
    NULL,
    NUMBER_BYTES,
    VALUE_END,
    row_number,
)
from saas_platform.schema.kinds import KindName, TextForm, decimal_sizes, kind_of
from saas_platform.schema.slices import WHOLE, slicing_of
from saas_platform.schema.source_names import source_column
from saas_platform.source.mssql import catalogue_types

#: What the canonical text requires, and not every server that speaks T-SQL can do:
#: utf8_collation: a varchar with a binary UTF-8 collation hashes as UTF-8 (SQL Server 2019);
#: utf8_always: an nvarchar hashes as UTF-8 (SQL Server itself hashes its UTF-16);
#: float_bits: a float converts to its eight bytes;
#: hex_text: bytes convert to hexadecimal text;
#: half_pairs: a text can contain half of a surrogate pair alone, and LIKE finds it.
Ability = Literal["utf8_collation", "utf8_always", "float_bits", "hex_text", "half_pairs"]

#: The longest chain of `+`. A server parses each `+` as one more level of nesting, and refuses an expression
#: that is nested too deeply (8631, 191).
_GROUP = 32
#: Other collations treat a full-width mark as equal to the mark.
_BINARY = "COLLATE Latin1_General_BIN2"
_BINARY_UTF8 = "COLLATE Latin1_General_100_BIN2_UTF8"
#: Characters of one, two, three and four bytes in UTF-8.
_WORDS = "a\u00e9\u20ac\U0001d11e"
#: Ranges of surrogates, made from their bytes because NCHAR depends on the collation of the database.
_HIGH = "CONVERT(nchar(1), 0x00D8) + N'-' + CONVERT(nchar(1), 0xFFDB)"
_LOW = "CONVERT(nchar(1), 0x00DC) + N'-' + CONVERT(nchar(1), 0xFFDF)"
_ANY = "CONVERT(nchar(1), 0x00D8) + N'-' + CONVERT(nchar(1), 0xFFDF)"


@dataclass(frozen=True)
class Probe:
    """A query of one value. A server has the ability if and only if it gives the known answer."""

    ability: Ability
    sql: str
    answer: int | str


def slice_text(table: sa.Table) -> str:
    """Return SQL for the id of the slice of a row."""
    slicing = slicing_of(table)
    if slicing is None:
        return f"N'{WHOLE}'"
    day = f"CONVERT(nvarchar({slicing.id_length}), {_name(table.columns[slicing.column])}, 23)"
    return f"ISNULL({day}, N'none')"


def row_text(table: sa.Table, abilities: Collection[Ability]) -> str | None:
    """Return SQL for the text of a row; None if the server can't write one of its cells."""
    made = [cell(column, abilities) for column in table.columns]
    written = [each for each in made if each is not None]
    if len(written) < len(made):
        return None
    while len(written) > _GROUP:
        groups = [written[n : n + _GROUP] for n in range(0, len(written), _GROUP)]
        written = [f"({_chain(group)})" for group in groups]
    return _chain(written)


def _chain(texts: list[str]) -> str:
    # The first operand has unlimited length; without it, the server would cut the text at 4,000 characters.
    return " + ".join(["CONVERT(nvarchar(max), N'')", *texts])


def totals(text: str, abilities: Collection[Ability]) -> str | None:
    """Return SQL for the row count and the sum of row numbers of a group of rows with these texts.

    Returns:
        None where the server can't hash UTF-8.
    """
    hashing = next((a for a in _HASHED if a in abilities), None)
    if hashing is None:
        return None
    return f"COUNT_BIG(*), SUM(CONVERT(decimal(38, 0), {_number(text, hashing)}))"


def cell(column: sa.Column[Any], abilities: Collection[Ability]) -> str | None:
    """Return SQL for the cell of a column; None if a server with these abilities can't write it."""
    kind = kind_of(column)
    needed = _NEEDS.get(kind.text)
    if needed is not None and needed not in abilities:
        return None
    return f"ISNULL({_CELL[kind.name](column, abilities)}, N'{NULL}')"


def raw(column: sa.Column[Any]) -> str:
    """Return SQL for the column as it is stored, for a cell that the server can't write."""
    if (
        kind_of(column).name == "bytes"
        and catalogue_types.type_of(column) not in catalogue_types.BYTES
    ):
        return f"CAST({_name(column)} AS varbinary(max))"
    return _name(column)


def half_pair(column: sa.Column[Any]) -> str:
    """Return a condition: the text contains half of a surrogate pair alone, which UTF-8 can't express."""
    name = _name(column)
    if kind_of(column).name == "any":
        # Only texts are converted, because bytes would convert to characters too.
        wide = f"{_base_type(name)} IN (N'nchar', N'nvarchar')"
        name = f"CASE WHEN {wide} THEN CAST({name} AS nvarchar(max)) END"
    text = f"CONVERT(nvarchar(max), {name}) {_BINARY}"
    # Nearly every text fails the first test already, because it has no surrogates at all.
    return (
        f"({text} LIKE N'%[' + {_ANY} + N']%' {_BINARY}"
        f" AND ({text} + N' ' LIKE N'%[' + {_HIGH} + N'][^' + {_LOW} + N']%' {_BINARY}"
        f" OR N' ' + {text} LIKE N'%[^' + {_HIGH} + N'][' + {_LOW} + N']%' {_BINARY}))"
    )


def _name(column: sa.Column[Any]) -> str:
    return "[" + source_column(column).replace("]", "]]") + "]"


def _ended(text: str) -> str:
    return f"{text} + N'{VALUE_END}'"


def _doubled(text: str) -> str:
    return f"REPLACE({text} {_BINARY}, N'{MARK}', N'{MARK * 2}')"


def _text_cell(column: sa.Column[Any], abilities: Collection[Ability]) -> str:
    name, kind = _name(column), catalogue_types.type_of(column)
    if kind not in catalogue_types.TEXTS:
        return f"{_doubled(f'CONVERT(nvarchar(max), {_exact_text(column)})')} + N'{VALUE_END}'"
    fits = f"{_doubled(f'CONVERT(nvarchar(max), {name})')} + N'{VALUE_END}'"
    if kind not in catalogue_types.WIDE or "half_pairs" not in abilities:
        return fits
    # The misfit is written as bytes, because drivers change the text itself. An ntext converts to bytes only
    # by way of nvarchar.
    code = _hexadecimal(f"CONVERT(nvarchar(max), {name})") if "hex_text" in abilities else "N''"
    misfit = f"N'0x' + {code} + N'{MISFIT_END}'"
    return f"CASE WHEN {half_pair(column)} THEN {misfit} ELSE {fits} END"


def _flag(name: str) -> str:
    return f"CASE {name} WHEN 1 THEN N'1' WHEN 0 THEN N'0' END"


def _digits(column: sa.Column[Any]) -> str:
    name = _name(column)
    if catalogue_types.type_of(column) in catalogue_types.ROW_VERSIONS:
        return f"CONVERT(nvarchar(20), CONVERT(bigint, CONVERT(varbinary(8), {name})))"
    return f"CONVERT(nvarchar(20), {name})"


def _float(column: sa.Column[Any]) -> str:
    """Return SQL for the bits of a float. -0.0 gets those of 0.0, because the two are equal."""
    name, is_real = _name(column), catalogue_types.type_of(column) == "real"
    # The product is a double even where the column is a real.
    bits = _bits(f"{name} * CONVERT(float(53), 1)" if is_real else name)
    return f"CONVERT(nvarchar(20), CASE WHEN {name} = 0 THEN 0 ELSE {bits} END)"


def _decimal(column: sa.Column[Any]) -> str:
    """Return SQL for the digits of a decimal as the source stores it, with zeros up to the declared scale."""
    name, own = _name(column), catalogue_types.decimal_size(column)[1]
    _, scale = decimal_sizes(column.type)
    is_money = catalogue_types.type_of(column) in catalogue_types.MONEY
    text = f"CONVERT(nvarchar(41), {f'CONVERT(decimal(38, 4), {name})' if is_money else name})"
    if own == scale:
        return text
    point = "" if own else "."
    return f"{text} + N'{point}{'0' * (scale - own)}'"


def _time(column: sa.Column[Any]) -> str:
    """Return SQL for a timestamp with six digits after the second. Finer digits are cut, as in the load."""
    name, type_ = _name(column), catalogue_types.type_of(column)
    if type_ == "datetime":
        # Ticks of 1/300 s have no exact microseconds, so that the milliseconds which the server shows count.
        return f"CONVERT(nvarchar(23), {name}, 121) + N'000'"
    seconds = f"CONVERT(nvarchar(19), {name}, 120)"
    if type_ == "smalldatetime":
        return f"{seconds} + N'.000000'"
    # Microseconds are counted, because some servers omit zeros at the end of the text. The epoch lies before
    # every timestamp, so that the count is never negative.
    epoch = "CONVERT(datetime2(6), '0001-01-01T00:00:00')"
    micros = f"1000000 + DATEDIFF_BIG(MICROSECOND, {epoch}, {name}) % 1000000"
    return f"{seconds} + N'.' + SUBSTRING(CONVERT(nvarchar(7), {micros}), 2, 6)"


#: For each type of the catalogue that is neither a text nor a plain number, SQL for the exact text of its
#: value.
_EXACT_TEXT = {
    "uniqueidentifier": "UPPER(CAST({0} AS char(36)))",
    "datetimeoffset": "CONVERT(varchar(34), {0}, 121)",
    "time": "CONVERT(varchar(16), {0}, 121)",
    "datetime2": "CONVERT(varchar(27), {0}, 121)",
    "datetime": "CONVERT(varchar(23), {0}, 121)",
    "smalldatetime": "CONVERT(varchar(19), {0}, 120)",
    "date": "CONVERT(varchar(10), {0}, 23)",
    "hierarchyid": "CAST({0} AS nvarchar(4000))",
    **dict.fromkeys(catalogue_types.SPATIAL, "CONCAT(N'SRID=', {0}.STSrid, N';') + {0}.AsTextZM()"),
    **dict.fromkeys(catalogue_types.FLOATS, "CONVERT(varchar(40), {0}, 3)"),
    **dict.fromkeys(catalogue_types.MONEY, "CONVERT(varchar(41), CONVERT(decimal(38, 4), {0}))"),
    **dict.fromkeys(("xml", "json", "vector"), "CAST({0} AS nvarchar(max))"),
}
_EXACT_NUMBER = "CAST({0} AS varchar(41))"


def _exact_text(column: sa.Column[Any]) -> str:
    return _EXACT_TEXT.get(catalogue_types.type_of(column), _EXACT_NUMBER).format(_name(column))


def _base_type(name: str) -> str:
    """Return SQL for the base type of a sql_variant."""
    return f"CAST(SQL_VARIANT_PROPERTY({name}, 'BaseType') AS nvarchar(128))"


def _variant(column: sa.Column[Any], abilities: Collection[Ability]) -> str:
    """Return SQL for the literal of a sql_variant, which names the type if the text does not show it.

    A value that the server can't write (bytes, or half of a surrogate pair) becomes a literal that no mirror
    contains, so that the proof reports a difference.
    """
    name = _name(column)
    bytes_ = f"CONVERT(nvarchar(max), CAST({name} AS varbinary(8000)), 2)"
    code = f"N'0x' + {bytes_}" if "hex_text" in abilities else "N'bytes'"
    characters = f"REPLACE(CAST({name} AS nvarchar(max)) {_BINARY}, N'''', N'''''') + N''''"
    number = f"CAST({name} AS varchar(41))"
    amount = f"CAST(CAST({name} AS decimal(38, 4)) AS varchar(41))"
    double = f"CONVERT(varchar(40), CAST({name} AS float(53)), 3)"
    timestamp = f"CONVERT(varchar(23), CAST({name} AS datetime), 121)"
    branches: dict[tuple[str, ...], str] = {
        ("tinyint", "smallint", "int", "bigint", "decimal", "numeric"): number,
        ("bit",): f"N'bit ' + {number}",
        ("money", "smallmoney"): f"N'money ' + {amount}",
        ("float",): double,
        ("real",): f"N'real ' + {double}",
        ("char", "varchar"): f"N'''' + {characters}",
        ("nchar", "nvarchar"): f"N'N''' + {characters}",
        ("binary", "varbinary"): code,
        ("uniqueidentifier",): _typed("uniqueidentifier", f"UPPER(CAST({name} AS char(36)))"),
        ("date",): _typed("date", f"CONVERT(varchar(10), CAST({name} AS date), 23)"),
        ("time",): _typed("time", f"CONVERT(varchar(16), CAST({name} AS time(7)), 121)"),
        ("datetime", "smalldatetime"): _typed("datetime", timestamp),
        ("datetime2",): _typed(
            "datetime2", f"CONVERT(varchar(27), CAST({name} AS datetime2(7)), 121)"
        ),
        ("datetimeoffset",): _typed(
            "datetimeoffset", f"CONVERT(varchar(34), CAST({name} AS datetimeoffset(7)), 121)"
        ),
    }
    if "half_pairs" in abilities:
        wide = ("nchar", "nvarchar")
        branches[wide] = f"CASE WHEN {half_pair(column)} THEN N'half' ELSE {branches[wide]} END"
    cases = " ".join(
        f"WHEN {_base_type(name)} IN ({', '.join(f'N{each!r}' for each in those)})"
        f" THEN CONVERT(nvarchar(max), {text})"
        for those, text in branches.items()
    )
    # A value of an unknown type is not NULL, so it gets a literal that no mirror has.
    return f"CASE {cases} ELSE N'unknown ' + {_base_type(name)} END"


def _typed(kind: str, text: str) -> str:
    return f"N'{kind} ''' + {text} + N''''"


def _bits(value: str) -> str:
    return f"CONVERT(bigint, CONVERT(binary(8), {value}))"


def _hexadecimal(value: str) -> str:
    return f"CONVERT(nvarchar(max), CONVERT(varbinary(max), {value}), 2)"


#: What the server must be able to do to write a text of the form.
_NEEDS: Mapping[TextForm, Ability] = {"bits": "float_bits", "hexadecimal": "hex_text"}
#: For each kind, makes SQL for the cell of a value. The SQL is NULL where the value is NULL.
_CELL: Mapping[KindName, Callable[[sa.Column[Any], Collection[Ability]], str]] = {
    "flag": lambda column, _: _ended(_flag(_name(column))),
    "integer": lambda column, _: _ended(_digits(column)),
    "integer32": lambda column, _: _ended(_digits(column)),
    "float": lambda column, _: _ended(_float(column)),
    "decimal": lambda column, _: _ended(_decimal(column)),
    "time": lambda column, _: _ended(_time(column)),
    "date": lambda column, _: _ended(f"CONVERT(nvarchar(10), {_name(column)}, 23)"),
    "any": lambda column, abilities: _ended(_doubled(_variant(column, abilities))),
    "text": lambda column, abilities: _text_cell(column, abilities),
    "bytes": lambda column, _: _ended(_hexadecimal(_name(column))),
}


#: SQL for the value to hash, such that the hash is that of the text's UTF-8.
_HASHED: dict[Ability, str] = {
    "utf8_collation": f"CONVERT(varchar(max), ({{text}}) {_BINARY_UTF8})",
    "utf8_always": "{text}",
}


def _number(text: str, hashing: Ability) -> str:
    hashed = f"HASHBYTES('MD5', {_HASHED[hashing].format(text=text)})"
    return f"CONVERT(bigint, SUBSTRING({hashed}, 1, {NUMBER_BYTES}))"


def _half_pair_probe() -> str:
    """Return a query that counts matches among a high half, a low half before a letter, and a whole pair."""
    texts = ("CONVERT(nvarchar(9), 0x3DD8)", "CONVERT(nvarchar(9), 0x1EDD6100)", f"N{_WORDS!r}")
    rows = " UNION ALL ".join(f"SELECT {text} AS [v]" for text in texts)
    return f"SELECT COUNT(*) FROM ({rows}) p WHERE {half_pair(sa.Column('v', sa.String))}"


#: The probes to run one by one at the start of a connection.
PROBES = (
    *(
        Probe(hashing, f"SELECT {_number(f'N{_WORDS!r}', hashing)}", row_number(_WORDS))
        for hashing in _HASHED
    ),
    # 0xBFF8 is negative as a signed integer.
    Probe("float_bits", f"SELECT {_bits('CONVERT(float(53), -1.5e0)')}", -0x4008 << 48),
    Probe("hex_text", f"SELECT {_hexadecimal('0x00AB')}", "00AB"),
    Probe("half_pairs", _half_pair_probe(), 2),
)
