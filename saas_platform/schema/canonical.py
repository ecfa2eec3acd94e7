"""The canonical form of a row, and its digest. Both are the same on every engine, to the last bit.

Contains: the specification, and an implementation in plain Python against which every engine's SQL is tested.
Out of scope: that SQL, which each engine has next to its own code.

*Text of a row.* The cells of its columns in declared order, one after the other. Every cell has an end mark:

    a value   its text with every `|` doubled, then `|.`
    NULL      `|-`
    a misfit  the database's own literal with every `|` doubled, then `|?`. A misfit is a value that the declared
              type can't hold. No mirror has such a cell, so a row with a misfit never equals a mirrored row.

Read from the left, the character after a `|` shows what the mark means, so no two rows share a text. Cells are
escaped instead of prefixed with their lengths, because engines count the length of a text in bytes, code points or
UTF-16 units, and some leave out trailing blanks; but all of them double an ASCII character in the same way.

*Text of a value.*

    Integer       decimal digits, `-` before a negative one
    Boolean       `1` or `0`
    Numeric(p,s)  fixed point: exactly s places, at least one digit before the point; no point if s is 0
    Float         the 64 bits of the IEEE 754 double, as a signed integer
    DateTime      `YYYY-MM-DD hh:mm:ss.ffffff`, always six digits after the second
    Date          `YYYY-MM-DD`
    String        its own characters, unchanged: no case, accent or blank is folded
    LargeBinary   two upper-case hexadecimal digits per byte

Values that SQL takes for equal have one text: -0.0 is written as 0.0, and there is one NaN. A float is written as
its bits, because engines print seventeen digits in different ways. A timestamp is written as a text, because SQLite
stores one, and would take longer to count its microseconds than to read it.

*Number of a row.* The first seven bytes of the MD5 of its text in UTF-8, as a big-endian integer. It fits into a
signed 64-bit integer on every engine.

*Digest of a slice.* The number of rows, and the sum of the rows' numbers as an exact decimal: the sum of 10^21 rows
fits into DECIMAL(38,0). One sum is enough: of 2^56 (about 10^17) slices that change without an attack, one keeps its
sum. A second sum, of seven other bytes, would cost every engine another aggregate.
"""

from __future__ import annotations

import hashlib
import math
import struct
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from saas_platform.schema.describing import Misfit, type_words
from saas_platform.schema.kinds import TextForm, kind_of, sizes
from saas_platform.schema.slices import WHOLE, SliceDigest, slicing_of

MARK = "|"
VALUE_END = MARK + "."
NULL = MARK + "-"
MISFIT_END = MARK + "?"
#: How many bytes of the MD5 make a row's number.
NUMBER_BYTES = 7
#: The bits of the one NaN.
NAN = 0x7FF8 << 48

#: The schema in which a source streams the texts of rows: the id of the row's slice, then the text.
ROW_TEXTS = pa.schema([("c0", pa.string()), ("c1", pa.string())])


def cells_schema(table: sa.Table) -> pa.Schema:
    """Return the schema in which a source streams the cells of rows: the slice's id, then a cell per column.

    The fields are named by their positions, so that no name of a user's column can clash with one of ours.
    """
    return pa.schema([(f"c{place}", pa.string()) for place in range(len(table.columns) + 1)])


def value_text(column: sa.Column, value: Any) -> str:
    """Return the text of a value that is not NULL, before its `|` are doubled.

    >>> value_text(sa.Column("price", sa.Numeric(5, 2)), 3)
    '3.00'
    """
    return _TEXT[kind_of(column).text](column, value)


#: How a value becomes its text, by the form of its kind.
_TEXT: Mapping[TextForm, Callable[[sa.Column[Any], Any], str]] = {
    "flag": lambda _, value: str(int(value)),
    "digits": lambda _, value: str(int(value)),
    # `or 0`, because Python's decimals have a -0.00.
    "decimal": lambda column, value: f"{Decimal(value or 0):.{sizes(column.type)[1]}f}",
    "bits": lambda _, value: str(_bits(value)),
    "time": lambda _, value: str(value.isoformat(" ", "microseconds")),
    "date": lambda _, value: str(value.isoformat()),
    "characters": lambda _, value: str(value),
    "hexadecimal": lambda _, value: bytes(value).hex().upper(),
}
#: How a text becomes a value that a person can read, by the form.
_VALUE: Mapping[TextForm, Callable[[str], Any]] = {
    "flag": {"0": False, "1": True}.__getitem__,
    "digits": int,
    "decimal": Decimal,
    "bits": lambda text: float(struct.unpack(">d", struct.pack(">q", int(text)))[0]),
    "time": lambda text: _time(text),
    "date": str,
    "characters": str,
    "hexadecimal": lambda text: f"X'{text}'",
}


def _time(text: str) -> str:
    """Return a time as a person reads it. Raises ValueError if there is no such time."""
    datetime.fromisoformat(text)
    return text.removesuffix(".000000")


def _bits(value: float) -> int:
    if math.isnan(value):
        return NAN
    (bits,) = struct.unpack(">q", struct.pack(">d", value + 0.0))
    return int(bits)


def row_text(table: sa.Table, row: Mapping[str, Any]) -> str:
    """Return the canonical text of a row, given as values by column name.

    >>> two = sa.Table("two", sa.MetaData(), sa.Column("a", sa.String), sa.Column("b", sa.String))
    >>> row_text(two, {"a": "x|y", "b": None})
    'x||y|.|-'
    """
    return "".join(cell(column, row[column.name]) for column in table.columns)


def cell(column: sa.Column, value: Any) -> str:
    """Return the cell of a value; the value None stands for NULL.

    >>> cell(sa.Column("a", sa.String), "x|y")
    'x||y|.'
    """
    return NULL if value is None else _closed(value_text(column, value), VALUE_END)


def misfit(literal: str) -> str:
    """Return the cell of a value that its column's type can't hold, from the database's literal."""
    return _closed(literal, MISFIT_END)


def _closed(text: str, end: str) -> str:
    return text.replace(MARK, MARK * 2) + end


def value_of(column: sa.Column, cell_: str) -> Any:
    """Return the value of a cell for a person to read: None for NULL, and a Misfit for a misfit.

    >>> value_of(sa.Column("ratio", sa.Double), "4609434218613702656|.")
    1.5
    """
    if cell_ == NULL:
        return None
    text = cell_[: -len(VALUE_END)].replace(MARK * 2, MARK)
    if not cell_.endswith(VALUE_END):
        return _not_of_type(column, text)
    try:
        return _VALUE[kind_of(column).text](text)
    except (ValueError, KeyError):
        # The text of a whole row may write a misfit like a value, if it is a number or looks like a time.
        is_text = kind_of(column).text == "time"
        return _not_of_type(column, f"'{text}'" if is_text else text)


def _not_of_type(column: sa.Column[Any], literal: str) -> Misfit:
    return Misfit(f"{literal}, which is not {type_words(column)}")


def row_number(text: str) -> int:
    """Return the number of a row, from its canonical text."""
    digest = hashlib.md5(text.encode(), usedforsecurity=False).digest()
    return int.from_bytes(digest[:NUMBER_BYTES], "big")


def digests(table: sa.Table, batches: Iterable[pa.RecordBatch]) -> dict[str, SliceDigest]:
    """Return the digest of each slice that has rows.

    It handles some 100,000 rows per second. It is meant for tests, and as the reference for the engines' SQL.
    """
    slicing = slicing_of(table)
    rows: Counter[str] = Counter()
    totals: Counter[str] = Counter()
    for batch in batches:
        for row in batch.to_pylist():
            slice_id = WHOLE if slicing is None else slicing.id_of(row[slicing.column])
            rows[slice_id] += 1
            totals[slice_id] += row_number(row_text(table, row))
    return {slice_id: SliceDigest(n, totals[slice_id]) for slice_id, n in rows.items()}
