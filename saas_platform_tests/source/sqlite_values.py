"""Generate values of every storage class of SQLite, and say in Python how each declared type holds them.

This module shares no code with the reader or with the SQL of the proof. It uses only sqlite3 and Python's own
numbers.
"""

from __future__ import annotations

import math
import re
import sqlite3
from contextlib import closing
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from hypothesis import strategies as st

from saas_platform.schema.any_value import AnyValue

#: The types of tables.yaml.
TYPES: dict[str, sa.types.TypeEngine[Any]] = {
    "integer": sa.BigInteger(),
    "small": sa.Integer(),
    "flag": sa.Boolean(),
    "float": sa.Double(),
    "decimal(10, 2)": sa.Numeric(10, 2),
    "decimal(2, 2)": sa.Numeric(2, 2),
    "decimal(18, 0)": sa.Numeric(18, 0),
    "decimal(20, 2)": sa.Numeric(20, 2),
    "decimal(38, 10)": sa.Numeric(38, 10),
    "decimal(38, 30)": sa.Numeric(38, 30),
    "text": sa.String(),
    "time": sa.DateTime(),
    "date": sa.Date(),
    "bytes": sa.LargeBinary(),
    "any": AnyValue(),
}
#: Declarations of a column in SQLite. Each converts the values that are written in its own way.
DECLARED = ["", "TEXT", "INTEGER", "NUMERIC(10,2)", "REAL", "BLOB", "DATETIME", "BOOLEAN"]

#: A text that is not UTF-8, bound by `write`.
INVALID = b"Mcfly\xff|"


class Raw(bytes):
    """Bytes that are stored as a text."""


_TIMES = [
    "2024-02-29",
    "2024-02-29 10",
    "2024-02-29T10:11",
    "2024-02-29 10:11:12",
    "2024-02-29T10:11:12.5",
    "2024-02-29 10:11:12.123456",
    "0001-01-01 00:00:00.000000",
    "9999-12-31 23:59:59.999999",
    "0000-01-01",
    "0000-01-01 00:00:00.000000",
    "2023-02-29",
    "2023-02-30 00:00:00.000000",
    "2024-01-01 24:00:00",
    "2024-01-01 23:59:60",
    "2024-03-09T10:00:00.123Z",
    "2024-03-09 10:00:00+01:00",
    "2024-03-09 10:00:00.1234567",
    "2024-03-09 10:00:00.",
    "2024-3-9",
    "2024-03-09\0",
    "20240309",
]
integers = st.integers(-(2**63), 2**63 - 1) | st.sampled_from(
    [0, 1, 2, -1, 2**53, 2**53 + 1, -(2**53) - 1, 900719925474099301, 10**15, 10**18 - 1, 10**18]
)
floats = (
    st.floats(allow_nan=False)
    | st.sampled_from([0.0, -0.0, 0.5, 0.1 + 0.2, 5e-324, 2.0**63, -(2.0**63), 1e17, 1e300])
    | st.integers(-(10**10), 10**10).map(lambda cents: cents / 100)
    | st.integers(-(10**17), 10**17).map(lambda cents: cents / 100)
)
strings = (
    st.text(st.characters(codec="utf-8"), max_size=8)
    | st.sampled_from(["NaN", "inf", "0x1F", "007", "1e400", "", "|", "a|.b|-", "'", "1", "true"])
    | st.sampled_from(_TIMES)
)
values = (
    st.none()
    | integers
    | floats
    | strings
    | st.binary(max_size=6)
    | st.sampled_from([Raw(INVALID), Raw(b"'\xc3"), b"2024-02-29", b"7"])
)


def write(path: Path, declared: str, rows: list[Any], options: str = "") -> None:
    """Create a table `t` with a key and a column `v` that holds the rows' values."""
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute("PRAGMA synchronous = OFF")
        file.execute(f"CREATE TABLE t (id INTEGER PRIMARY KEY, v {declared}) {options}")
        file.execute("BEGIN")
        for key, value in enumerate(rows, 1):
            asked = "CAST(? AS TEXT)" if isinstance(value, Raw) else "?"
            bound = bytes(value) if isinstance(value, Raw) else value
            file.execute(f"INSERT INTO t VALUES (?, {asked})", (key, bound))
        file.execute("COMMIT")


def stored(path: Path) -> dict[int, tuple[str, Any]]:
    """Return the storage class and the value of each key, with a text as its bytes."""
    with closing(sqlite3.connect(path)) as file:
        file.text_factory = bytes
        found = file.execute("SELECT id, typeof(v), v FROM t ORDER BY id").fetchall()
    return {key: (kind.decode(), value) for key, kind, value in found}


class NoSuchValueError(Exception):
    """The type does not hold the value."""


def held(kind: sa.types.TypeEngine[Any], stored_as: str, value: Any) -> Any:
    """Return the value as the type holds it. Raises NoSuchValueError if the type does not hold it."""
    if stored_as == "null":
        return None
    match kind:
        case AnyValue():
            return None if stored_as == "null" else literal(stored_as, value)
        case sa.Boolean():
            return bool(_only(stored_as == "integer" and value in (0, 1), value))
        case sa.BigInteger():
            return _only(stored_as == "integer", value)
        case sa.Integer():
            return _only(stored_as == "integer" and -(2**31) <= value < 2**31, value)
        case sa.Float():
            exact = stored_as == "real" or (stored_as == "integer" and abs(value) <= 2**53)
            return float(_only(exact, value))
        case sa.Numeric(precision=precision, scale=scale):
            return _decimal(stored_as, value, int(precision or 0), int(scale or 0))
        case sa.DateTime():
            text = _utf8(stored_as, value)
            _only(_TIME.fullmatch(text) is not None, text)
            return _python(
                lambda: datetime.fromisoformat(text if len(text) != 13 else text + ":00")
            )
        case sa.Date():
            text = _utf8(stored_as, value)
            _only(re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII) is not None, text)
            return _python(lambda: date.fromisoformat(text))
        case sa.String():
            return _utf8(stored_as, value)
        case sa.LargeBinary():
            return _only(stored_as == "blob", value)
    raise AssertionError(kind)


_TIME = re.compile(r"\d{4}-\d\d-\d\d([ T]\d\d(:\d\d(:\d\d(\.\d{1,6})?)?)?)?", re.ASCII)


def _only(holds: bool, value: Any) -> Any:
    if not holds:
        raise NoSuchValueError(value)
    return value


def _python(parse: Any) -> Any:
    try:
        return parse()
    except ValueError as error:
        raise NoSuchValueError from error


def _utf8(stored_as: str, value: Any) -> str:
    _only(stored_as == "text", value)
    return str(_python(lambda: value.decode()))


def _decimal(stored_as: str, value: Any, precision: int, scale: int) -> Decimal:
    """Return the value as a decimal.

    For a float, this is the only decimal of 15, or else 16, digits that reads as it.
    """
    _only(stored_as in ("integer", "real"), value)
    if isinstance(value, int) or (value.is_integer() and abs(value) < 2**63):
        found = Decimal(int(value))
    else:
        _only(math.isfinite(value), value)
        contexts = (Context(digits, ROUND_HALF_UP) for digits in (15, 16))
        rounded = (context.plus(Decimal(value)) for context in contexts)
        found = next((each for each in rounded if _alone(each, value)), Decimal("NaN"))
        _only(found.is_finite(), value)
        _only(abs(value) < 2**63 and (Fraction(found) * 10**scale).denominator == 1, value)
    _only(abs(found) < 10 ** (precision - scale), value)
    return found


def _alone(decimal: Decimal, value: float) -> bool:
    """Return whether the decimal reads as the float and no other decimal with as many digits does."""
    if float(decimal) != value:
        return False
    digits = decimal.as_tuple().digits
    # Floats must be closer together than decimals.
    between = Fraction(decimal) / int("".join(map(str, digits)))
    return len(digits) < 16 or abs(between) > Fraction(math.ulp(value))


def literal(stored_as: str, value: Any) -> str:
    """Return the literal of a value. Numbers are written as SQLite itself writes them."""
    if stored_as == "text":
        return "'" + _utf8(stored_as, value).replace("'", "''") + "'"
    if stored_as == "blob":
        return f"X'{value.hex().upper()}'"
    if stored_as == "integer":
        return str(value)
    return f"<{value + 0.0!r}>"
