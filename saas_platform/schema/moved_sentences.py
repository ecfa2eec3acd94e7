"""The sentences on tables of the file that stand under each other's names in the source, or may do so.

Contains: the words that discovery and sync share, and what to write. Out of scope: finding such tables (moves.py,
exposure.py).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from saas_platform.schema.declared import SourcePlace, folded_place, place_entry, yaml_line
from saas_platform.schema.merging_names import dotted
from saas_platform.schema.renames import few, listed


def moved_words(name: str, own: str | None, place: str) -> str:
    """Return how discovery reports that it reads a table from another place.

    Args:
        name: the table of the file.
        own: the table of the source from which it was read; None if that is gone.
        place: the one from which it is read now.

    Returns:
        The sentence, without its end.
    """
    was = (
        "is gone from the source"
        if own is None
        else f"has other columns in {own} of the source now"
    )
    return f"{name} {was}, and its own in {place}, which was renamed: it is read from there now"


def unsure_words(
    names: Sequence[str], places: Sequence[SourcePlace], skipped: Collection[SourcePlace]
) -> str:
    """Return the sentence on tables that may have been renamed among each other, with what to write for each."""
    if len(names) == 1:
        return f"{names[0]} stays in tables.yaml as before, because {may_be_copy(names[0], places, skipped)}, and discover again."
    return (
        f"{listed(names)} stay in tables.yaml as before, because {may_be_renamed(places)}, and there are several ways."
        f" None is taken for renamed: {FOR_EACH}, and discover again."
    )


#: What to write for tables that may have been renamed among each other.
FOR_EACH = (
    "write `source:` with its present name under each that was renamed, remove each that is gone, and write the present"
    " columns under each that was only changed"
)


def may_be_renamed(places: Sequence[SourcePlace]) -> str:
    """Return the words on tables of the source of which each may be any of several tables of the file."""
    if len(places) == 1:
        return f"{dotted(places[0])} of the source may be any of them now"
    return f"{few([*map(dotted, places)])} of the source may have been renamed among each other"


def may_be_copy(name: str, places: Sequence[SourcePlace], skipped: Collection[SourcePlace]) -> str:
    """Return the words on a table that lost columns, which others have that are not mirrored, with what to write."""
    own, *others = places
    folds = {*map(folded_place, skipped)}
    have = "has" if len(others) == 1 else "have"
    line = (
        f"`{yaml_line('source', place_entry(others[0]))}`"
        if len(others) == 1
        else "`source:` with its present name"
    )
    out = [dotted(each) for each in others if folded_place(each) in folds]
    instead = f", and {dotted(own)} in `skip:` instead of {few(out)}" if out else ""
    return (
        f"{dotted(own)} of the source lacks some of its columns, and {few([*map(dotted, others)])}, which"
        f" tables.yaml does not mirror, {have} exactly its columns: if it was renamed, write {line} under {name} in"
        f" tables.yaml{instead}; if not, write the present columns under {name}"
    )
