"""Decide which form a new column of the source must have, so that no protected column is ever read in the clear.

A column is protected if `tables.yaml` masks, hashes or drops it. After a change of the source, a new column may hold its
values, because a renamed column is new too. The rules are rather safe than sure, so a user is always shown the reason.
Contains: the rules. Out of scope: what the file declares and where it stands (standing.py), tables that may have been
renamed (moves.py, exposure.py), and the sentences (merging_forms.py, sync/drift_sentences.py).
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import sqlalchemy as sa

from saas_platform.schema.origins import PlacedColumn
from saas_platform.schema.source_names import source_table
from saas_platform.schema.standing import FORMS, Columns, Field, Standing, Wanted, is_alike


@dataclass(frozen=True)
class Reason:
    """The form that a new column must have, and the protected column whose values it may hold."""

    table: str
    field: Field

    @property
    def form(self) -> str:
        return self.field.form

    @property
    def done(self) -> str:
        """Return how it is protected, as a participle."""
        return {"hash": "hashed", "mask": "masked", "drop": "dropped from the mirror"}[self.form]

    @property
    def words(self) -> str:
        """Return how it is protected and why, as the words after `is`."""
        return f"{self.done} as {self.table}.{self.field.name} is, whose values it may hold"


#: The advice that follows the reason.
OR_KEEP = "write `mirror: keep` if it does not"


@dataclass(frozen=True)
class Guard:
    """The rules for new columns of a source."""

    standings: Collection[Standing] = ()
    #: The table of the file in each place of the source, where that is known.
    tables: Mapping[Hashable, str] = field(default_factory=dict)
    #: The columns of the places that can be examined.
    columns: Mapping[Hashable, Columns] = field(default_factory=dict)
    #: The columns from which others come directly, because they reference them or are computed from them.
    origins: Mapping[PlacedColumn, Collection[PlacedColumn]] = field(default_factory=dict)

    @cached_property
    def _protected(self) -> list[tuple[Standing, Field]]:
        return [(each, field) for each in self.standings for field in each.protected]

    @cached_property
    def _by_name(self) -> dict[str, Standing]:
        return {each.name: each for each in self.standings}

    def reason(self, place: Hashable, name: str, kind: str) -> Reason | None:
        """Return why a new column must not be read in the clear; None if it may be.

        A protected column is the reason

        - if the new one has its name, in the source or in the file, whichever table has it;
        - if the new one comes from it, because it references it or is computed from it;
        - if it is gone, and the new one is in its table or has a type like its own;
        - if both have one type and are in one table, where the new one seems to be renamed: the table lost a column of
          the type, or the new one is not at the end, where databases add columns.

        Args:
            place: the table of the source that has the column.
            name: the name of the column in the source.
            kind: its type there.

        Returns:
            The strictest reason, because the column may hold the values of any.
        """
        return _strictest([*self._own(place, name, kind), *self._traced(place, name)])

    def _own(
        self,
        place: Hashable,
        name: str,
        kind: str,
        *,
        is_in_place: bool = False,
        is_aligned: bool = False,
    ) -> Iterator[Reason]:
        """Yield the reasons that names and types give.

        Args:
            place: as for `reason`.
            name: as for `reason`.
            kind: as for `reason`.
            is_in_place: whether the column is where another one was that is gone. Then protected columns of the table
                that are still there are no reason.
            is_aligned: whether also all others are where they were. Then protected columns of the table that are gone
                are no reason if they have a type unlike that of the column.
        """
        table = self.tables.get(place)
        for each, protected in self._protected:
            own = each.name == table
            is_of_type = protected.declared.casefold() == kind.casefold()
            if (
                name.casefold() in (protected.source.casefold(), protected.name.casefold())
                or (is_alike(protected.declared, kind) and each.has_lost(protected, kind))
                or (own and not is_aligned and each.is_gone(protected))
                or (own and not is_in_place and is_of_type and each.may_be_renamed(name, kind))
            ):
                yield Reason(each.name, protected)

    def _traced(self, place: Hashable, name: str) -> Iterator[Reason]:
        """Yield the reasons that the columns give from which a column comes, directly or not."""
        left = [(place, name.casefold())]
        seen = {*left}
        while left:
            for origin in {*self.origins.get(left.pop(), ())} - seen:
                seen.add(origin)
                left.append(origin)
                there, column = origin
                standing = self._by_name.get(self.tables.get(there, ""))
                declared = None if standing is None else standing.field(column)
                if standing is None or declared is None:
                    kinds = {each.casefold(): kind for each, kind in self.columns.get(there, ())}
                    yield from self._own(there, column, kinds.get(column, ""))
                elif declared.form != "keep":
                    yield Reason(standing.name, declared)

    def shown(self, place: Hashable, name: str, form: str) -> Reason | None:
        """Return the protected column whose values a declared one shows, because it comes from it; None if none.

        Args:
            place: the table of the source that has the declared column.
            name: its name in the source.
            form: its form in the file.
        """
        reason = _strictest(self._traced(place, name))
        return reason if reason is not None and is_stricter(reason.form, form) else None

    def reason_of_type(self, table: str, form: str, kind: str) -> Reason | None:
        """Return why a declared column that has another type now must be read in a stricter form; None if not.

        It may be a protected column that took its name: one that is gone from its table, or one with a like type that is
        gone elsewhere, or one with its type whose table lost another.

        Args:
            table: the table of the file.
            form: the form of the column there.
            kind: its type in the source.
        """
        fold = kind.casefold()
        return _strictest(
            Reason(each.name, protected)
            for each, protected in self._protected
            if is_stricter(protected.form, form)
            and (
                (is_alike(protected.declared, kind) and each.has_lost(protected, kind))
                or (
                    each.name == table
                    and (
                        each.is_gone(protected)
                        or (
                            protected.declared.casefold() == fold
                            and any(lost == fold for _, lost in each.lost)
                        )
                    )
                )
            )
        )

    def may_be(self, place: Hashable, column: str, name: str, kind: str) -> bool:
        """Return whether a new column may be taken for a column of the file under a new name.

        It may not if it would have to be protected more strictly, or if another table lost a column of its name. A
        protected column of the same table that is still there does not count, if the new one is where the other was.

        Args:
            place: the table of the source.
            column: a column of the file in its place, which is gone from the source.
            name: the name of the new column.
            kind: its type.
        """
        table = self.tables.get(place, "")
        own = self._by_name.get(table)
        reasons = self._own(
            place,
            name,
            kind,
            is_in_place=own is None or own.is_in_place(column, name),
            is_aligned=own is None or own.is_aligned(column, name),
        )
        reason = _strictest([*reasons, *self._traced(place, name)])
        if reason is not None and is_stricter(
            reason.form, "keep" if own is None else own.form(column)
        ):
            return False
        key = (name.casefold(), kind.casefold())
        return not any(key in each.lost for each in self.standings if each.name != table)


def _strictest(reasons: Iterable[Reason]) -> Reason | None:
    return max(reasons, key=lambda each: FORMS.index(each.form), default=None)


def is_stricter(form: str, other: str) -> bool:
    """Return whether a form shows less of a value than another one.

    >>> is_stricter("hash", "keep"), is_stricter("hash", "drop")
    (True, False)
    """
    return FORMS.index(form) > FORMS.index(other)


def guard_of(tables: Iterable[sa.Table]) -> Guard:
    """Return the rules where nothing is known of the source: each table may be gone."""
    by_place = {source_table(each): each for each in tables}
    return Guard(
        [Standing(str(each.name), Wanted.of(each), None) for each in by_place.values()],
        {place: str(each.name) for place, each in by_place.items()},
    )
