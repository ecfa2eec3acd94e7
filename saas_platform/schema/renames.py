"""Find what may have been renamed: a thing of the file that is gone, and a new thing that is like it.

Contains also: lists of names in sentences. Out of scope: what makes two things alike, and what follows (merging.py,
sync/drift.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

_Gone = TypeVar("_Gone")
_New = TypeVar("_New")


@dataclass(frozen=True)
class Alike(Generic[_Gone, _New]):
    """Things that are gone, and the new things that are like some of them."""

    gone: tuple[_Gone, ...]
    new: tuple[_New, ...]

    @property
    def is_rename(self) -> bool:
        """Whether one thing is gone and one is new. Of several, none can be said to be another one."""
        return len(self.gone) == len(self.new) == 1


def alike(
    gone: Sequence[_Gone], new: Sequence[_New], is_like: Callable[[_Gone, _New], bool]
) -> list[Alike[_Gone, _New]]:
    """Return the things that are like each other, directly or by others; what is like nothing is left out."""
    groups: list[tuple[list[int], list[int]]] = []
    for place, each in enumerate(gone):
        own = [number for number, other in enumerate(new) if is_like(each, other)]
        if not own:
            continue
        joined = [group for group in groups if not set(own).isdisjoint(group[1])]
        groups = [group for group in groups if group not in joined]
        groups.append(
            (
                [*(number for group in joined for number in group[0]), place],
                sorted({*own, *(number for group in joined for number in group[1])}),
            )
        )
    return [
        Alike(tuple(gone[each] for each in first), tuple(new[each] for each in second))
        for first, second in groups
    ]


def listed(names: Sequence[str]) -> str:
    """Return names as a part of a sentence.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join([*filter(None, [", ".join(names[:-1])]), *names[-1:]])


def few(names: Sequence[str], most: int = 5) -> str:
    """Return names as a part of a sentence that stays short.

    >>> few(["a", "b", "c", "d"], most=3)
    'a, b and 2 others'
    """
    if len(names) <= most:
        return listed(names)
    return f"{', '.join(names[: most - 1])} and {len(names) - most + 1} others"


def undecided(gone: Sequence[str], new: Sequence[str], *, kind: str, alike_by: str) -> str:
    """Return the sentence of a discovery that can't tell what was renamed.

    Args:
        gone: the names in the file.
        new: the names in the source.
        kind: what is gone, in the plural.
        alike_by: what the new ones have, such as `the same columns`.
    """
    are, have = ("is", "has") if len(new) == 1 else ("are", "have")
    one = "It is not" if len(gone) == 1 else "None is"
    no_longer = f"is no longer one of the {kind}" if len(gone) == 1 else f"are no longer {kind}"
    return (
        f"{listed(gone)} {no_longer} of the source, where {listed(new)} {are} new and {have} {alike_by}. {one} taken for"
        " renamed, because there are several ways. To keep a mirror: write `source:` with the new name under the old one"
        " in tables.yaml, and discover again"
    )
