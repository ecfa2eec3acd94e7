"""Define wrong values ("lies") that a load might make from right ones, and values for tables to test them in.

Contains: for each type, a column of values that reveal errors, and lies about one of its rows, as Arrow or
SQL. Out of scope: which function is made to lie (test_lying_load.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

ROWS = 40
#: The place in the table and the key of the row with the wrong value.
PLACE = 17
ID = PLACE + 1
#: The place of a row that holds NULL.
NULL_PLACE = 4

#: Makes the value of the column in row `i`, as sqlite3 accepts it.
Maker = Callable[[int], Any]
Lie = Callable[[list[Any]], None]


@dataclass(frozen=True)
class Kind:
    """A type of tables.yaml, the declaration from which discovery finds it, and values of the type."""

    name: str
    declared: str
    value: Maker
    #: Functions that make a wrong value from a right one, by what goes wrong.
    wrong: dict[str, Callable[[Any], Any]]
    #: The SQL of wrong values, by what goes wrong. `{}` stands for the name of the column.
    wrong_sql: dict[str, str]


def _time(i: int) -> str:
    return (datetime(2024, 2, 29, 23, 59, 58, 123_456) + i * timedelta(minutes=61)).isoformat(" ")


def _any(i: int) -> Any:
    return (i, str(i), bytes([i]), i + 0.5)[i % 4]


def _digits(most: int) -> Callable[[Any], Any]:
    return lambda value: type(value)(f"{value:.{most - 1}e}")


_TEXT_LIES: dict[str, Callable[[Any], Any]] = {
    "cut": lambda text: text[:-1],
    "upper case": str.upper,
    "blank added": lambda text: text + " ",
    "accent lost": lambda text: text.replace("ä", "a"),
}

KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            "integer",
            "INTEGER",
            lambda i: (1 << 60) + i * 1_000_003,
            {
                "off by one": lambda v: v + 1,
                "sign": lambda v: -v,
                "32 bits": lambda v: v & 0xFFFFFFFF,
                "as a float": lambda v: int(float(v)),
            },
            {},
        ),
        Kind("flag", "BOOLEAN", lambda i: i % 2, {"flipped": lambda v: not v}, {}),
        Kind(
            "float",
            "REAL",
            lambda i: i * 1000 + 0.123456789,
            {
                "next float": lambda v: math.nextafter(v, math.inf),
                "sign": lambda v: -v,
                "7 digits": _digits(7),
                "infinity": lambda _: math.inf,
                "NaN": lambda _: math.nan,
            },
            {"7 digits": "round({}, 3)", "sign": "-{}", "NULL": "NULL"},
        ),
        Kind(
            "decimal(10, 2)",
            "DECIMAL(10,2)",
            lambda i: 123_456 + i + 0.35,
            {
                "last digit": lambda v: v + Decimal("0.01"),
                "sign": lambda v: -v,
                "7 digits": lambda v: round(v, 1),
                "ten times": lambda v: v * 10,
            },
            {"rounded": "round({}, 1)", "sign": "-{}", "NULL": "NULL"},
        ),
        Kind(
            "decimal(30, 2)",
            "DECIMAL(30,2)",
            lambda i: (1 << 60) + i if i % 2 else i + 0.35,
            {
                "last digit": lambda v: v + Decimal("0.01"),
                "sign": lambda v: -v,
                "as a float": lambda v: Decimal(int(float(v))),
            },
            {"last digit": "CAST({} + 1 AS TEXT)", "NULL": "NULL"},
        ),
        Kind(
            "text",
            "VARCHAR(80)",
            lambda i: f"Täxt | {i} 'x",
            _TEXT_LIES,
            {"cut": "substr({}, 2)", "upper case": "upper({})", "NULL": "NULL"},
        ),
        Kind(
            "time",
            "DATETIME",
            _time,
            {
                "an hour later": lambda v: v + timedelta(hours=1),
                "microseconds lost": lambda v: v.replace(microsecond=v.microsecond // 1000 * 1000),
                "month and day": lambda v: v.replace(month=v.day % 12 + 1),
            },
            {"fraction lost": "substr({}, 1, 19)", "midnight": "date({})", "NULL": "NULL"},
        ),
        Kind(
            "date",
            "DATE",
            lambda i: _time(i * 48)[:10],
            {
                "a day later": lambda v: v + timedelta(days=1),
                "a century later": lambda v: v.replace(year=v.year + 100),
            },
            {"a day later": "date({}, '1 day')", "NULL": "NULL"},
        ),
        Kind(
            "bytes",
            "BLOB",
            lambda i: bytes(range(i, i + 5)),
            {
                "a byte less": lambda v: v[:-1],
                "none": lambda _: b"",
                "zeros": lambda v: bytes(len(v)),
            },
            {"a byte less": "substr({}, 2)", "none": "x''", "NULL": "NULL"},
        ),
        Kind(
            "any",
            "",
            _any,
            # The row with the wrong value holds a text of digits.
            {
                "of another type": lambda v: v.strip("'") if "'" in v else f"'{v}'",
                "cut": lambda v: v[:-1],
            },
            {"of another type": "CAST({} AS TEXT)", "NULL": "NULL"},
        ),
    )
}


def changed(place: int, wrong: Callable[[Any], Any]) -> Lie:
    def lie(values: list[Any]) -> None:
        values[place] = wrong(values[place])

    return lie


def swapped(values: list[Any]) -> None:
    values[PLACE], values[PLACE + 1] = values[PLACE + 1], values[PLACE]


def filled(values: list[Any]) -> None:
    values[NULL_PLACE] = values[0]


def lies_on(kind: Kind) -> dict[str, Lie]:
    """Return the lies about an array of values of the type, by name."""
    return {
        **{name: changed(PLACE, wrong) for name, wrong in kind.wrong.items()},
        "NULL": changed(PLACE, lambda _: None),
        "swapped rows": swapped,
        "a value for NULL": filled,
    }


def with_lie(values: pa.Array, lie: Lie) -> pa.Array:
    """Return the array with the lie in it. An array that is too short (an empty slice) stays as it is."""
    if len(values) < ROWS:
        return values
    found = values.to_pylist()
    lie(found)
    return pa.array(found, values.type)


def rows_of(kind: Kind) -> Iterator[tuple[int, Any]]:
    """Yield keys and values, with one NULL and no two equal neighbours."""
    for place in range(ROWS):
        yield place + 1, None if place == NULL_PLACE else kind.value(place)
