"""Decide which form a new column of the source must have, so that no protected column is ever read in the clear.

A column is protected if `tables.yaml` masks, hashes or drops it. After a change of the source, a new column may hold its
values, because a renamed column is new too. The rules are rather safe than sure, so a user is always shown the reason.
Contains: the rules, on names and types alone. Out of scope: tables that may have been renamed (moves.py, exposure.py),
and the sentences (merging_forms.py, sync/drift_sentences.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from saas_platform.schema.source_names import pair_names, source_column

#: The forms of `mirror:`, the least strict first.
_FORMS = ("keep", "hash", "mask", "drop")

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


def fields_of(table: sa.Table) -> tuple[Field, ...]:
    """Return the columns that the file has for a table, and those that it drops."""
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
    return (*kept, *table.info.get("dropped", {}).values())


def found_column(column: sa.Column[Any]) -> tuple[str, str]:
    """Return name and type in the source of a column that a discovery found."""
    return source_column(column), str(column.info.get("declared", ""))


def found_columns(table: sa.Table) -> Columns:
    """Return the columns of a table that a discovery found."""
    return [*map(found_column, table.columns)]


def folded(columns: Columns) -> Counter[tuple[str, str]]:
    """Return how often each column is there, by its name and type in small letters."""
    return Counter((name.casefold(), kind.casefold()) for name, kind in columns)


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

    def has_lost(self, field: Field) -> bool:
        """Return whether a column of the file is not in its place, or has another type there."""
        return (field.source.casefold(), field.declared.casefold()) in self.lost

    def has_lost_type(self, kind: str) -> bool:
        """Return whether a declared column of the type is not in its place."""
        return any(lost == kind for _, lost in self.lost)

    def is_in_place(self, column: str, name: str) -> bool:
        """Return whether a new column stands where a column of the file that is gone would stand.

        A database that renames a column leaves it in its place. If two columns had exchanged their names, or one had
        taken the name of another, then the columns would be in another order than in the file. The file does not know
        the place of a column that it drops, so then it can't be said.
        """
        if any(each.form == "drop" for each in self.wanted.fields):
            return False
        wanted = [each.source.casefold() for each in self.wanted.fields]
        gone = next(each.source for each in self.wanted.fields if each.name == column).casefold()
        there = [each.casefold() for each, _ in self.present or ()]
        renamed = [gone if each == name.casefold() else each for each in there]
        return [each for each in renamed if each in wanted] == [
            each for each in wanted if each in renamed
        ]

    def may_be_renamed(self, name: str, kind: str) -> bool:
        """Return whether a new column may be one of this table, because only a renamed one can be where it is."""
        if self.has_lost_type(kind):
            return True
        names = [each for each, _ in self.present or ()]
        return name in names and names.index(name) < self.end


@dataclass(frozen=True)
class Reason:
    """The form that a new column must have, and the protected column whose values it may hold."""

    table: str
    field: Field

    @property
    def form(self) -> str:
        return self.field.form

    @property
    def words(self) -> str:
        """Return how it is protected, as the words after `is`."""
        done = {"hash": "hashed", "mask": "masked", "drop": "dropped from the mirror"}[self.form]
        return f"{done} as {self.table}.{self.field.name} is, whose values it may hold"


#: The advice that follows the reason.
OR_KEEP = "write `mirror: keep` if it does not"


@dataclass(frozen=True)
class Guard:
    """The rules for new columns of a source."""

    standings: Collection[Standing] = ()

    @cached_property
    def _protected(self) -> list[tuple[Standing, Field]]:
        return [(each, field) for each in self.standings for field in each.protected]

    def reason(self, table: str | None, name: str, kind: str) -> Reason | None:
        """Return why a new column must not be read in the clear; None if it may be.

        A protected column is the reason if it has the same name, whichever table has it; if it has the same type and
        is gone from its table; or if it has the same type and is in the same table, where the new column seems to be
        renamed: the table lost a column of the type, or the new one is not at the end, where databases add columns.

        Args:
            table: the table of the file in whose place the column is; None if the file has none.
            name: the name of the column in the source.
            kind: its type there.

        Returns:
            The strictest reason, because the column may hold the values of any.
        """
        return _strictest(self._reasons(table, name, kind, within=True))

    def _reasons(
        self, table: str | None, name: str, kind: str, *, within: bool
    ) -> Iterator[Reason]:
        """Yield the reasons; `within`: whether those count that are protected columns of the table and still there."""
        fold = name.casefold()
        for each, field in self._protected:
            if field.source.casefold() == fold or (
                field.declared.casefold() == kind.casefold()
                and (
                    each.has_lost(field)
                    or (
                        within and each.name == table and each.may_be_renamed(name, kind.casefold())
                    )
                )
            ):
                yield Reason(each.name, field)

    def reason_of_type(self, table: str, form: str, kind: str) -> Reason | None:
        """Return why a declared column that has another type now must be read in a stricter form; None if not.

        It may be a protected column that took its name, if one of the type is gone, or the table of one lost another.

        Args:
            table: the table of the file.
            form: the form of the column there.
            kind: its type in the source.
        """
        kind = kind.casefold()
        return _strictest(
            Reason(each.name, field)
            for each, field in self._protected
            if field.declared.casefold() == kind
            and is_stricter(field.form, form)
            and (each.has_lost(field) or (each.name == table and each.has_lost_type(kind)))
        )

    def may_be(self, table: str, column: str, name: str, kind: str) -> bool:
        """Return whether a new column may be taken for a column of the file under a new name.

        It may not if it would have to be protected more strictly, or if another table lost a column of its name. A
        protected column of the same table that is still there does not count, if the new one is where the other was.

        Args:
            table: the table of the file.
            column: its column of the file, which is gone from the source.
            name: the name of the new column.
            kind: its type.
        """
        own = next((each for each in self.standings if each.name == table), None)
        within = own is None or not own.is_in_place(column, name)
        reason = _strictest(self._reasons(table, name, kind, within=within))
        form = next(
            (
                field.form
                for each, field in self._protected
                if (each.name, field.name) == (table, column)
            ),
            "keep",
        )
        if reason is not None and is_stricter(reason.form, form):
            return False
        key = (name.casefold(), kind.casefold())
        return not any(key in each.lost for each in self.standings if each.name != table)


def _strictest(reasons: Iterable[Reason]) -> Reason | None:
    return max(reasons, key=lambda each: _FORMS.index(each.form), default=None)


def is_stricter(form: str, other: str) -> bool:
    """Return whether a form shows less of a value than another one.

    >>> is_stricter("hash", "keep"), is_stricter("hash", "drop")
    (True, False)
    """
    return _FORMS.index(form) > _FORMS.index(other)


def guard_of(tables: Iterable[sa.Table]) -> Guard:
    """Return the rules where nothing is known of the source: each table may be gone."""
    return Guard([Standing(str(each.name), Wanted.of(each), None) for each in tables])
