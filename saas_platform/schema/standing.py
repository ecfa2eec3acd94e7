"""Describe what the file declares of tables, and what the source has in their places.

Contains: the columns of both, with their forms, order and types, and how they compare. Out of scope: the rules that
follow for new columns (protection.py).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from saas_platform.schema.source_names import pair_names, source_column

#: The forms of `mirror:`, the least strict first.
FORMS = ("keep", "hash", "mask", "drop")

#: Columns as a catalogue has them, in its order: name and type of each.
Columns = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Field:
    """A column of the file."""

    name: str
    source: str
    declared: str
    form: str = "keep"
    pii: str | None = None
    #: Its place among the columns of the file.
    place: int = 0

    @cached_property
    def key(self) -> tuple[str, str]:
        """Its name and type in the source, in small letters."""
        return self.source.casefold(), self.declared.casefold()


def fields_of(table: sa.Table) -> tuple[Field, ...]:
    """Return the columns that the file has for a table, those that it drops too, in its order."""
    kept = [
        Field(
            str(column.name),
            source_column(column),
            str(column.info.get("declared", "")),
            column.info.get("mirror_form", "keep"),
            column.info.get("pii"),
        )
        for column in table.columns
    ]
    for each in table.info.get("dropped", {}).values():
        kept.insert(each.place, each)
    return tuple(kept)


def found_column(column: sa.Column[Any]) -> tuple[str, str]:
    """Return name and type in the source of a column that a discovery found."""
    return source_column(column), str(column.info.get("declared", ""))


def found_columns(table: sa.Table) -> Columns:
    """Return the columns of a table that a discovery found."""
    return [*map(found_column, table.columns)]


def folded(columns: Columns) -> Counter[tuple[str, str]]:
    """Return how often each column is there, by its name and type in small letters."""
    return Counter((name.casefold(), kind.casefold()) for name, kind in columns)


#: The families of types, each with the names of types whose values it holds. Times are numbers or texts. `timestamp` is
#: a time in SQLite and a row version in SQL Server.
_FAMILIES = {
    "text": re.compile(
        r"char|clob|text|string|json|xml|uuid|uniqueidentifier|sysname|any|date|time", re.IGNORECASE
    ),
    "bytes": re.compile(r"blob|binary|bytes|image|rowversion|timestamp$", re.IGNORECASE),
    "number": re.compile(
        r"int|real|floa|doub|num|dec|money|bit|bool|serial|date|time|year|any", re.IGNORECASE
    ),
}


def is_alike(declared: str, other: str) -> bool:
    """Return whether a column of the one type may have been copied into one of the other: both are for texts, for bytes,
    or for numbers. A column for times is like both of texts and of numbers. One without a type, or with a type that no
    database knows, is like any other.

    >>> is_alike("TEXT", "VARCHAR(50)"), is_alike("INT", "DATE"), is_alike("INT", "TEXT"), is_alike("INT", "EMAIL")
    (True, True, False, True)
    """
    own, others = _families(declared), _families(other)
    return not own or not others or not own.isdisjoint(others)


def _families(declared: str) -> set[str]:
    return {name for name, types in _FAMILIES.items() if types.search(declared)}


@dataclass(frozen=True)
class Wanted:
    """What the file says of the columns of a table."""

    fields: tuple[Field, ...]
    #: The columns that it skips, in small letters.
    skipped: frozenset[str] = frozenset()

    @staticmethod
    def of(table: sa.Table) -> Wanted:
        """Return what a declared table says."""
        return Wanted(fields_of(table), frozenset(map(str.casefold, table.info.get("skipped", ()))))

    @cached_property
    def columns(self) -> Counter[tuple[str, str]]:
        """The declared columns; names and types are in small letters."""
        return folded([(each.source, each.declared) for each in self.fields])

    @cached_property
    def order(self) -> tuple[tuple[str, str], ...]:
        """The declared columns in the order of the file; names and types are in small letters."""
        return tuple(each.key for each in self.fields)

    def stands(self, there: Columns) -> bool:
        """Return whether a table of the source is the declared one, as far as a catalogue can show it.

        It has exactly the declared columns in the order of the file, and all those that the file skips.
        """
        names = {name.casefold() for name, _ in there}
        seen = [(name.casefold(), kind.casefold()) for name, kind in self.seen(there)]
        return self.skipped <= names and (*seen,) == self.order

    def seen(self, there: Columns) -> Columns:
        """Return the columns of a table of the source, without those that the file skips."""
        return [each for each in there if each[0].casefold() not in self.skipped]

    def is_like(self, there: Columns) -> bool:
        """Return whether a table of the source has exactly the declared columns."""
        return len(there) >= len(self.fields) and folded(self.seen(there)) == self.columns

    def keeps(self, there: Columns) -> bool:
        """Return whether a table of the source has the declared columns, and maybe others."""
        return len(there) >= len(self.fields) and self.columns <= folded(self.seen(there))


@dataclass(frozen=True)
class Standing:
    """A table of the file, and the columns in its place in the source."""

    name: str
    wanted: Wanted
    #: None if another table may be in its place: it is gone, moved, or can't be examined.
    present: Columns | None

    @cached_property
    def now(self) -> Counter[tuple[str, str]]:
        """The columns in its place, without those that the file skips."""
        return folded(self.wanted.seen(self.present or ()))

    @cached_property
    def lost(self) -> Counter[tuple[str, str]]:
        """The declared columns that are not in its place."""
        return self.wanted.columns - self.now

    @cached_property
    def added(self) -> Counter[tuple[str, str]]:
        """The columns in its place that are not declared, or declared with another type."""
        return self.now - self.wanted.columns

    @cached_property
    def left(self) -> frozenset[str]:
        """The names of columns that the file skips and that are not in its place."""
        return self.wanted.skipped - {name.casefold() for name, _ in self.present or ()}

    def has_left_to(self, other: Standing) -> bool:
        """Return whether a column that is gone from its place, which the file may skip, is new in that of another one."""
        names = {name for name, _ in other.added}
        return bool(self.lost & other.added) or not self.left.isdisjoint(names)

    @cached_property
    def order(self) -> tuple[tuple[str, str], ...]:
        """Those of the declared columns that are in its place, in the order of the source."""
        there = ((name.casefold(), kind.casefold()) for name, kind in self.present or ())
        return tuple(each for each in there if each in self.wanted.columns)

    @cached_property
    def end(self) -> int:
        """The place of the last declared column that is still there, in the order of the catalogue."""
        there = [name for name, _ in self.present or ()]
        wanted = {each.name: each.source for each in self.wanted.fields}
        paired = {*pair_names(wanted, there, str.casefold).values()}
        return max((place for place, name in enumerate(there) if name in paired), default=-1)

    @cached_property
    def protected(self) -> list[Field]:
        """The columns that the file protects."""
        return [each for each in self.wanted.fields if each.form != "keep"]

    def field(self, source: str) -> Field | None:
        """Return the column of the file that reads a column in its place; None if none does, or it can't be said."""
        if self.present is None:
            return None
        fold = source.casefold()
        return next((each for each in self.wanted.fields if each.source.casefold() == fold), None)

    def form(self, column: str) -> str:
        """Return the form of a column of the file."""
        return next((each.form for each in self.wanted.fields if each.name == column), "keep")

    def is_gone(self, field: Field) -> bool:
        """Return whether no column of its name, with a type like its own, is in its place."""
        return self.present is None or not any(
            name.casefold() == field.source.casefold() and is_alike(kind, field.declared)
            for name, kind in self.present
        )

    def has_lost(self, field: Field, kind: str) -> bool:
        """Return whether a column of the file is gone, or has another type in its place while another one has its own.

        Args:
            field: the column of the file.
            kind: the type of the other one.
        """
        is_of_type = kind.casefold() == field.declared.casefold()
        return (is_of_type and field.key in self.lost) or self.is_gone(field)

    def is_in_place(self, column: str, name: str) -> bool:
        """Return whether a new column stands where a column of the file that is gone would stand.

        A database that renames a column leaves it in its place. If two columns had exchanged their names, or one had
        taken the name of another, then the columns would be in another order than in the file.
        """
        wanted = [each.source.casefold() for each in self.wanted.fields]
        gone = next(each.source for each in self.wanted.fields if each.name == column).casefold()
        there = [each.casefold() for each, _ in self.present or ()]
        renamed = [gone if each == name.casefold() else each for each in there]
        return [each for each in renamed if each in wanted] == [
            each for each in wanted if each in renamed
        ]

    def is_aligned(self, column: str, name: str) -> bool:
        """Return whether a new column has the number of a column of the file, and so do all others that are still there."""
        there = [each.casefold() for each, _ in self.wanted.seen(self.present or ())]
        wanted = [each.source.casefold() for each in self.wanted.fields]
        names = [each.name for each in self.wanted.fields]
        return (
            len(there) == len(wanted)
            and there[names.index(column)] == name.casefold()
            and all(each not in there or there[at] == each for at, each in enumerate(wanted))
        )

    def may_be_renamed(self, name: str, kind: str) -> bool:
        """Return whether a new column may be one of this table, because only a renamed one can be where it is."""
        if any(lost == kind.casefold() for _, lost in self.lost):
            return True
        names = [each for each, _ in self.present or ()]
        return name in names and names.index(name) < self.end
