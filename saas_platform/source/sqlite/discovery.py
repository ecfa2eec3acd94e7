"""Find the tables of any SQLite file, and the types of their columns.

Contains: the search for a type that fits all values of a column. A declared type does not bind the values in
SQLite, so every value is looked at.
Out of scope: the catalogue (catalogue.py), and the proposals made from what it finds (source/discovery.py).

The reader can read every type that discovery declares. A first query counts how the values of each column
are stored, and then the reader itself reads every row. If a value does not fit, the column gets the next
weaker type.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from saas_platform.schema.any_value import AnyValue
from saas_platform.schema.describing import printable, type_words
from saas_platform.schema.kinds import KindName, kind_of_type
from saas_platform.source.discovery import Seen, SeenTable, is_time, propose
from saas_platform.source.interface import Advice, Discovery, WrittenMeanwhileError
from saas_platform.source.sqlite import catalogue, catalogue_types
from saas_platform.source.sqlite.cursors import SqliteCursor
from saas_platform.source.sqlite.errors import to_user_error
from saas_platform.source.sqlite.opening import EXPECTED_SECONDS, open_untouched
from saas_platform.source.sqlite.profiling import (
    Stored,
    altered_columns,
    holds_twice,
    misfit_columns,
    samples,
    storage_counts,
)
from saas_platform.source.sqlite.reading import is_wide
from saas_platform.source.sqlite.references import Compared, judged, texts_of, unique_rules
from saas_platform.source.sqlite.streaming import StreamError
from saas_platform.source.values import leave_out

Types = dict[str, sa.types.TypeEngine[Any]]


def discover_file(path: Path, ours: Collection[str] = ()) -> Discovery:
    """Return the tables of the file except `ours`. Raises SourceError if the file can't be read at all."""
    for expected in EXPECTED_SECONDS[:-1]:
        with suppress(WrittenMeanwhileError):
            return _discovered(path, ours, expected)
    return _discovered(path, ours, EXPECTED_SECONDS[-1])


def _discovered(path: Path, ours: Collection[str], expected: float) -> Discovery:
    seen: list[SeenTable] = []
    compared: dict[str, Compared] = {}
    notes: dict[str, Advice | None] = {}
    with open_untouched(path, expected) as (cursor, untouched):
        try:
            names = catalogue.tables(cursor)
        except StreamError as error:
            untouched.check()
            raise to_user_error(path, error, ours=False) from error
        for name in names:
            if name in ours:
                continue
            try:
                reason = catalogue.why_not(cursor, name)
                if reason is not None:
                    reason = f"it {reason}"
                else:
                    table, compared[name], its_notes = _seen(cursor, name, untouched.check)
                    seen.append(table)
                    notes |= its_notes
            except StreamError as error:
                untouched.check()
                reason = str(to_user_error(path, error, ours=False)).removesuffix(".")
            if reason is not None:
                shown = printable(name) or "A table without a name"
                notes[f"{shown} is left out: {reason}."] = Advice(((name, ""),))
        try:
            seen = judged(cursor, seen, compared)
        except StreamError as error:
            untouched.check()
            raise to_user_error(path, error, ours=False) from error
        untouched.check()
    tables, unlike = propose(seen)
    notes |= unlike
    given = {note: advice for note, advice in notes.items() if advice is not None}
    return Discovery(tuple(tables), tuple(notes), given)


def _seen(
    cursor: SqliteCursor, name: str, check: Callable[[], None]
) -> tuple[SeenTable, Compared, dict[str, Advice | None]]:
    """Return what there is to know about the table, how SQLite compares its columns, and notes with their advice."""
    present = catalogue.columns(cursor, name)
    unreadable = catalogue.unreadable(cursor, name, present)
    columns = [column for column in present if column.name not in unreadable]
    failing = catalogue.failing(cursor, name, columns)
    columns = [column for column in columns if column.name not in failing]
    unreadable |= failing
    indexes = [
        index
        for index in catalogue.indexes(cursor, name)
        if unreadable.keys().isdisjoint(index.columns)
    ]
    references = [
        reference
        for reference in catalogue.references(cursor, name)
        if unreadable.keys().isdisjoint(reference.columns)
    ]
    in_key = sorted((column for column in present if column.key), key=lambda column: column.key)
    key = [column.name for column in in_key]
    if not unreadable.keys().isdisjoint(key):
        key = []
    rows, stored = storage_counts(cursor, name, [column.name for column in columns])
    unique = [index.columns for index in indexes]
    types, by_values, notes = _types(cursor, name, columns, stored, [key, *unique], check)
    notes |= {
        f"{printable(name)}.{printable(column)} is left out, because it {reason}.": Advice(
            ((name, column),)
        )
        for column, reason in unreadable.items()
    }
    texts = texts_of(types)
    strict = catalogue.is_strict(cursor, name)
    of_key = next((index for index in indexes if index.is_key), None)
    compared = Compared(
        catalogue.collations(cursor, name, texts.union(*unique)),
        {
            column.name: catalogue_types.affinity(column.declared, strict=strict)
            for column in columns
        },
        indexes,
        key_is_rowid=bool(key) and of_key is None,
    )
    found = SeenTable(
        name,
        {
            column.name: Seen(
                column.declared,
                types[column.name],
                # SQLite itself allows NULL in a key.
                nullable=not column.required or stored[column.name].null > 0,
                has_null=stored[column.name].null > 0,
                by_values=column.name in by_values,
                sample=samples(cursor, name, column.name, types[column.name]),
            )
            for column in columns
        },
        key=key,
        candidates=[index.columns for index in indexes if index.is_constraint],
        unique=unique_rules(compared, texts),
        references=references,
        rows=rows,
        unreadable=tuple(unreadable),
        key_collations={} if of_key is None else compared.of_index(of_key, texts),
    )
    return found, compared, notes


def proposed_types(
    cursor: SqliteCursor,
    table: str,
    columns: Sequence[catalogue.CatalogueColumn],
    check: Callable[[], None],
) -> Types:
    """Return the types that a discovery proposes for some columns of a table, all of which can be read."""
    names = [column.name for column in columns]
    _, stored = storage_counts(cursor, table, names)
    unique = [each.columns for each in catalogue.indexes(cursor, table)]
    within = [each for each in unique if {*each} <= {*names}]
    types, _, _ = _types(cursor, table, columns, stored, [[], *within], check)
    return types


def _types(
    cursor: SqliteCursor,
    table: str,
    columns: Sequence[catalogue.CatalogueColumn],
    stored: Mapping[str, Stored],
    unique: Sequence[Sequence[str]],
    check: Callable[[], None],
) -> tuple[Types, set[str], dict[str, Advice | None]]:
    """Return the type that the reader can read all values of each column with, those of which the values
    decided the type, and notes about them with their advice.

    What SQLite keeps `unique`, the key first, stays so: a type that would make two of its values equal is not
    proposed.
    """
    declared = {column.name: catalogue_types.portable(column.declared) for column in columns}
    types = {name: _likely(kind, stored[name]) for name, kind in declared.items()}
    altered = altered_columns(cursor, table, list(types))
    hopeless = set(altered)
    while True:
        wrong = misfit_columns(cursor, _table(table, types), check) - hopeless
        if not wrong:
            break
        for name in wrong:
            weaker = _weaker(types[name], stored[name])
            if weaker is None:
                hopeless.add(name)
            else:
                types[name] = weaker
    notes: dict[str, Advice | None] = {}
    for name in types:
        if name in hopeless:
            wrong_text = "SQLite can't convert to UTF-8" if name in altered else "is not UTF-8"
            remedy = leave_out(printable(table), in_key=name in unique[0])
            notes[
                f"{printable(table)}.{printable(name)} holds a text that {wrong_text}, so that {printable(table)} can't"
                f" be mirrored: correct it in the source, or {remedy}."
            ] = Advice(((table, name),))
    merged = _merged(cursor, _table(table, types), unique)
    types |= dict.fromkeys(merged, sa.String())
    notes |= {
        f"{printable(table)}.{printable(name)} writes a time in several ways, which SQLite keeps apart in a key or a"
        " unique rule: discovery proposes a text.": Advice(((table, name),), is_time)
        for name in merged
    }
    by_values: set[str] = set(merged)
    for name, mirrored in _table(table, types).columns.items():
        as_in_catalogue = declared[name]
        differs = (
            isinstance(mirrored.type, AnyValue)
            if as_in_catalogue is None
            else type(as_in_catalogue) is not type(mirrored.type)
        )
        if stored[name].kinds and differs and name not in merged and name not in hopeless:
            by_values.add(name)
            as_declared = next(column.declared for column in columns if column.name == name)
            # In a STRICT table, ANY is the type of a column for values of all types.
            if as_declared.upper() == "ANY" and catalogue.is_strict(cursor, table):
                continue
            beginning = f"is declared as {as_declared} and" if as_declared else "has no type and"
            notes[
                f"{printable(table)}.{printable(name)} {printable(beginning)} holds values of other types:"
                f" discovery proposes {type_words(mirrored)}."
            ] = Advice(((table, name),), _is_not(mirrored))
    return types, by_values, notes


def _is_not(proposed: sa.Column[Any]) -> Callable[[sa.Column[Any]], bool]:
    return lambda declared: type_words(declared) != type_words(proposed)


def _merged(
    cursor: SqliteCursor, table: sa.Table, unique: Iterable[Sequence[str]]
) -> dict[str, None]:
    """Return the times in unique sets of columns of which two rows would be the same in the mirror.

    Times are the only values that can be written in several ways (2024-01-01, 2024-01-01 00:00:00).
    """
    found: dict[str, None] = {}
    for names in unique:
        columns = [table.columns[name] for name in names]
        times = [column.name for column in columns if isinstance(column.type, sa.DateTime)]
        if times and holds_twice(cursor, columns):
            found |= dict.fromkeys(times)
    return found


def _table(name: str, types: Types) -> sa.Table:
    columns = (sa.Column(each, kind, nullable=True) for each, kind in types.items())
    return sa.Table(name, sa.MetaData(), *columns)


def _likely(declared: sa.types.TypeEngine[Any] | None, stored: Stored) -> sa.types.TypeEngine[Any]:
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


def _weaker(kind: sa.types.TypeEngine[Any], stored: Stored) -> sa.types.TypeEngine[Any] | None:
    """Return the next type that holds more than this one; None if what is stored leaves no such type."""
    known = kind_of_type(kind)
    weaker = None if known is None else _WEAKER.get(known.name)
    return None if weaker is None else weaker(stored)


def _weaker_than_decimal(stored: Stored) -> sa.types.TypeEngine[Any]:
    if not stored.real:
        return sa.BigInteger()
    return AnyValue() if stored.wide else sa.Double()


#: For each kind that has a weaker one, the function that chooses it. A kind without an entry has none.
_WEAKER: Mapping[KindName, Callable[[Stored], sa.types.TypeEngine[Any]]] = {
    "date": lambda _: sa.DateTime(),
    "time": lambda _: sa.String(),
    "decimal": _weaker_than_decimal,
}
