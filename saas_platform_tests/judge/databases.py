"""Generate random databases as people make them, and random edits of them, for hypothesis.

Contains: the strategies, and running the operations with plain sqlite3. Operations that SQLite itself
refuses (a rule of a STRICT table, an existing key) change nothing. Out of scope: any expectation.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from hypothesis import strategies as st

from saas_platform_tests.judge.expected import quoted

#: Names that the platform or an engine uses, and names that need quotes.
NAMES = [
    *("rowid", "_rowid_", "oid", "c0", "c1", "c2", "s", "m", "r", "t", "k", "b", "e", "n", "v"),
    *("slice", "kind", "source", "mirror", "copy", "stays", "_copy", "_stays", "total", "stream"),
    *("rows", "digest", "text", "cells", "place", "rank", "staged", "deletes", "log", "key"),
    *("select", "from", "Order", "GROUP", "null", "values", "table", "index", "_slice_id", "id"),
    *('a "quoted" name', "it's", "two words", " blank first", "dot.dot", "semi;colon", "100%"),
    *("ünï", "ИМЯ", "名前", "🙂", "CamelCase", "UPPER", "[bracket]", "[/red]", "{brace}", "#", "?"),
    *("a\nline", "tab\t", ":param", "$1", "-- no comment", "/* nor this */", "raw", "main", "_x"),
    *("_sync_id", "_SYNC_ID", "_sync_log", "_proof_log", "*", "a'b\\"),
]

DECLARED = [
    *("INTEGER", "INT", "INT UNSIGNED", "BIGINT", "TINYINT(1)", "REAL", "DOUBLE PRECISION"),
    *("FLOAT", "NUMERIC", "NUMERIC(10,2)", "DECIMAL(10, 2)", "DECIMAL(18,0)", "DECIMAL(38,4)"),
    *("NUMERIC(40,2)", "MONEY", "BOOLEAN", "BOOL", "TEXT", "VARCHAR(80)", "NVARCHAR(120)"),
    *("CHARACTER(20)", "CLOB", "DATE", "DATETIME", "TIMESTAMP", "TIME", "BLOB", "JSON", "UUID"),
    *("", "", "FOO BAR(3)", "STRING", "ANY", "CHARINT", "VARCHAR(10) COLLATE NOCASE"),
]
STRICT = ["INT", "INTEGER", "REAL", "TEXT", "BLOB", "ANY"]

_WHOLE = st.one_of(
    st.integers(-3, 3),
    st.sampled_from([2**31, -(2**31), 2**53, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63)]),
    st.integers(-(2**63), 2**63 - 1),
)
_FLOATS = st.one_of(
    st.sampled_from([0.0, -0.0, 2.0, 0.1 + 0.2, 0.35, 15.86, 1e15, 1e300, 5e-324, float("inf")]),
    st.integers(-99_999_999, 99_999_999).map(lambda cents: cents / 100),
    st.floats(allow_nan=False),
)
_TIMES = st.one_of(
    st.datetimes().map(lambda timestamp: timestamp.isoformat(" ")),
    st.datetimes().map(lambda timestamp: timestamp.isoformat("T", "seconds")),
    st.dates().map(str),
    st.sampled_from(
        [
            *("2024-01-01T10:00:00Z", "2024-01-01 24:00:00", "2023-02-29", "0000-01-01", "10:00"),
            *(
                "2024-02-30 00:00:00.000000",
                "2024-1-1",
                "2024-01-01 10",
                "2024-01-01 10:00:00.1234567",
            ),
        ]
    ),
)
_TEXTS = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        ["", " ", "1", "007", "1e3", "0x1F", "NaN", "inf", "|", "|-", "|.", "|?", "a\0b", "'"]
    ),
)
_BYTES = st.one_of(st.binary(max_size=4), st.sampled_from([b"", b"7", b"\xff"]))


@dataclass(frozen=True)
class NotText:
    """Bytes that SQLite is made to store as a text, although they are not UTF-8."""

    content: bytes


ANYTHING = st.one_of(
    st.none(),
    _WHOLE,
    _FLOATS,
    _TIMES,
    _TEXTS,
    _BYTES,
    st.sampled_from([NotText(b"a\xff"), NotText(b"|\xc3|")]),
)


def suited(declared: str) -> st.SearchStrategy[Any]:
    """Return values that people would write into such a column."""
    word = declared.upper()
    if "INT" in word:
        return _WHOLE
    if "BOOL" in word:
        return st.sampled_from([0, 1])
    if word in ("DATE", "DATETIME", "TIMESTAMP"):
        return _TIMES
    if any(part in word for part in ("CHAR", "TEXT", "CLOB", "JSON", "UUID")):
        return _TEXTS
    if "BLOB" in word:
        return _BYTES
    if any(part in word for part in ("DEC", "NUM", "MONEY", "REAL", "FLOA", "DOUB")):
        return st.one_of(_FLOATS, st.integers(-1000, 1000))
    return ANYTHING


@dataclass(frozen=True)
class RandomColumn:
    name: str
    declared: str
    not_null: bool = False
    unique: bool = False


@dataclass(frozen=True)
class RandomTable:
    """A table. `sql` creates it. A `generated` column can't be written to."""

    name: str
    columns: tuple[RandomColumn, ...]
    key: tuple[str, ...]
    without_rowid: bool
    strict: bool
    generated: Literal["STORED", "VIRTUAL"] | None
    parent: tuple[str, str] | None

    @property
    def sql(self) -> str:
        parts = []
        for column in self.columns:
            alone = self.key == (column.name,)
            words = [quoted(column.name), column.declared]
            words += ["PRIMARY KEY"] * alone + ["NOT NULL"] * column.not_null
            words += ["UNIQUE"] * (column.unique and not alone)
            parts.append(" ".join(word for word in words if word))
        if self.generated is not None:
            first = self.columns[0]
            # Only a STRICT table declares a type, because the text of a float depends on the version of
            # SQLite.
            declared = first.declared if self.strict else ""
            parts.append(
                f"{quoted('made of ' + first.name)} {declared} GENERATED ALWAYS AS"
                f" ({quoted(first.name)}) {self.generated}"
            )
        if len(self.key) > 1:
            parts.append(f"PRIMARY KEY ({', '.join(map(quoted, self.key))})")
        if self.parent is not None:
            table, column_name = self.parent
            parts.append(
                f"FOREIGN KEY ({quoted(self.columns[-1].name)}) REFERENCES"
                f" {quoted(table)} ({quoted(column_name)})"
            )
        options = ["WITHOUT ROWID"] * self.without_rowid + ["STRICT"] * self.strict
        return f"CREATE TABLE {quoted(self.name)} ({', '.join(parts)}) {', '.join(options)}"

    @property
    def row_id(self) -> str:
        """Return the SQL name of the row id that no column of the table has taken."""
        taken = {column.name.casefold() for column in self.columns}
        return next((name for name in ("rowid", "_rowid_", "oid") if name not in taken), "")


@dataclass(frozen=True)
class Operation:
    """One statement on the table with that number. `row` counts from 0, modulo the number of rows."""

    kind: Literal["insert", "update", "delete", "swap"]
    table: int
    values: tuple[Any, ...] = ()
    column: int = 0
    row: int = 0


@st.composite
def tables(draw: st.DrawFn, names: list[str]) -> RandomTable:
    strict = draw(st.booleans()) and draw(st.booleans())
    declared = st.sampled_from(STRICT if strict else DECLARED)
    count = draw(st.integers(1, 5))
    several = st.lists(
        st.sampled_from(NAMES), min_size=count, max_size=count, unique_by=str.casefold
    )
    # The columns must leave a row id free, so that an operation can name a row.
    chosen = draw(several.filter(lambda names: not {"rowid", "_rowid_", "oid"} <= set(names)))
    columns = tuple(
        RandomColumn(
            name,
            draw(declared),
            not_null=draw(st.integers(0, 4)) == 0,
            unique=draw(st.integers(0, 7)) == 0,
        )
        for name in chosen
    )
    width = draw(st.sampled_from([0, 1, 1, 1, 2, 3]))
    key = tuple(draw(st.permutations(chosen)))[:width]
    return RandomTable(
        name=draw(st.sampled_from([name for name in NAMES if name.casefold() not in names])),
        columns=columns,
        key=key,
        without_rowid=bool(key) and draw(st.integers(0, 3)) == 0,
        strict=strict,
        generated=draw(st.sampled_from([None, None, None, "STORED", "VIRTUAL"])),
        parent=None,
    )


@st.composite
def databases(draw: st.DrawFn, most: int = 3) -> list[RandomTable]:
    """Draw up to `most` tables, with names that differ by more than their case."""
    found: list[RandomTable] = []
    for _ in range(draw(st.integers(1, most))):
        table = draw(tables([each.name.casefold() for each in found]))
        parents = [each for each in found if len(each.key) == 1]
        parent = draw(st.sampled_from([None, *parents]))
        if parent is not None:
            table = replace(table, parent=(parent.name, parent.key[0]))
        found.append(table)
    return found


@st.composite
def operations(
    draw: st.DrawFn, of: list[RandomTable], kinds: list[str], most: int
) -> list[Operation]:
    found = []
    for _ in range(draw(st.integers(1, most))):
        place = draw(st.integers(0, len(of) - 1))
        columns = of[place].columns
        odd = draw(st.integers(0, 5)) == 0
        column = draw(st.integers(0, len(columns) - 1))
        values = [
            draw(
                ANYTHING
                if odd
                else st.one_of(suited(each.declared), st.none())
                if not each.not_null
                else suited(each.declared)
            )
            for each in columns
        ]
        kind: Any = draw(st.sampled_from(kinds))
        found.append(Operation(kind, place, tuple(values), column, draw(st.integers(0, 20))))
    return found


def create(path: Path, of: list[RandomTable]) -> None:
    with closing(sqlite3.connect(path)) as connection:
        for table in of:
            connection.execute(table.sql)
        connection.commit()


def run(path: Path, of: list[RandomTable], listed: list[Operation]) -> None:
    """Run the operations. Those that SQLite refuses change nothing."""
    with closing(sqlite3.connect(path)) as connection:
        for operation in listed:
            with suppress(sqlite3.IntegrityError):
                _OPERATIONS[operation.kind](connection, of[operation.table], operation)
        connection.commit()


def _sql(value: Any) -> tuple[str, Any]:
    if isinstance(value, NotText):
        return "CAST(? AS TEXT)", value.content
    return "?", value


def _insert(connection: sqlite3.Connection, table: RandomTable, operation: Operation) -> None:
    places, values = zip(*map(_sql, operation.values), strict=True)
    names = ", ".join(quoted(column.name) for column in table.columns)
    connection.execute(
        f"INSERT INTO {quoted(table.name)} ({names}) VALUES ({', '.join(places)})", values
    )


def _update(connection: sqlite3.Connection, table: RandomTable, operation: Operation) -> None:
    place, value = _sql(operation.values[operation.column])
    where, keys = _row(connection, table, operation.row)
    name = quoted(table.columns[operation.column].name)
    connection.execute(
        f"UPDATE {quoted(table.name)} SET {name} = {place} WHERE {where}", (value, *keys)
    )


def _delete(connection: sqlite3.Connection, table: RandomTable, operation: Operation) -> None:
    where, keys = _row(connection, table, operation.row)
    connection.execute(f"DELETE FROM {quoted(table.name)} WHERE {where}", keys)


def _swap(connection: sqlite3.Connection, table: RandomTable, operation: Operation) -> None:
    """Copy a column's value from the next row into a row."""
    name, column = quoted(table.name), quoted(table.columns[operation.column].name)
    (one, of_one), (two, of_two) = (_row(connection, table, operation.row + n) for n in (0, 1))
    connection.execute(
        f"UPDATE {name} SET {column} = (SELECT {column} FROM {name} WHERE {two}) WHERE {one}",
        (*of_two, *of_one),
    )


def _row(
    connection: sqlite3.Connection, table: RandomTable, number: int
) -> tuple[str, tuple[Any, ...]]:
    """Return the SQL condition that selects one row, and its parameters."""
    keys = list(map(quoted, table.key)) if table.without_rowid else [table.row_id]
    name = quoted(table.name)
    (count,) = connection.execute(f"SELECT count(*) FROM {name}").fetchone()
    connection.text_factory = bytes
    asked = ", ".join(f"{key}, typeof({key})" for key in keys)
    row = connection.execute(
        f"SELECT {asked} FROM {name} LIMIT 1 OFFSET {number % max(count, 1)}"
    ).fetchone()
    if row is None:
        return "FALSE", ()
    stored = [kind.decode() for kind in row[1::2]]
    places = ["CAST(? AS TEXT)" if kind == "text" else "?" for kind in stored]
    where = " AND ".join(f"{key} IS {place}" for key, place in zip(keys, places, strict=True))
    return where, row[::2]


_OPERATIONS: dict[str, Callable[[sqlite3.Connection, RandomTable, Operation], None]] = {
    "insert": _insert,
    "update": _update,
    "delete": _delete,
    "swap": _swap,
}
