"""Find tables of the file that may have been renamed among each other, so that one would read protected values of another.

moves.py finds renamed tables by their exact columns. This finds those that were changed too, if a table would read a
column in the clear, or in a weaker form, that another one protects. Contains also: where everything that the file
declares stands in the source. Out of scope: new columns (protection.py).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Generic, TypeVar

from saas_platform.schema.moves import Moves, Sides, Unsure
from saas_platform.schema.origins import PlacedColumn
from saas_platform.schema.protection import Guard, is_stricter
from saas_platform.schema.standing import Columns, Field, Standing, Wanted, folded

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
    #: The columns from which others of the source come directly.
    origins: Mapping[PlacedColumn, Collection[PlacedColumn]] = field(default_factory=dict)

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
        others: dict[_Name, set[_Place]] = {}
        for owner, reader, there in self._exposed(found):
            group = {names[owner], names[reader]}
            others.setdefault(names[reader], set()).update(there)
            joined = [each for each in groups if not group.isdisjoint(each)]
            groups = [*(each for each in groups if each not in joined), group.union(*joined)]
        unsure = []
        for group in groups:
            own = {self.own[name] for name in group if name in self.own}
            near = own.union(*(others.get(name, ()) for name in group))
            unsure.append(
                Unsure(
                    tuple(name for name in self.wanted if name in group),
                    tuple(place for place in self._places if place in near),
                )
            )
        return replace(found, unsure=(*found.unsure, *unsure))

    @property
    def _places(self) -> dict[_Place, None]:
        """The tables of the source: those of the file's names, in its order, and the others."""
        return dict.fromkeys([*self.own.values(), *self.columns])

    def guard(self, moves: Moves[_Name, _Place]) -> Guard:
        """Return the rules for new columns, if the tables have moved in this way."""
        standings = self._standings(moves)
        tables: dict[object, str] = {
            self.own[name]: each.name
            for name, each in standings.items()
            if each.present is not None
        }
        return Guard([*standings.values()], tables, dict(self.columns.items()), self.origins)

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

    def _exposed(
        self, moves: Moves[_Name, _Place]
    ) -> Iterator[tuple[str, str, Collection[_Place]]]:
        """Yield each table with protected columns with one that may be in its place and would show them.

        The third part has the tables of the source without a name in the file in which the second one may be now.
        """
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
        # Where each column is new, by its name and by its name and type: the table of the file, or the place that has none.
        added: dict[object, set[str | tuple[_Place]]] = {}
        for each in standings.values():
            for column in each.added:
                for key in (column, column[0]):
                    added.setdefault(key, set()).add(each.name)
        for place in free:
            if place not in self.left_out:
                for column in folded(self.columns[place]):
                    for key in (column, column[0]):
                        added.setdefault(key, set()).add((place,))
        there = [
            each
            for each in standings.values()
            if each.present is not None
            and (each.lost or each.added or any(name in added for name in each.left))
        ]
        changed = [*there, *(each for each in standings.values() if each.name in gone)]
        for owner, reader in _shown(changed, there):
            here = {owner.name, reader.name}
            keys = (*reader.lost, *reader.left)
            elsewhere = {place for each in keys for place in added.get(each, ())} - here
            if _may_be_in_place(owner, reader, owner.name in gone, bool(elsewhere)):
                others = [place[0] for place in elsewhere if isinstance(place, tuple)]
                yield owner.name, reader.name, others
        reordered = [
            each
            for each in standings.values()
            if each.present is not None and each.order != each.wanted.order
        ]
        orders = {each.wanted.order for each in reordered}
        for owner, reader in _shown(reordered, reordered):
            # Nobody exchanged tables of which one only stands in another order in the file.
            if reader.order == owner.wanted.order and owner.order in orders:
                yield owner.name, reader.name, ()


def _shown(
    owners: Collection[Standing], readers: Collection[Standing]
) -> Iterator[tuple[Standing, Standing]]:
    """Yield each table with protected columns with one that reads a column of the name and type more openly."""
    by_name: dict[str, list[tuple[Standing, Field]]] = {}
    for reader in readers:
        for column in reader.wanted.fields:
            by_name.setdefault(column.source.casefold(), []).append((reader, column))
    for owner in owners:
        for protected in owner.protected:
            for reader, column in by_name.get(protected.source.casefold(), ()):
                is_read = is_stricter(protected.form, column.form) and protected.key in reader.now
                if is_read and reader is not owner:
                    yield owner, reader


def _may_be_in_place(owner: Standing, reader: Standing, is_gone: bool, is_elsewhere: bool) -> bool:
    """Return whether the place of `reader` may have the table `owner` now.

    Columns of the one are new in the place of the other. Or the owner is gone, or lost what it protects, and a column
    of the reader is new elsewhere.
    """
    if owner.has_left_to(reader):
        return True
    if is_gone:
        return is_elsewhere or owner.wanted.keeps(reader.present or ())
    if reader.has_left_to(owner):
        return True
    return is_elsewhere and any(each.key in owner.lost for each in owner.protected)
