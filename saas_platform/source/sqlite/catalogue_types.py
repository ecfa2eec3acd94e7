"""Find the portable type and the affinity that a type in SQLite's catalogue stands for.

Out of scope: the values that a column really holds, which may be of any type (discovery.py).
"""

from __future__ import annotations

import re
from typing import Any, Literal

import sqlalchemy as sa

_DECIMAL = re.compile(r"(?:DECIMAL|NUMERIC|NUMBER|DEC)\s*\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)")
#: Portable types by a pattern in the declared type. The first pattern that matches decides.
_KINDS: list[tuple[str, sa.types.TypeEngine[Any]]] = [
    (r"BOOL", sa.Boolean()),
    (r"DATETIME|TIMESTAMP", sa.DateTime()),
    (r"^DATE\b", sa.Date()),
    (r"INT", sa.BigInteger()),
    (r"CHAR|CLOB|TEXT", sa.String()),
    (r"BLOB|BINARY", sa.LargeBinary()),
    (r"REAL|FLOA|DOUB", sa.Double()),
]


#: To what SQLite converts the values of a column: numbers to texts, texts to numbers where they are some, or nothing.
Affinity = Literal["text", "number", "none"]


def affinity(declared: str, *, strict: bool) -> Affinity:
    """Return the affinity of a column by its declared type. SQLite has three for numbers, which equate the same values.

    >>> affinity("VARCHAR(9)", strict=False), affinity("ANY", strict=False), affinity("ANY", strict=True)
    ('text', 'number', 'none')
    """
    upper = declared.upper()
    if "INT" in upper:
        return "number"
    if any(word in upper for word in ("CHAR", "CLOB", "TEXT")):
        return "text"
    return "none" if not upper or "BLOB" in upper or (strict and upper == "ANY") else "number"


def portable(declared: str) -> sa.types.TypeEngine[Any] | None:
    """Return the portable type that a declared type stands for; None if there is none.

    >>> portable("INT UNSIGNED"), portable("numeric(10,2)"), portable("")
    (BigInteger(), Numeric(precision=10, scale=2), None)
    """
    upper = declared.upper()
    match = _DECIMAL.search(upper)
    if match:
        precision, scale = int(match[1]), int(match[2] or 0)
        if 1 <= precision <= 38 and scale <= precision:
            return sa.Numeric(precision, scale)
        return None
    return next((kind for pattern, kind in _KINDS if re.search(pattern, upper)), None)
