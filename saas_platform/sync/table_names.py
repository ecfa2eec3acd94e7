"""Find where the declared tables of a source are now: which were renamed, and which are not named in the file.

What the catalogue says of other tables is asked once for each snapshot, because every table that is not as declared
needs it. Out of scope: the sentences on it (drift_sentences.py), and what a table itself has (drift.py).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import sqlalchemy as sa

from saas_platform.errors import PlatformError
from saas_platform.schema.declared import SourcePlace, folded_place
from saas_platform.schema.moves import Moves, Sides
from saas_platform.schema.renames import alike
from saas_platform.schema.source_names import left_out, source_column, source_table
from saas_platform.source.interface import SourceColumn, SourceSnapshot
from saas_platform.sync.drift_sentences import NOTHING_LIKE_IT, LikeTables, place_words, readable


@dataclass
class _Seen:
    """What was asked of one snapshot."""

    columns: dict[SourcePlace, list[SourceColumn]] = field(default_factory=dict)
    moves: dict[tuple[sa.Table, ...], Moves[sa.Table, SourcePlace]] = field(default_factory=dict)


_seen: WeakKeyDictionary[SourceSnapshot, _Seen] = WeakKeyDictionary()


def has_columns(table: sa.Table, found: Iterable[SourceColumn]) -> bool:
    """Return whether the columns that were found are the declared ones, apart from those that are skipped."""
    return _wanted(table) == _present(table, found)


def like_table(snapshot: SourceSnapshot, table: sa.Table) -> LikeTables:
    """Return the tables of the source that this one may have become, with all that may have become one of them.

    They are not mirrored, and have the same columns.
    """
    declared = table.metadata.tables.values()
    named = {source_table(each) for each in declared}
    named |= table.metadata.info.get("skipped", frozenset())
    there = {folded_place(place) for place in snapshot.tables()}
    gone = [each for each in declared if folded_place(source_table(each)) not in there]
    new = unnamed(snapshot, named)
    columns = {place: _columns(snapshot, place) for place in new}

    def is_like(each: sa.Table, place: SourcePlace) -> bool:
        return has_columns(each, columns[place])

    found = (each for each in alike(gone, new, is_like) if table in each.gone)
    return next(found, NOTHING_LIKE_IT)


def moves(snapshot: SourceSnapshot, declared: Iterable[sa.Table]) -> Moves[sa.Table, SourcePlace]:
    """Return which of the declared tables have the names of others in the source now."""
    known, tables = _seen.setdefault(snapshot, _Seen()).moves, tuple(declared)
    if tables not in known:
        known[tables] = _moves(snapshot, tables)
    return known[tables]


def _moves(
    snapshot: SourceSnapshot, declared: Collection[sa.Table]
) -> Moves[sa.Table, SourcePlace]:
    named = {source_table(each) for each in declared}
    skipped = next((each.metadata.info.get("skipped", ()) for each in declared), ())
    there = {folded_place(place): place for place in snapshot.tables()}
    own: dict[sa.Table, SourcePlace] = {}
    columns: dict[SourcePlace, list[SourceColumn]] = {}
    for table in declared:
        place = there.get(folded_place(source_table(table)))
        if place is None or snapshot.is_view(table):
            continue
        own[table] = source_table(table)
        # A table that can't be examined may be any of them.
        with suppress(PlatformError):
            columns[source_table(table)] = snapshot.columns(table)
    if all(table in own and has_columns(table, columns.get(own[table], ())) for table in declared):
        return Moves({})
    for place in unnamed(snapshot, {*named, *skipped}):
        with suppress(PlatformError):
            columns[place] = _columns(snapshot, place)
    return Sides(
        list(declared),
        own,
        list(columns),
        lambda table, place: has_columns(table, columns[place]),
        lambda table, place: _wanted(table) <= _present(table, columns[place]),
    ).moves()


def unnamed(snapshot: SourceSnapshot, known: Collection[SourcePlace]) -> list[SourcePlace]:
    """Return the tables of the source that are not among the known ones."""
    present = snapshot.tables()
    there = set(present)
    # Names may differ from the catalogue's by case, unless the catalogue has the exact name too.
    folded = {folded_place(place) for place in known if place not in there}
    return [place for place in present if place not in known and folded_place(place) not in folded]


def table_at(place: SourcePlace) -> sa.Table:
    """Return a table without columns, for questions to a snapshot."""
    schema, name = place
    info = {"source_name": name, **({} if schema is None else {"source_schema": schema})}
    return sa.Table(place_words(place), sa.MetaData(), info=info)


def _columns(snapshot: SourceSnapshot, place: SourcePlace) -> list[SourceColumn]:
    known = _seen.setdefault(snapshot, _Seen()).columns
    if place not in known:
        known[place] = snapshot.columns(table_at(place))
    return known[place]


def _wanted(table: sa.Table) -> set[tuple[str, str]]:
    return {
        (source_column(column), str(column.info.get("declared", "")).casefold())
        for column in table.columns
    }


def _present(table: sa.Table, found: Iterable[SourceColumn]) -> set[tuple[str, str]]:
    out = left_out(table)
    return {
        (column.name, column.type.casefold())
        for column in readable([*found])
        if column.name.casefold() not in out
    }
