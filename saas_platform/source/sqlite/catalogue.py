"""Read what the catalogue of a SQLite file says about its tables.

Out of scope: the values in the tables (profiling.py). Every function that takes a cursor raises StreamError
if SQLite can't answer.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import adbc_driver_sqlite.dbapi as adbc

from saas_platform.schema.describing import printable
from saas_platform.source.discovery import SeenReference
from saas_platform.source.sqlite.computed import failures
from saas_platform.source.sqlite.cursors import SqliteCursor
from saas_platform.source.sqlite.reading import is_utf8
from saas_platform.source.sqlite.sql import column_name, literal, quoted
from saas_platform.source.sqlite.streaming import StreamError, raw_texts, texts

_OTHER_KINDS = {
    "virtual": "is a virtual table",
    "shadow": "is a part of a virtual table",
    "": "has a name by which SQLite does not find it",
}
_FUNCTION = "is computed by a function that only the program which wrote the file has"
_COLLATION = "has a collation that only the program which wrote the file has"
#: Why SQLite can't read a column, by what its answer contains.
_UNREADABLE = {
    "unknown function": _FUNCTION,
    "no such function": _FUNCTION,
    "no query solution": _COLLATION,
    "no such collation": _COLLATION,
}


#: The collation of a column if only the program which wrote the file has it.
UNKNOWN = ""


@dataclass(frozen=True)
class CatalogueColumn:
    """A column in the catalogue."""

    name: str
    #: Whether a query can use the name. One that is not UTF-8 is escaped, and no query finds the column by it.
    is_utf8: bool
    declared: str
    #: Whether it can't be NULL.
    required: bool
    #: Its place in the primary key; 0 if it is not part of it.
    key: int
    #: Whether SQLite computes it at each reading.
    is_virtual: bool


@dataclass(frozen=True)
class Index:
    """A unique index over columns, with or without a constraint."""

    columns: tuple[str, ...]
    #: How the index compares each column, in capitals: BINARY, NOCASE, RTRIM or a collation of another program.
    collations: tuple[str, ...]
    is_constraint: bool
    #: Whether it is the index of the primary key.
    is_key: bool


def tables(cursor: SqliteCursor) -> list[str]:
    """Return the names of the tables, without SQLite's own."""
    source = "(SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name)"
    found = _names([name or b"" for (name,) in raw_texts(cursor, ["name"], source)])
    return [name for name in found if not name.casefold().startswith("sqlite_")]


def _names(raw: Sequence[bytes]) -> list[str]:
    """Return the names as texts. Those that are not UTF-8 are escaped, and differ from all others."""
    taken = {name.decode() for name in raw if is_utf8(name)}
    found = []
    for name in raw:
        text = name.decode(errors="backslashreplace")
        if not is_utf8(name):
            while text in taken:
                text += "_"
            taken.add(text)
        found.append(text)
    return found


def is_utf16(cursor: SqliteCursor) -> bool:
    """Return whether the file stores texts as UTF-16."""
    source = "pragma_encoding"
    return any(found != "UTF-8" for (found,) in texts(cursor, ["encoding"], source))


def is_strict(cursor: SqliteCursor, table: str) -> bool:
    """Return whether the table is STRICT."""
    source = f"pragma_table_list({literal(table)}) WHERE schema = 'main'"
    return any(found == "1" for (found,) in texts(cursor, ["CAST(strict AS TEXT)"], source))


def kind(cursor: SqliteCursor, table: str) -> str:
    """Return the kind of the table: `table`, `view`, `virtual` or `shadow`; an empty text if there is none."""
    source = f"pragma_table_list({literal(table)}) WHERE schema = 'main'"
    return next((str(found) for (found,) in texts(cursor, ["type"], source)), "")


def columns(cursor: SqliteCursor, table: str) -> list[CatalogueColumn]:
    """Return the columns, including generated ones."""
    # Only an INTEGER PRIMARY KEY has no index of its own. It can't be NULL, although no constraint says so.
    indexed = f"EXISTS (SELECT 1 FROM pragma_index_list({literal(table)}) WHERE origin = 'pk')"
    source = (
        f"(SELECT *, {indexed} AS indexed FROM pragma_table_xinfo({literal(table)})"
        " WHERE hidden <> 1 ORDER BY cid)"
    )
    asked = ["name", "coalesce(type, '')", 'CAST("notnull" OR pk AND NOT indexed AS TEXT)']
    asked += ["CAST(pk AS TEXT)", "CAST(hidden = 2 AS TEXT)"]
    found = [*raw_texts(cursor, asked, source)]
    names = _names([name or b"" for name, *_ in found])
    return [
        CatalogueColumn(
            name,
            is_utf8(raw or b""),
            (declared or b"").decode(errors="backslashreplace"),
            required != b"0",
            int(key or 0),
            is_virtual=virtual == b"1",
        )
        for name, (raw, declared, required, key, virtual) in zip(names, found, strict=True)
    ]


def scanned(cursor: SqliteCursor, table: str) -> str:
    """Return the quoted name of a table for a query that must see every row, to be put after FROM.

    SQLite may answer from an index alone, and a damaged index lacks rows that the table has. A table without row ids is
    itself the index of its primary key, and for it SQLite ignores NOT INDEXED.
    """
    source = (
        f"pragma_table_list({literal(table)}) l, pragma_index_list({literal(table)}) i"
        " WHERE l.schema = 'main' AND l.wr AND i.origin = 'pk'"
    )
    for (key,) in texts(cursor, ["i.name"], source):
        return f"{quoted(table)} INDEXED BY {quoted(str(key))}"
    return f"{quoted(table)} NOT INDEXED"


def why_not(cursor: SqliteCursor, table: str) -> str | None:
    """Return why a table can't be mirrored, as the words after its name; None if it can."""
    found = kind(cursor, table)
    if found != "table":
        return _OTHER_KINDS.get(found, f"is a {found}")
    if not table:
        return "needs a name to be mirrored"
    present = columns(cursor, table)
    if not all(column.name for column in present):
        return "has a column without a name"
    reasons = unreadable(cursor, table, present)
    others = [column for column in present if column.name not in reasons]
    if all(column.is_virtual for column in others):
        reasons |= failing(cursor, table, others)
    if len(reasons) < len(present):
        return None
    if _COLLATION in reasons.values():
        # SQLite can't read any column of a table without row ids then, whichever column has the collation.
        return _COLLATION
    first = present[0].name
    return f"has no column that can be read: {printable(first)} {reasons[first]}"


def unreadable(
    cursor: SqliteCursor, table: str, present: Sequence[CatalogueColumn]
) -> dict[str, str]:
    """Return those of the columns that can't be read, each with the reason as the words after its name."""
    found = {
        column.name: "has a name that is not UTF-8" if column.name else "has no name"
        for column in present
        if not (column.name and column.is_utf8)
    }
    others = [column.name for column in present if column.name not in found]
    if _why_unreadable(cursor, table, others) is not None:
        reasons = {name: _why_unreadable(cursor, table, [name]) for name in others}
        found |= {name: reason for name, reason in reasons.items() if reason is not None}
    return found


def failing(
    cursor: SqliteCursor, table: str, readable: Iterable[CatalogueColumn]
) -> dict[str, str]:
    """Return those of the columns that fail for a row, each with the reason as the words after its name.

    The table is read only if SQLite computes one of the columns at each reading. `readable` are columns that a query
    can ask for.
    """
    names = [column.name for column in readable if column.is_virtual]
    return failures(cursor, scanned(cursor, table), names) if names else {}


def _why_unreadable(cursor: SqliteCursor, table: str, names: Collection[str]) -> str | None:
    """Return why a query of the columns can't even be prepared; None if it can, or there are none."""
    if not names:
        return None
    asked = ", ".join(map(column_name, names))
    try:
        cursor.execute(f"SELECT {asked} FROM {quoted(table)} LIMIT 0")
        cursor.fetchall()
    except adbc.Error as error:
        answer = str(error)
        reason = next((reason for sign, reason in _UNREADABLE.items() if sign in answer), None)
        if reason is None:
            raise StreamError(answer.splitlines()[0]) from error
        return reason
    return None


def indexes(cursor: SqliteCursor, table: str) -> list[Index]:
    """Return the indexes that keep columns unique in all rows: none that is partial or on an expression.

    An index over a column whose name is not UTF-8 is not returned.
    """
    source = (
        "(SELECT i.seq AS i, i.origin AS origin, c.name AS c, c.coll AS coll"
        f" FROM pragma_index_list({literal(table)}) i, pragma_index_xinfo(i.name) c"
        ' WHERE i."unique" AND NOT i.partial AND c.key ORDER BY i.seq DESC, c.seqno)'
    )
    asked = ["CAST(i AS TEXT)", "origin", "c", "coll"]
    found: dict[bytes, list[tuple[bytes | None, bytes, bytes]]] = {}
    for index, origin, column, collation in raw_texts(cursor, asked, source):
        parts = found.setdefault(index or b"", [])
        parts.append((column, collation or b"", origin or b""))
    return [
        Index(
            tuple(column.decode() for column, _, _ in parts if column is not None),
            tuple(collation.decode(errors="backslashreplace").upper() for _, collation, _ in parts),
            is_constraint=parts[0][2] == b"u",
            is_key=parts[0][2] == b"pk",
        )
        for parts in found.values()
        if all(column is not None and is_utf8(column) for column, _, _ in parts)
    ]


def references(cursor: SqliteCursor, table: str) -> list[SeenReference]:
    """Return the foreign keys of the table, except those with a name that is not UTF-8."""
    source = f"(SELECT * FROM pragma_foreign_key_list({literal(table)}) ORDER BY id, seq)"
    asked = ["CAST(id AS TEXT)", '"table"', '"from"', '"to"']
    found: dict[bytes, list[tuple[bytes, bytes, bytes | None]]] = {}
    for number, parent, own, referenced in raw_texts(cursor, asked, source):
        parts = found.setdefault(number or b"", [])
        parts.append((parent or b"", own or b"", referenced))
    return [
        SeenReference(
            [own.decode() for _, own, _ in parts],
            parts[0][0].decode(),
            [referenced.decode() for _, _, referenced in parts if referenced is not None],
        )
        for parts in found.values()
        if all(is_utf8(name) for part in parts for name in part if name is not None)
    ]


def collations(cursor: SqliteCursor, table: str, names: Collection[str]) -> dict[str, str]:
    """Return the collation of those columns that are not compared as BINARY: NOCASE, RTRIM or UNKNOWN.

    The catalogue does not show the collation of a column without an index. In a UNION, a column passes its
    collation on to the values below it, even if it has no rows itself.
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
            collation = UNKNOWN
        if collation is not None:
            found[name] = collation
    return found
