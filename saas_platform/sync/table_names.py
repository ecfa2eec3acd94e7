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
from saas_platform.schema.exposure import Look
from saas_platform.schema.merging_names import dotted
from saas_platform.schema.moves import Moves
from saas_platform.schema.protection import Guard, guard_of
from saas_platform.schema.renames import alike
from saas_platform.schema.source_names import source_table
from saas_platform.schema.standing import Columns, Wanted
from saas_platform.source.interface import SourceColumn, SourceError, SourceSnapshot
from saas_platform.sync.drift_sentences import NOTHING_LIKE_IT, LikeTables, readable


@dataclass(frozen=True)
class Standings:
    """Where the declared tables stand in the source."""

    moves: Moves[sa.Table, SourcePlace]
    #: The rules for new columns.
    guard: Guard


@dataclass
class _Seen:
    """What was asked of one snapshot."""

    columns: dict[SourcePlace, list[SourceColumn]] = field(default_factory=dict)
    declared: dict[sa.Table, list[SourceColumn]] = field(default_factory=dict)
    standings: dict[tuple[sa.Table, ...], Standings] = field(default_factory=dict)


_seen: WeakKeyDictionary[SourceSnapshot, _Seen] = WeakKeyDictionary()


def stands(table: sa.Table, found: Iterable[SourceColumn]) -> bool:
    """Return whether the columns that were found are the declared ones, in their order, and those that are skipped."""
    wanted = Wanted.of(table)
    return wanted.stands(
        [
            (column.name, column.type)
            for column in found
            if column.unreadable is None or column.name.casefold() in wanted.skipped
        ]
    )


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
        return Wanted.of(each).is_like(_named(columns[place]))

    found = (each for each in alike(gone, new, is_like) if table in each.gone)
    return next(found, NOTHING_LIKE_IT)


def standings(snapshot: SourceSnapshot, declared: Iterable[sa.Table]) -> Standings:
    """Return which of the declared tables have the names of others in the source now, and how new columns are protected.

    A source that can't list its tables must not hide what is wrong with one of them, so each may then be gone.
    """
    known, tables = _seen.setdefault(snapshot, _Seen()).standings, tuple(declared)
    if tables not in known:
        try:
            known[tables] = _standings(snapshot, tables)
        except PlatformError:
            return Standings(Moves({}), guard_of(tables))
    return known[tables]


def _standings(snapshot: SourceSnapshot, declared: Collection[sa.Table]) -> Standings:
    named = {source_table(each) for each in declared}
    skipped = next((each.metadata.info.get("skipped", ()) for each in declared), ())
    there = {folded_place(place): place for place in snapshot.tables()}
    wanted = {table: Wanted.of(table) for table in declared}
    own: dict[sa.Table, SourcePlace] = {}
    columns: dict[SourcePlace, Columns] = {}
    for table in declared:
        place = there.get(folded_place(source_table(table)))
        if place is None or snapshot.is_view(table):
            continue
        own[table] = source_table(table)
        # A table that can't be examined may be any of them.
        with suppress(PlatformError):
            columns[source_table(table)] = _examined(table_columns(snapshot, table))
    have = {table: columns.get(place) for table, place in own.items()}
    if any(there is None or not wanted[table].stands(there) for table, there in have.items()) or (
        len(own) < len(declared)
    ):
        for place in unnamed(snapshot, {*named, *skipped}):
            with suppress(PlatformError):
                columns[place] = _examined(_columns(snapshot, place))
    out = []
    # Those that the file skips are asked only if one of them may be a table that was renamed.
    if any(there is not None and not wanted[table].keeps(there) for table, there in have.items()):
        out = [place for place in unnamed(snapshot, named) if place not in columns]
        for place in out:
            with suppress(PlatformError):
                columns[place] = _examined(_columns(snapshot, place))
    look = Look(wanted, own, columns, out, snapshot.origins().among(columns))
    moves = look.moves()
    return Standings(moves, look.guard(moves))


def table_columns(snapshot: SourceSnapshot, table: sa.Table) -> list[SourceColumn]:
    """Return the columns of a declared table."""
    known = _seen.setdefault(snapshot, _Seen()).declared
    if table not in known:
        known[table] = snapshot.columns(table)
    return known[table]


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
    return sa.Table(dotted(place), sa.MetaData(), info=info)


def _columns(snapshot: SourceSnapshot, place: SourcePlace) -> list[SourceColumn]:
    known = _seen.setdefault(snapshot, _Seen()).columns
    if place not in known:
        known[place] = snapshot.columns(table_at(place))
    return known[place]


def _examined(found: list[SourceColumn]) -> Columns:
    """Return the columns of a table. Raises SourceError for one that discovery does not examine either."""
    if not all(column.name for column in found):
        raise SourceError("The table has a column without a name.")
    return _named(found)


def _named(found: Iterable[SourceColumn]) -> Columns:
    return [(column.name, column.type) for column in readable(found)]
