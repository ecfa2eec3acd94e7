"""Find the tables of any SQLite file, and the types of their columns.

Contains: the search for a type that fits all values of a column. A declared type does not bind the values in
SQLite, so every value is looked at.
Out of scope: the catalogue (catalogue.py), and the proposals made from these findings (source/discovery.py).

The reader can read every type that discovery declares. A first query counts how the values of each column
are stored, and then the reader itself reads every row. If a value does not fit, the column gets the next
weaker type.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from saas_platform.schema.any_value import AnyValue
from saas_platform.schema.describing import printable, type_words
from saas_platform.source.discovery import Seen, SeenTable, propose
from saas_platform.source.interface import Discovery
from saas_platform.source.personal import SAMPLE
from saas_platform.source.sqlite import catalogue, catalogue_types
from saas_platform.source.sqlite.cursors import SqliteCursor
from saas_platform.source.sqlite.errors import in_words
from saas_platform.source.sqlite.opening import open_untouched
from saas_platform.source.sqlite.reading import WIDEST, DoesNotFitError, is_wide, readings
from saas_platform.source.sqlite.sql import column_name, quoted
from saas_platform.source.sqlite.streaming import MOST_COLUMNS, Channel, StreamError, stream, texts

Types = dict[str, sa.types.TypeEngine[Any]]

#: The most characters of a sampled value. None of the forms of personal data is longer.
_LONGEST_SAMPLED = 400
_OTHER_KINDS = {
    "virtual": "it is a virtual table",
    "shadow": "it is a part of a virtual table",
    "": "SQLite does not find it by its name",
}


@dataclass(frozen=True)
class _Stored:
    """The number of values of a column in each of SQLite's storage classes."""

    null: int
    integer: int
    real: int
    text: int
    blob: int
    #: Whole numbers so large that a float may not hold them exactly.
    wide: int
    #: Whole numbers other than 0 and 1.
    unlike_flags: int

    @property
    def kinds(self) -> set[str]:
        counts = {name: getattr(self, name) for name in ("integer", "real", "text", "blob")}
        return {name for name, count in counts.items() if count}


def discover_file(path: Path, ours: Collection[str] = ()) -> Discovery:
    """Return the tables of the file except `ours`. Raises SourceError if the file can't be read at all."""
    seen: list[SeenTable] = []
    notes: list[str] = []
    with open_untouched(path) as (cursor, untouched):
        try:
            names = catalogue.tables(cursor)
        except StreamError as error:
            raise in_words(path, error, ours=False) from error
        for name in names:
            if name in ours:
                continue
            try:
                reason = _why_not(cursor, name)
                if reason is None:
                    table, its_notes = _seen(cursor, name, untouched.check)
                    seen.append(table)
                    notes += its_notes
            except StreamError as error:
                reason = str(in_words(path, error, ours=False)).removesuffix(".")
            if reason is not None:
                notes.append(
                    f"{printable(name) or 'A table without a name'} is left out: {reason}."
                )
    return Discovery(tuple(propose(seen)), tuple(notes))


def _why_not(cursor: SqliteCursor, name: str) -> str | None:
    """Return why a table can't be mirrored; None if it can."""
    kind = catalogue.kind(cursor, name)
    if kind != "table":
        return _OTHER_KINDS.get(kind, f"it is a {kind}")
    if not name:
        return "a mirror needs a name"
    columns = [column.name for column in catalogue.columns(cursor, name)]
    if not all(columns):
        return "it has a column without a name"
    strange = [column for column in columns if not catalogue.has_column(cursor, name, column)]
    if strange:
        return f"the name of its column {printable(strange[0])} is not UTF-8"
    return None


def _seen(
    cursor: SqliteCursor, name: str, check: Callable[[], None]
) -> tuple[SeenTable, list[str]]:
    columns = catalogue.columns(cursor, name)
    indexes = catalogue.indexes(cursor, name)
    references = catalogue.references(cursor, name)
    rows, stored = _stored(cursor, name, [column.name for column in columns])
    types, notes = _types(cursor, name, columns, stored, check)
    key = sorted((column for column in columns if column.key), key=lambda column: column.key)
    unique = [index.columns for index in indexes]
    compared = {
        *(column.name for column in key),
        *(column for names in unique for column in names),
        *(column for reference in references for column in reference.columns),
    }
    collations = {
        **_of_indexes(indexes),
        **catalogue.collations(
            cursor, name, [each for each in types if each in compared and stored[each].text]
        ),
    }
    found = SeenTable(
        name,
        {
            column.name: Seen(
                column.declared,
                types[column.name],
                # SQLite itself allows NULL in a key.
                nullable=not column.required or stored[column.name].null > 0,
                has_null=stored[column.name].null > 0,
                collation=collations.get(column.name, ""),
                sample=_sample(cursor, name, column.name, types[column.name]),
            )
            for column in columns
        },
        key=[column.name for column in key],
        candidates=[index.columns for index in indexes if index.is_constraint],
        unique=unique,
        references=references,
        rows=rows,
    )
    return found, notes


def _sample(
    cursor: SqliteCursor, table: str, column: str, kind: sa.types.TypeEngine[Any]
) -> list[str | None]:
    """Return some of a column's values if its type may hold personal data; otherwise none."""
    if not isinstance(kind, sa.String | sa.Integer):
        return []
    c = column_name(column)
    short = f"typeof({c}) IN ('text', 'integer') AND length({c}) <= {_LONGEST_SAMPLED}"
    # Joining makes a text without a collation. The column's own may be known only to the program that
    # wrote the file.
    source = f"(SELECT {c} || '' AS x FROM {quoted(table)} WHERE {short} LIMIT {SAMPLE})"
    return [value for (value,) in texts(cursor, ["x"], source)]


def _of_indexes(indexes: Sequence[catalogue.Index]) -> dict[str, str]:
    return {
        column: collation
        for index in indexes
        for column, collation in zip(index.columns, index.collations, strict=True)
        if collation in ("NOCASE", "RTRIM")
    }


def _stored(
    cursor: SqliteCursor, table: str, names: Sequence[str]
) -> tuple[int, dict[str, _Stored]]:
    """Return the number of rows, and how the values of each column are stored."""
    counts = {name: _counts(name) for name in names}
    at_once = (MOST_COLUMNS - 1) // len(_Stored.__dataclass_fields__)
    rows, found = 0, {}
    for first in range(0, len(names), at_once):
        some = names[first : first + at_once]
        asked = ["count(*)", *(count for name in some for count in counts[name])]
        channels = [Channel(sql, pa.int64()) for sql in asked]
        for batch in stream(cursor, channels, quoted(table)):
            numbers = iter([column[0].as_py() for column in batch.columns])
            rows = next(numbers)
            for name in some:
                found[name] = _Stored(*islice(numbers, len(counts[name])))
    return rows, found


def _counts(name: str) -> list[str]:
    c = column_name(name)
    integer = f"typeof({c}) = 'integer'"
    conditions = [
        *(f"typeof({c}) = '{kind}'" for kind in ("null", "integer", "real", "text", "blob")),
        # A sum has no collation. The column's own may be one that only the program that wrote the file knows.
        f"{integer} AND {c} + 0 NOT BETWEEN {-WIDEST} AND {WIDEST}",
        f"{integer} AND {c} + 0 NOT IN (0, 1)",
    ]
    return [f"count(*) FILTER (WHERE {condition})" for condition in conditions]


def _types(
    cursor: SqliteCursor,
    table: str,
    columns: Sequence[catalogue.Column],
    stored: Mapping[str, _Stored],
    check: Callable[[], None],
) -> tuple[Types, list[str]]:
    """Return the type that the reader can read all values of each column with, and notes about them."""
    declared = {column.name: catalogue_types.portable(column.declared) for column in columns}
    types = {name: _likely(kind, stored[name]) for name, kind in declared.items()}
    hopeless: set[str] = set()
    while True:
        wrong = _misfits(cursor, _table(table, types), check) - hopeless
        if not wrong:
            break
        for name in wrong:
            weaker = _weaker(types[name], stored[name])
            if weaker is None:
                hopeless.add(name)
            else:
                types[name] = weaker
    notes = [
        f"{printable(table)}.{printable(name)} holds a text that is not UTF-8: {printable(table)} can't"
        " be mirrored until it is corrected in the source; leave the table out until then."
        for name in types
        if name in hopeless
    ]
    for name, mirrored in _table(table, types).columns.items():
        as_in_catalogue = declared[name]
        differs = (
            isinstance(mirrored.type, AnyValue)
            if as_in_catalogue is None
            else type(as_in_catalogue) is not type(mirrored.type)
        )
        if stored[name].kinds and differs:
            as_declared = next(column.declared for column in columns if column.name == name)
            says = f"is declared as {as_declared} and" if as_declared else "has no type and"
            notes.append(
                f"{printable(table)}.{printable(name)} {printable(says)} holds values of other types:"
                f" it is mirrored as {type_words(mirrored)}."
            )
    return types, notes


def _table(name: str, types: Types) -> sa.Table:
    columns = (sa.Column(each, kind, nullable=True) for each, kind in types.items())
    return sa.Table(name, sa.MetaData(), *columns)


def _misfits(cursor: SqliteCursor, table: sa.Table, check: Callable[[], None]) -> set[str]:
    """Return the columns with a value that the reader can't read with the column's type."""
    columns = readings(list(table.columns))
    channels = [channel for column in columns for channel in column.channels]
    wrong = set()
    for batch in stream(cursor, channels, quoted(table.name)):
        check()
        arrays = iter(batch.columns)
        for column in columns:
            own = list(islice(arrays, len(column.channels)))
            if column.column.name in wrong:
                continue
            try:
                column.make(own)
            except DoesNotFitError:
                wrong.add(column.column.name)
    return wrong


def _likely(declared: sa.types.TypeEngine[Any] | None, stored: _Stored) -> sa.types.TypeEngine[Any]:
    """Return the declared type if values stored in this way may fit it, otherwise a type that fits them."""
    kinds = stored.kinds
    is_decimal = isinstance(declared, sa.Numeric) and not isinstance(declared, sa.Float)
    if not kinds:
        return AnyValue() if declared is None else declared
    if kinds <= {"integer", "real"}:
        if declared is not None and is_decimal and (is_wide(declared) or not stored.wide):
            return declared
        if "real" in kinds:
            return AnyValue() if stored.wide else sa.Double()
        is_flag = isinstance(declared, sa.Boolean) and not stored.unlike_flags
        return sa.Boolean() if is_flag else sa.BigInteger()
    if kinds == {"text"}:
        return declared if isinstance(declared, sa.Date | sa.DateTime) else sa.String()
    return sa.LargeBinary() if kinds == {"blob"} else AnyValue()


def _weaker(kind: sa.types.TypeEngine[Any], stored: _Stored) -> sa.types.TypeEngine[Any] | None:
    """Return the next type that holds more than this one; None if what is stored leaves no such type."""
    match kind:
        case sa.Date():
            return sa.DateTime()
        case sa.DateTime():
            return sa.String()
        case sa.Numeric() if not isinstance(kind, sa.Float):
            if not stored.real:
                return sa.BigInteger()
            return AnyValue() if stored.wide else sa.Double()
    return None
