"""The canonical form of a row and its digest: the same on every engine, to the last bit.

Holds the specification, and an implementation in plain Python that every engine's SQL is tested
against. Does not hold: that SQL, which each engine has beside its own.

*Text of a row.* The cells of its columns in declared order, one after the other. A cell has an end of its own:

    a value   its text, every `|` of it doubled, then `|.`
    NULL      `|-`
    a misfit  the database's own literal of it, every `|` doubled, then `|?`: a value that the declared type
              does not hold. No mirror has such a cell, so a row with a misfit never equals a mirrored one.

Read from the left, the character after a `|` says what it is: no two rows share a text. Escaped, not
prefixed with lengths, because engines count a text in bytes, code points or UTF-16 units, and some
leave trailing blanks out; all of them double one ASCII character alike.

*Text of a value.*

    Integer       decimal digits, `-` before a negative one
    Boolean       `1` or `0`
    Numeric(p,s)  fixed point: exactly s places, at least one digit before the point; no point where s is 0
    Float         the 64 bits of the IEEE 754 double, as a signed integer
    DateTime      `YYYY-MM-DD hh:mm:ss.ffffff`, always six digits after the second
    Date          `YYYY-MM-DD`
    String        its own characters, whatever they are: no case, accent or blank is folded
    LargeBinary   two upper-case hexadecimal digits a byte

What SQL takes for equal has one text: -0.0 is written as 0.0, and there is one NaN. A float as bits,
because engines print seventeen digits in different ways. A time as a text, because SQLite stores one, and
would take longer to count its microseconds than to read it.

*Number of a row.* The first seven bytes of the MD5 of its text in UTF-8, as a big-endian integer: it
fits a signed 64-bit integer of every engine.

*Digest of a slice.* How many rows, and the sum of their numbers as an exact decimal: 10^21 rows fit
into DECIMAL(38,0). One sum: a change that is no attack leaves it as it was once in 2^56, about 10^17,
changed slices; a second sum of seven other bytes would cost every engine another aggregate for that.
"""

from __future__ import annotations

import hashlib
import math
import struct
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from saas_platform.schema.describing import Misfit, type_words
from saas_platform.schema.kinds import TextForm, kind_of, sizes
from saas_platform.schema.slices import WHOLE, SliceDigest, slice_of

MARK = "|"
VALUE_END = MARK + "."
NULL = MARK + "-"
MISFIT_END = MARK + "?"
#: Bytes of the MD5 that make a row's number.
NUMBER_BYTES = 7
#: The bits of the one NaN.
NAN = 0x7FF8 << 48

#: What a source streams of the text of whole rows: the id of a row's slice, and its text.
ROW_TEXTS = pa.schema([("c0", pa.string()), ("c1", pa.string())])


def cells_schema(table: sa.Table) -> pa.Schema:
    """What a source streams of the cells of rows: the id of the slice, then a cell for each column.

    Columns are named by their places, so that no name of a user's column can meet one of ours.
    """
    return pa.schema([(f"c{place}", pa.string()) for place in range(len(table.columns) + 1)])


def value_text(column: sa.Column, value: Any) -> str:
    """The text of a value that is not NULL, before its `|` are doubled.

    >>> value_text(sa.Column("price", sa.Numeric(5, 2)), 3)
    '3.00'
    """
    return _TEXT[kind_of(column).text](column, value)


#: The text of a value, by the form of its kind.
_TEXT: Mapping[TextForm, Callable[[sa.Column[Any], Any], str]] = {
    "flag": lambda _, value: str(int(value)),
    "digits": lambda _, value: str(int(value)),
    # Python's decimals know a -0.00.
    "decimal": lambda column, value: f"{Decimal(value or 0):.{sizes(column.type)[1]}f}",
    "bits": lambda _, value: str(_bits(value)),
    "time": lambda _, value: str(value.isoformat(" ", "microseconds")),
    "date": lambda _, value: str(value.isoformat()),
    "characters": lambda _, value: str(value),
    "hexadecimal": lambda _, value: bytes(value).hex().upper(),
}
#: What a person would read in a text, by its form; texts of other forms are shown as they are.
_VALUE: Mapping[TextForm, Callable[[str], Any]] = {
    "flag": {"0": False, "1": True}.__getitem__,
    "digits": int,
    "decimal": Decimal,
    "bits": lambda text: float(struct.unpack(">d", struct.pack(">q", int(text)))[0]),
    "time": lambda text: text.removesuffix(".000000"),
    "hexadecimal": lambda text: f"X'{text}'",
}


def _bits(value: float) -> int:
    if math.isnan(value):
        return NAN
    (bits,) = struct.unpack(">q", struct.pack(">d", value + 0.0))
    return int(bits)


def row_text(table: sa.Table, row: Mapping[str, Any]) -> str:
    """The canonical text of a row, given by column name.

    >>> two = sa.Table("two", sa.MetaData(), sa.Column("a", sa.String), sa.Column("b", sa.String))
    >>> row_text(two, {"a": "x|y", "b": None})
    'x||y|.|-'
    """
    return "".join(cell(column, row[column.name]) for column in table.columns)


def cell(column: sa.Column, value: Any) -> str:
    """The cell of a value, None for NULL.

    >>> cell(sa.Column("a", sa.String), "x|y")
    'x||y|.'
    """
    return NULL if value is None else _closed(value_text(column, value), VALUE_END)


def misfit(literal: str) -> str:
    """The cell of a value that its column's type does not hold, from the database's literal of it."""
    return _closed(literal, MISFIT_END)


def _closed(text: str, end: str) -> str:
    return text.replace(MARK, MARK * 2) + end


def value_of(column: sa.Column, cell_: str) -> Any:
    """What a person would read in a cell: None for NULL, and a misfit's literal with what it is not.

    >>> value_of(sa.Column("ratio", sa.Double), "4609434218613702656|.")
    1.5
    """
    if cell_ == NULL:
        return None
    text = cell_[: -len(VALUE_END)].replace(MARK * 2, MARK)
    if not cell_.endswith(VALUE_END):
        return _not_of_type(column, text)
    try:
        return _VALUE.get(kind_of(column).text, str)(text)
    except (ValueError, KeyError):
        # The text of a whole row has a misfit that is a number as it is.
        return _not_of_type(column, text)


def _not_of_type(column: sa.Column[Any], literal: str) -> Misfit:
    return Misfit(f"{literal}, which is not {type_words(column)}")


def row_number(text: str) -> int:
    """The number of a row, from its canonical text."""
    digest = hashlib.md5(text.encode(), usedforsecurity=False).digest()
    return int.from_bytes(digest[:NUMBER_BYTES], "big")


def digests(table: sa.Table, batches: Iterable[pa.RecordBatch]) -> dict[str, SliceDigest]:
    """The digest of each slice that has rows.

    Some 100,000 rows a second: for tests, and for engines' SQL to be held against.
    """
    cut = slice_of(table)
    rows: Counter[str] = Counter()
    totals: Counter[str] = Counter()
    for batch in batches:
        for row in batch.to_pylist():
            slice_id = WHOLE if cut is None else cut.id_of(row[cut.column])
            rows[slice_id] += 1
            totals[slice_id] += row_number(row_text(table, row))
    return {slice_id: SliceDigest(n, totals[slice_id]) for slice_id, n in rows.items()}
