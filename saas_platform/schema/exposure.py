"""Find tables of the file that may have been renamed among each other, so that one would read protected values of another.

moves.py finds renamed tables by their exact columns. This finds those that were changed too, if a table would read a
column in the clear, or in a weaker form, that another one protects. Contains also: where everything that the file
declares stands in the source. Out of scope: new columns (protection.py).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Generic, TypeVar

from saas_platform.schema.moves import Moves, Sides, Unsure
from saas_platform.schema.protection import (
    Columns,
    Field,
    Guard,
    Standing,
    Wanted,
    folded,
    is_stricter,
)

_Name = TypeVar("_Name")
_Place = TypeVar("_Place")


@dataclass(frozen=True)
class Look(Generic[_Name, _Place]):
    """What the file declares, and what the source's catalogue has."""

    wanted: Mapping[_Name, Wanted]
    #: The table of the source that has the name, even if it can't be examined. One that is gone has no entry.
    own: Mapping[_Name, _Place]
    #: The columns of the tables of the source that can be examined.
    columns: Mapping[_Place, Columns]
    #: The tables of the source that the file skips.
    left_out: Collection[_Place] = ()

    @cached_property
    def _keys(self) -> tuple[dict[_Name, object], dict[_Place, object]]:
        """What is equal if a table of the source has the columns of one in the file, as each is compared with each."""
        return (
            {name: frozenset(wanted.columns.items()) for name, wanted in self.wanted.items()},
            {place: frozenset(folded(each).items()) for place, each in self.columns.items()},
        )

    def _is_like(self, name: _Name, place: _Place) -> bool:
        if self.wanted[name].skipped:
            return self.wanted[name].is_like(self.columns[place])
        wanted, there = self._keys
        return wanted[name] == there[place]

    def moves(self) -> Moves[_Name, _Place]:
        """Return the tables that were renamed, and those of which it can't be said."""
        found = Sides(
            [*self.wanted],
            self.own,
            [*self.columns],
            self._is_like,
            lambda name, place: self.wanted[name].keeps(self.columns[place]),
            self.left_out,
        ).moves()
        names = {each.name: name for name, each in self._standings(found).items()}
        groups: list[set[_Name]] = []
        for pair in self._exposed(found):
            group = {names[each] for each in pair}
            joined = [each for each in groups if not group.isdisjoint(each)]
            groups = [*(each for each in groups if each not in joined), group.union(*joined)]
        more = [[name for name in self.wanted if name in group] for group in groups]
        unsure = [
            Unsure(tuple(each), tuple(self.own[name] for name in each if name in self.own))
            for each in more
        ]
        return replace(found, unsure=(*found.unsure, *unsure))

    def guard(self, moves: Moves[_Name, _Place]) -> Guard:
        """Return the rules for new columns, if the tables have moved in this way."""
        return Guard([*self._standings(moves).values()])

    def _standings(self, moves: Moves[_Name, _Place]) -> dict[_Name, Standing]:
        away = {*moves.sure, *(name for each in moves.unsure for name in each.names)}
        return {
            name: Standing(
                str(name),
                wanted,
                None if name in away or name not in self.own else self.columns.get(self.own[name]),
            )
            for name, wanted in self.wanted.items()
        }

    def _exposed(self, moves: Moves[_Name, _Place]) -> Iterator[tuple[str, str]]:
        """Yield each table with protected columns with one that may be in its place and would show them."""
        standings = self._standings(moves)
        settled = {*moves.sure, *(name for each in moves.unsure for name in each.names)}
        free = [each for each in self.columns if each not in self.own.values()]
        gone = {
            str(name)
            for name in self.wanted
            if name not in self.own
            and name not in settled
            and not any(self._is_like(name, place) for place in free)
        }
        there = [
            each
            for each in standings.values()
            if each.present is not None and (each.lost or each.added)
        ]
        changed = [*there, *(each for each in standings.values() if each.name in gone)]
        # Where each column is new: the table of the file, or the place that has none.
        added: dict[tuple[str, str], set[object]] = {}
        for each in there:
            for column in each.added:
                added.setdefault(column, set()).add(each.name)
        for place in free:
            if place not in self.left_out:
                for column in folded(self.columns[place]):
                    added.setdefault(column, set()).add((place,))
        readers: dict[str, list[tuple[Standing, Field]]] = {}
        for each in there:
            for field in each.wanted.fields:
                readers.setdefault(field.source.casefold(), []).append((each, field))
        for owner in changed:
            for protected in owner.protected:
                for reader, field in readers.get(protected.source.casefold(), ()):
                    if reader is owner or not _shows(reader, field, protected):
                        continue
                    here = {owner.name, reader.name}
                    is_elsewhere = any(added.get(each, here) - here for each in reader.lost)
                    if _may_be_in_place(owner, reader, owner.name in gone, is_elsewhere):
                        yield owner.name, reader.name


def _shows(reader: Standing, field: Field, protected: Field) -> bool:
    """Return whether a table reads a column of the name and type of a protected one of another table more openly."""
    key = protected.source.casefold(), protected.declared.casefold()
    return is_stricter(protected.form, field.form) and key in reader.now


def _may_be_in_place(owner: Standing, reader: Standing, is_gone: bool, is_elsewhere: bool) -> bool:
    """Return whether the place of `reader` may have the table `owner` now.

    Columns of the one are new in the place of the other. Or the owner is gone, or lost what it protects, and a column
    of the reader is new elsewhere.
    """
    if owner.lost & reader.added:
        return True
    if is_gone:
        return is_elsewhere or owner.wanted.keeps(reader.present or ())
    if reader.lost & owner.added:
        return True
    return is_elsewhere and any(map(owner.has_lost, owner.protected))
