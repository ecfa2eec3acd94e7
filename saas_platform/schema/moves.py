"""Find tables of the file that stand under each other's names in the source: two that were swapped, or more in a circle.

Contains also: chains, in which a table took the name of one that was renamed, and tables whose columns one has that is
not mirrored. Out of scope: what makes two tables alike, tables that were changed too (exposure.py), tables whose old name
is free now (renames.py), the sentences (moved_sentences.py), and what follows (merging.py, sync/drift.py).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

_Name = TypeVar("_Name")
_Place = TypeVar("_Place")


@dataclass(frozen=True)
class Unsure(Generic[_Name, _Place]):
    """Tables of the file of which it can't be said where in the source each of them is now."""

    #: Those that are not as declared, and those that they can't be distinguished from.
    names: tuple[_Name, ...]
    #: The tables of the source that each of them may be.
    places: tuple[_Place, ...]


@dataclass(frozen=True)
class Moves(Generic[_Name, _Place]):
    """Where the tables are that have the name of another one now."""

    sure: Mapping[_Name, _Place]
    unsure: tuple[Unsure[_Name, _Place], ...] = ()

    def unsure_of(self, name: _Name) -> Unsure[_Name, _Place] | None:
        """Return what a table can't be distinguished from; None if its place is known."""
        return next((each for each in self.unsure if name in each.names), None)


@dataclass(frozen=True)
class Sides(Generic[_Name, _Place]):
    """The tables of the file, those of the source, and how they compare."""

    names: Sequence[_Name]
    #: The table of the source that has the name, even if it can't be examined. One that is gone has no entry.
    own: Mapping[_Name, _Place]
    #: The tables of the source that can be examined.
    places: Sequence[_Place]
    #: Whether a table of the source has the columns of one in the file, and no others.
    is_like: Callable[[_Name, _Place], bool]
    #: Whether it has them, and maybe others.
    keeps: Callable[[_Name, _Place], bool]
    #: The tables of the source that the file skips, from which nothing is read.
    left_out: Collection[_Place] = ()

    def moves(self) -> Moves[_Name, _Place]:
        """Return the tables whose names others have now.

        A table has moved if the source's table of its name has other columns, which are those of another table that is
        not as declared either. Its place is sure if that is the only way in which the names can have changed.

        If its columns are those of a table that is not mirrored, then it was renamed, or that one is a copy of it.
        """
        moved = [name for name in self.names if not self._stays(name)]
        sure: dict[_Name, _Place] = {}
        unsure: list[Unsure[_Name, _Place]] = []
        seen: set[_Name] = set()
        for name in moved:
            own = self.own.get(name)
            if name in seen or own not in self.places or own is None:
                continue
            if not any(other != name and self.is_like(other, own) for other in moved):
                continue
            names, places = self._connected(name)
            seen |= {*names}
            # If each table only has more columns, then columns were added, and no name was changed.
            if not any(each in moved and self._has_lost(each) for each in names):
                continue
            found = {each: self._like(each) for each in names}
            if self._is_certain(names, found, moved):
                sure |= {each: there[0] for each, there in found.items()}
            else:
                unsure.append(Unsure(tuple(names), tuple(places)))
        return Moves(sure, (*unsure, *self._like_others(moved, {*seen})))

    def _like_others(self, moved: Sequence[_Name], seen: set[_Name]) -> list[Unsure[_Name, _Place]]:
        """Return the tables that lost columns, each with the tables that are not mirrored and have all of its columns."""
        named = {*self.own.values()}
        found = []
        for name in moved:
            own = self.own.get(name)
            if name in seen or own is None or not self._has_lost(name):
                continue
            like = [place for place in self._like(name) if place not in named]
            if like:
                found.append(Unsure((name,), (own, *like)))
        return found

    def _stays(self, name: _Name) -> bool:
        own = self.own.get(name)
        return own is not None and own in self.places and self.is_like(name, own)

    def _has_lost(self, name: _Name) -> bool:
        """Return whether a table is gone, or the one of its name lacks some of its columns."""
        own = self.own.get(name)
        return own is None or (own in self.places and not self.keeps(name, own))

    def _like(self, name: _Name) -> list[_Place]:
        return [place for place in self.places if self.is_like(name, place)]

    def _connected(self, first: _Name) -> tuple[list[_Name], list[_Place]]:
        """Return what is connected with a table by its name or by its columns, in the order of the file."""
        names, places, left = {first}, set[_Place](), [first]
        while left:
            name = left.pop()
            own = self.own.get(name)
            new = {*self._like(name), *([] if own is None else [own])} - places
            places |= new
            for other in self.names:
                if other in names:
                    continue
                if any(self.own.get(other) == each for each in new) or any(
                    each in self.places and self.is_like(other, each) for each in new
                ):
                    names.add(other)
                    left.append(other)
        return [each for each in self.names if each in names], [
            each for each in self.places if each in places
        ]

    def _is_certain(
        self,
        names: Sequence[_Name],
        found: Mapping[_Name, Sequence[_Place]],
        moved: Sequence[_Name],
    ) -> bool:
        """Return whether each table is in one place, no two are in the same one, and no name is left over."""
        if not all(name in moved and len(found[name]) == 1 for name in names):
            return False
        taken = [found[name][0] for name in names]
        own = [self.own[name] for name in names if name in self.own]
        is_read = not any(place in self.left_out for place in taken)
        return is_read and len({*taken}) == len(taken) and {*own} <= {*taken}
