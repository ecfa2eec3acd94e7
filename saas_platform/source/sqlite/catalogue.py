"""What the catalogue of a SQLite file says of its tables.

Does not hold: anything of their values (discovery.py). Every function raises StreamError where SQLite can't say.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from saas_platform.source.discovery import SeenReference
from saas_platform.source.sqlite.ddl import column_name, quoted
from saas_platform.source.sqlite.streaming import StreamError, texts

_DECIMAL = re.compile(r"(?:DECIMAL|NUMERIC|NUMBER|DEC)\s*\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)")
#: By a part of the declared type, in the order in which they are looked for.
_KINDS: list[tuple[str, sa.types.TypeEngine[Any]]] = [
    (r"BOOL", sa.Boolean()),
    (r"DATETIME|TIMESTAMP", sa.DateTime()),
    (r"^DATE\b", sa.Date()),
    (r"INT", sa.BigInteger()),
    (r"CHAR|CLOB|TEXT", sa.String()),
    (r"BLOB|BINARY", sa.LargeBinary()),
    (r"REAL|FLOA|DOUB", sa.Double()),
]


@dataclass(frozen=True)
class Column:
    """A column as the catalogue has it; `key` is its place in the primary key, 0 for none."""

    name: str
    declared: str
    required: bool
    key: int


@dataclass(frozen=True)
class Index:
    """A unique index over columns, of a constraint or of its own, and how each column is compared."""

    columns: tuple[str, ...]
    collations: tuple[str, ...]
    is_constraint: bool


def literal(text: str) -> str:
    """A text, quoted for SQLite."""
    return "'" + text.replace("'", "''") + "'"


def tables(cursor: Any) -> list[str]:
    """The names of the tables, SQLite's own left out."""
    source = "(SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name)"
    found = (str(name) for (name,) in texts(cursor, ["name"], source))
    return [name for name in found if not name.casefold().startswith("sqlite_")]


def kind(cursor: Any, table: str) -> str:
    """`table`, `virtual` or `shadow`."""
    source = f"pragma_table_list({literal(table)}) WHERE schema = 'main'"
    return next((str(found) for (found,) in texts(cursor, ["type"], source)), "")


def columns(cursor: Any, table: str) -> list[Column]:
    """The columns, generated ones too."""
    asked = ["name", "coalesce(type, '')", 'CAST("notnull" AS TEXT)', "CAST(pk AS TEXT)"]
    source = f"(SELECT * FROM pragma_table_xinfo({literal(table)}) WHERE hidden <> 1 ORDER BY cid)"
    return [
        Column(str(name), str(declared), required != "0", int(key or 0))
        for name, declared, required, key in texts(cursor, asked, source)
    ]


def has_column(cursor: Any, table: str, column: str) -> bool:
    """Return whether SQLite knows a column by the name that was read: one that is not UTF-8 was read in another way."""
    source = f"pragma_table_xinfo({literal(table)}) WHERE name = {literal(column)}"
    return any(True for _ in texts(cursor, ["name"], source))


def indexes(cursor: Any, table: str) -> list[Index]:
    """What keeps columns unique for all rows: no index on a part of the rows, or on an expression."""
    source = (
        "(SELECT i.name AS i, i.origin AS origin, c.name AS c, c.coll AS coll"
        f" FROM pragma_index_list({literal(table)}) i, pragma_index_xinfo(i.name) c"
        ' WHERE i."unique" AND NOT i.partial AND c.key ORDER BY i.seq DESC, c.seqno)'
    )
    found: dict[str, list[tuple[str | None, str, str]]] = {}
    for index, origin, column, collation in texts(cursor, ["i", "origin", "c", "coll"], source):
        found.setdefault(str(index), []).append((column, str(collation), str(origin)))
    return [
        Index(
            tuple(str(column) for column, _, _ in parts),
            tuple(collation for _, collation, _ in parts),
            parts[0][2] == "u",
        )
        for parts in found.values()
        if all(column is not None for column, _, _ in parts)
    ]


def references(cursor: Any, table: str) -> list[SeenReference]:
    """The foreign keys."""
    source = f"(SELECT * FROM pragma_foreign_key_list({literal(table)}) ORDER BY id, seq)"
    asked = ["CAST(id AS TEXT)", '"table"', '"from"', '"to"']
    found: dict[str, list[tuple[str, str, str | None]]] = {}
    for number, parent, mine, theirs in texts(cursor, asked, source):
        found.setdefault(str(number), []).append((str(parent), str(mine), theirs))
    return [
        SeenReference(
            [mine for _, mine, _ in parts],
            parts[0][0],
            [theirs for _, _, theirs in parts if theirs is not None],
        )
        for parts in found.values()
    ]


def collations(cursor: Any, table: str, names: Collection[str]) -> dict[str, str]:
    """Which of the columns are compared as NOCASE or RTRIM, and as which.

    The catalogue does not say it of a column without an index. A column of no rows passes its way of comparing
    on to what is put beneath it.
    """
    found = {}
    for name in names:
        source = (
            f"(SELECT {column_name(name)} AS x FROM {quoted(table)} WHERE 0 UNION ALL SELECT 'a')"
        )
        asked = "CASE WHEN x = 'A' THEN 'NOCASE' WHEN x = 'a ' THEN 'RTRIM' END"
        try:
            ((collation,),) = texts(cursor, [asked], source)
        except StreamError:
            continue  # a collation of the program that wrote the file, which nobody else has
        if collation is not None:
            found[name] = collation
    return found


def declared_type(declared: str) -> sa.types.TypeEngine[Any] | None:
    """The portable type that a declared one names; None where it names none.

    >>> declared_type("INT UNSIGNED"), declared_type("numeric(10,2)"), declared_type("")
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
