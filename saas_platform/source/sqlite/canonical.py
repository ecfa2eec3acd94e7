"""Build the SQL with which SQLite itself writes the canonical text of a row (`schema.canonical`).

Contains: pure functions, from declared columns to SQL, and from texts that are not UTF-8 to texts that are.
Out of scope: the query that uses the SQL, and loading values (reading.py). Nothing is shared with the
loading, because these texts prove it.

The SQL of a cell checks with `typeof` what is stored. A value that does not fit the declared type becomes a
misfit. There is one exception, which saves time: a text of 26 characters that has the separators of a timestamp
in the right places is not parsed. If it is not a timestamp, its cell contains the text unchanged, and no cell
of a timestamp can equal that. The text of a whole row has a second exception: a number that is not a whole
number, or not a flag, may also be written to it unchanged.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from saas_platform.schema.canonical import MARK, MISFIT_END, NULL, VALUE_END
from saas_platform.schema.kinds import KindName, decimal_sizes, kind_of
from saas_platform.source.sqlite.sql import BINARY, column_sql

#: The most arguments of one function. SQLite allows 1,000.
_MOST_ARGUMENTS = 500
#: The most conditions joined by AND. Each makes the expression deeper, and SQLite allows a depth of 1,000.
_MOST_CONDITIONS = 200
#: The bits of infinity, and what a negative sign subtracts from the bits of a positive number.
_INFINITY, _SIGN = 0x7FF << 52, 1 << 63
_LIKE_A_TIME = "[0-9]???-??-?? ??:??:??.??????"
_TIME = "0000-00-00 00:00:00.000000"
#: The place of the blank in it, counted from 1.
_BLANK = _TIME.index(" ") + 1
#: The lengths that the text of a timestamp can have when it ends after a complete part.
_TIME_LENGTHS = (10, 13, 16, 19, *range(21, 27))


def row_text(table: sa.Table, *, utf16: bool = False) -> str:
    """Return the SQL for the text of a row. `utf16`: whether the database stores texts as UTF-16 (`cell`).

    In most rows, the text of each value is also the text of its cell. Such a row is written in one step,
    which takes a sixth less time than joining its cells.
    """
    columns = list(table.columns)
    cells = _concatenated([cell(column, utf16=utf16) for column in columns])
    conditions = [] if utf16 else _are_plain(columns)
    if not conditions or len(conditions) > _MOST_CONDITIONS:
        return cells
    at_once = _concatenated([part for column in columns for part in _parts(column)])
    return f"CASE WHEN {' AND '.join(conditions)} THEN {at_once} ELSE {cells} END"


def _are_plain(columns: Sequence[sa.Column[Any]]) -> list[str]:
    """Return the conditions under which the text of each plain column's value is also its cell's text.

    A plain column is a whole number, a flag, a text or a timestamp. For a whole number or a flag, it is
    enough that neither a text nor bytes are stored. Every number sorts before those, and the text of a
    number that does not fit the type differs from the text of every number that does.
    """
    numbers = [column for column in columns if _is_number(column)]
    conditions = []
    for first in range(0, len(numbers), _MOST_ARGUMENTS):
        listed = ", ".join(map(_or_zero, numbers[first : first + _MOST_ARGUMENTS]))
        conditions.append(f"max(0 {BINARY}, {listed}) < ''")
    for column in columns:
        c = column_sql(column)
        if _is_text(column):
            plain = f"typeof({c}) = 'text' AND instr({c}, '{MARK}') = 0"
        elif kind_of(column).name == "time":
            # A time in another form is shorter, or has a T there. A text that is no time differs from the text of
            # every time. A GLOB would take a tenth of the time of the whole query.
            plain = f"typeof({c}) = 'text' AND octet_length({c}) = {len(_TIME)} AND instr({c}, ' ') = {_BLANK}"
        else:
            continue
        conditions.append(f"({c} IS NULL OR ({plain}))" if column.nullable else plain)
    return conditions


def _is_number(column: sa.Column[Any]) -> bool:
    return kind_of(column).text in ("flag", "digits")


def _is_text(column: sa.Column[Any]) -> bool:
    return kind_of(column).name == "text"


def _or_zero(column: sa.Column[Any]) -> str:
    c = column_sql(column)
    return f"ifnull({c}, 0)" if column.nullable else c


def _parts(column: sa.Column[Any]) -> list[str]:
    """Return the SQL of the parts that join to the cell, if the conditions of `_are_plain` hold."""
    c = column_sql(column)
    if not (_is_number(column) or _is_text(column) or kind_of(column).name == "time"):
        return [cell(column)]
    return [f"ifnull({c} || '{VALUE_END}', '{NULL}')"] if column.nullable else [c, f"'{VALUE_END}'"]


def _concatenated(parts: Sequence[str]) -> str:
    if len(parts) > _MOST_ARGUMENTS:
        groups = range(0, len(parts), _MOST_ARGUMENTS)
        parts = [f"concat({', '.join(parts[g : g + _MOST_ARGUMENTS])})" for g in groups]
    return f"concat({', '.join(parts)})"


def cell(column: sa.Column[Any], *, utf16: bool = False) -> str:
    """Return the SQL for the cell of a value.

    If the database stores texts as `utf16`, every function alters a text that is not valid UTF-16, or that has
    U+FFFE or U+FFFF, without an error. Such a text becomes the misfit that shows its bytes.
    """
    c = column_sql(column)
    fits = "".join(
        f" WHEN {condition} THEN {text} || '{VALUE_END}'" for condition, text in _fits(column, c)
    )
    if utf16:
        stored = f"hex(CAST({c} AS BLOB))"
        altered = f"typeof({c}) = 'text' AND hex(concat({c})) <> {stored}"
        fits = f" WHEN {altered} THEN concat('X''', {stored}, '''{MISFIT_END}'){fits}"
    other = f"{_doubled(_literal(c))} || '{MISFIT_END}'"
    return f"CASE{fits} WHEN {c} IS NULL THEN '{NULL}' ELSE {other} END"


def _fits(column: sa.Column[Any], c: str) -> list[tuple[str, str]]:
    """Return the conditions under which the value fits the type, each with the SQL of the value's text."""
    return _FITS[kind_of(column).name](column, c)


def _stores(c: str, *classes: str) -> str:
    """Return a condition: the value is stored as one of SQLite's storage classes."""
    return " OR ".join(f"typeof({c}) = '{each}'" for each in classes)


def _whole(c: str, first: int, last: int) -> str:
    return f"{_stores(c, 'integer')} AND {c} {BINARY} BETWEEN {first} AND {last}"


def _float(c: str) -> list[tuple[str, str]]:
    held = _whole(c, -(1 << 53), 1 << 53)
    return [(f"{_stores(c, 'real')} OR ({held})", _bits(f"CAST({c} AS REAL)"))]


def _time(c: str) -> list[tuple[str, str]]:
    text = _stores(c, "text")
    # Checking each digit by GLOB would cost a tenth of the time of the whole proof.
    return [
        (f"{text} AND {c} GLOB '{_LIKE_A_TIME}'", c),
        (f"{text} AND {_is_time(c)}", _whole_time(c)),
    ]


def divisible(table: sa.Table, *, utf16: bool = False) -> str:
    """Return SQL for the text of a row, which can be split into its cells, because every mark within a value is doubled.

    Only what looks like a time and is none may have a mark that is not. To look for one in every time would cost a
    tenth of the time of a proof that finds no difference.
    """
    whole = row_text(table, utf16=utf16)
    times = [column_sql(column) for column in table.columns if kind_of(column).name == "time"]
    if not times:
        return whole
    marked = f"instr({_concatenated(times)}, '{MARK}')"
    cells = _concatenated([_divisible_cell(column, utf16=utf16) for column in table.columns])
    return f"CASE WHEN {marked} THEN {cells} ELSE {whole} END"


def _divisible_cell(column: sa.Column[Any], *, utf16: bool) -> str:
    c = column_sql(column)
    whole = cell(column, utf16=utf16)
    if kind_of(column).name != "time":
        return whole
    misfit_ = f"{_doubled(_literal(c))} || '{MISFIT_END}'"
    return f"CASE WHEN instr({c}, '{MARK}') THEN {misfit_} ELSE {whole} END"


def _any(c: str) -> list[tuple[str, str]]:
    of_text = f"concat('''', replace({c}, '''', ''''''), '''')"
    return [(_stores(c, "text"), _doubled(of_text)), (f"{c} IS NOT NULL", f"quote({c})")]


def _doubled(text: str) -> str:
    return f"replace({text}, '{MARK}', '{MARK * 2}')"


def _literal(c: str) -> str:
    """Return the SQL for the literal of a value. SQLite's own `quote` would end a text at a NUL character."""
    of_text = f"'''' || replace({c}, '''', '''''') || ''''"
    return f"CASE typeof({c}) WHEN 'text' THEN {of_text} ELSE quote({c}) END"


# Timestamps


def _is_day(c: str) -> str:
    """Return a condition: the text begins with a day that exists.

    SQLite would turn 30 February into 1 or 2 March.
    """
    day = f"substr({c}, 1, 10)"
    pattern = re.sub(r"\d", "[0-9]", _TIME[:10])
    return f"{day} GLOB '{pattern}' AND {day} >= '0001' AND date({day}) = {day}"


def _is_no_longer(c: str, most: int) -> str:
    """Return a condition: the text has at most `most` characters. `length` counts only those before a NUL."""
    return f"+{c} = substr({c}, 1, {most}) {BINARY}"


def _whole_time(c: str) -> str:
    """Return the SQL for the text with a blank before the hour and zeros for what its end lacks."""
    return f"substr({c}, 1, 10) || ' ' || substr({c}, 12) || substr('{_TIME}', max(length({c}), 11) + 1)"


def _is_time(c: str) -> str:
    whole = _whole_time(c)
    lengths = ", ".join(map(str, _TIME_LENGTHS))
    pattern = re.sub(r"\d", "[0-9]", _TIME)
    return (
        f"length({c}) IN ({lengths}) AND {_is_no_longer(c, len(_TIME))} AND substr({c}, 11, 1) IN ('', ' ', 'T')"
        f" AND {whole} GLOB '{pattern}' AND {_is_day(c)} AND substr({whole}, 12, 2) < '24'"
        f" AND substr({whole}, 15, 2) < '60' AND substr({whole}, 18, 2) < '60'"
    )


# Numbers


def _bits(x: str) -> str:
    """Return the SQL for the bits of a double as a signed integer, by arithmetic that rounds nothing.

    With |x| = m * 2^(e-52) the bits are (e+1022) * 2^52 + m, where 2^52 <= m < 2^53 or, for numbers too
    small for that, e = -1022. The logarithm is biased down, so that its rounding error can only
    underestimate e by one, which shows as m >= 2^53. m is scaled in two steps, because a single power of
    two would leave the range at its ends.
    """
    exponent = f"max(CAST(floor(log2(abs({x})) - 1e-9) AS INTEGER), -1022)"
    half = f"(52 - {exponent}) / 2"
    scaled = f"abs({x}) * pow(2, {half}) * pow(2, 52 - {exponent} - {half})"
    m = f"CAST({scaled} AS INTEGER)"
    whole = f"({exponent} + 1022) * {1 << 52}"
    bits = f"{whole} + iif({m} < {1 << 53}, {m}, {1 << 52} + {m} / 2)"
    # SQLite has no literal for the lowest integer, so it is written as a sum.
    sign = f"iif({x} {BINARY} > 0, 0, {1 - _SIGN} - 1)"
    return (
        f"CASE WHEN {x} {BINARY} = 0 THEN 0 WHEN {x} {BINARY} = 9e999 THEN {_INFINITY}"
        f" WHEN {x} {BINARY} = -9e999 THEN {_INFINITY - _SIGN} ELSE {sign} + {bits} END"
    )


def _decimal(column: sa.Column[Any], c: str) -> list[tuple[str, str]]:
    """Return what `_fits` does, for decimals.

    A whole number is exact. Any other number is written as the only decimal of 15, or else 16, digits that
    reads as it.
    """
    integer, real = _stores(c, "integer"), _stores(c, "real")
    precision, scale = decimal_sizes(column.type)
    most = 10 ** (precision - scale)
    bounds = f" AND {c} {BINARY} BETWEEN {1 - most} AND {most - 1}" if most < 1 << 63 else ""
    zeros = f".{'0' * scale}" if scale else ""
    fits = [(f"{integer}{bounds}", f"{c} || '{zeros}'")]
    in_range = f"{real} AND abs({c}) < {min(most, 1 << 63)}.0"
    # A float with a fraction has fewer digits than a 64-bit integer.
    fits.append(
        (
            f"{in_range} AND {c} {BINARY} = CAST({c} AS INTEGER)",
            f"CAST({c} AS INTEGER) || '{zeros}'",
        )
    )
    for digits in (15, 16) if scale else ():
        places = f"({digits - 1} - CAST(floor(log10(abs({c}))) AS INTEGER))"
        # Only one decimal of 15 digits reads as a float. With 16 digits, floats must be closer together
        # than decimals.
        alone = f"pow(2, floor(log2(abs({c}))) - 52) < pow(10, -{places})"
        text = f"format('%!.*f', min(max({places}, 1), {scale}), {c})"
        padded = f"substr({text} || '{'0' * scale}', 1, instr({text}, '.') + {scale})"
        fits.append((f"{in_range} AND CAST({text} AS REAL) {BINARY} = {c} AND {alone}", padded))
    return fits


#: For each kind, the function that `_fits` calls with a column and the SQL of its name.
_FITS: Mapping[KindName, Callable[[sa.Column[Any], str], list[tuple[str, str]]]] = {
    "flag": lambda _, c: [(f"{_stores(c, 'integer')} AND {c} {BINARY} IN (0, 1)", c)],
    "integer": lambda _, c: [(_stores(c, "integer"), c)],
    "integer32": lambda _, c: [(_whole(c, -(1 << 31), (1 << 31) - 1), c)],
    "float": lambda _, c: _float(c),
    "decimal": _decimal,
    "time": lambda _, c: _time(c),
    "date": lambda _, c: [(f"{_stores(c, 'text')} AND {_is_day(c)} AND {_is_no_longer(c, 10)}", c)],
    "any": lambda _, c: _any(c),
    "text": lambda _, c: [(_stores(c, "text"), _doubled(c))],
    "bytes": lambda _, c: [(_stores(c, "blob"), f"hex({c})")],
}


# Texts that are not UTF-8

_CELL = re.compile(rb"((?:[^|]|\|\|)*)(\|[.?-])", re.DOTALL)


def valid_texts(texts: pa.Array, valid: Callable[[bytes], str]) -> pa.Array:
    """Return the texts, with those that are not UTF-8 replaced by what `valid` makes of their bytes."""
    try:
        texts.validate(full=True)
    except pa.ArrowInvalid:
        made = [
            None if value is None else _text(value, valid)
            for value in texts.cast(pa.binary()).to_pylist()
        ]
        return pa.array(made, pa.string())
    return texts


def _text(value: bytes, valid: Callable[[bytes], str]) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return valid(value)


def valid_slice_id(value: bytes) -> str:
    return value.decode(errors="backslashreplace")


def valid_row(table: sa.Table) -> Callable[[bytes], str]:
    """Return a function of the text of a row, which replaces each cell that is not UTF-8 by a misfit.

    A row that is not divisible (`divisible`) is escaped instead. It equals no mirrored row in either form.
    """
    valid = [valid_cell(column) for column in table.columns]

    def valid_text(row: bytes) -> str:
        cells = _cells(row)
        if len(cells) != len(valid):
            return row.decode(errors="backslashreplace")
        return "".join(map(_text, cells, valid))

    return valid_text


def _cells(row: bytes) -> list[bytes]:
    return [match[0] for match in _CELL.finditer(row)]


def valid_cell(column: sa.Column[Any]) -> Callable[[bytes], str]:
    """Return a function of a cell that is not UTF-8. It makes the misfit that shows the bytes of the value."""
    is_any = kind_of(column).name == "any"

    def valid(value: bytes) -> str:
        content = value[: -len(VALUE_END)].replace(b"||", b"|")
        if is_any or value.endswith(MISFIT_END.encode()):
            # The cell holds the literal of a text. Only a text can fail to be UTF-8.
            content = content.removeprefix(b"'").removesuffix(b"'").replace(b"''", b"'")
        return f"X'{content.hex().upper()}'{MISFIT_END}"

    return valid


def split(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Split the texts of rows into cells, for a table whose cells are too many for one query in SQLite."""
    slice_ids, rows = batch.columns
    cells = [[each.decode() for each in _cells(row.encode())] for row in rows.to_pylist()]
    columns = [pa.array(list(column), pa.string()) for column in zip(*cells, strict=True)]
    return pa.RecordBatch.from_arrays([slice_ids, *columns], schema=schema)
