"""What discovery reads of a table's rows: whether it may, NULLs of its keys, and a few texts.

Does not hold: what the catalogue says of a table, or what is proposed from it all (discovery.py).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from saas_platform.source.cursor import Cursor
from saas_platform.source.interface import SourceColumn
from saas_platform.source.mssql import catalogue_types
from saas_platform.source.mssql.address import Address
from saas_platform.source.mssql.errors import cursor_errors, in_words
from saas_platform.source.mssql.sql import qualified, quoted
from saas_platform.source.personal import SAMPLE

#: Rows that `sample` looks at.
SAMPLE_ROWS = 100_000
#: No personal datum that has a form of its own is longer.
_SAMPLE_CHARACTERS = 200


@dataclass(frozen=True)
class Place:
    """A table in the source, and its name in the mirror."""

    schema: str
    name: str
    mirror: str

    @property
    def full_name(self) -> str:
        return qualified(self.schema, self.name)


def unreadable(
    cursor: Cursor,
    address: Address,
    place: Place,
    columns: Sequence[SourceColumn],
    notes: list[str],
) -> set[str]:
    """The columns that this login may not read, each with a note.

    Raises the driver's error where it may not read the table at all.
    """
    names = [column.name for column in columns]
    try:
        cursor.execute(_none_of(place, ", ".join(map(quoted, names)))).fetchall()
    except cursor_errors():
        # A single column may be denied: that is no reason to leave the whole table out.
        cursor.execute(_none_of(place, "1 AS c0")).fetchall()
    else:
        return set()
    found = set()
    for name in names:
        try:
            cursor.execute(_none_of(place, quoted(name))).fetchall()
        except cursor_errors() as error:
            found.add(name)
            said = in_words(address, error, f"{place.mirror}.{name}", place.full_name)
            notes.append(f"{said} Or leave the column out.")
    return found


def _none_of(place: Place, listed: str) -> str:
    return f"SELECT TOP 0 {listed} FROM {place.full_name}"


def with_null(
    cursor: Cursor,
    place: Place,
    columns: Sequence[SourceColumn],
    unique: Sequence[Sequence[str]],
    sample: bool,
    kept: Collection[str],
    notes: list[str],
) -> set[str]:
    """Of the columns that could be a key but may be NULL, those that are; by one look at the table.

    None is needed where a unique set has no column that may be NULL. `kept`: columns that this login can't read.
    """
    nullable = {column.name for column in columns if column.nullable}
    if not unique or any(not nullable & {*names} for names in unique):
        return {name for names in unique for name in names if name in nullable}
    wanted = nullable & {name for names in unique for name in names}
    asked = [c.name for c in columns if c.name in wanted.difference(kept)]
    if not asked:
        return wanted
    cursor.execute(nulls_query(place.full_name, asked, sample))
    found = cursor.fetchone()
    extent = f"its first {SAMPLE_ROWS:,} rows were" if sample else "it was"
    notes.append(
        f"{place.mirror} has no primary key, so that {extent} read once for NULL in"
        f" {', '.join(asked)}, of its unique columns."
    )
    # What can't be looked at may be NULL.
    return wanted.difference(asked) | {n for n, there in zip(asked, found, strict=True) if there}


def samples(
    cursor: Cursor,
    place: Place,
    columns: Sequence[SourceColumn],
    kept: Collection[str],
    notes: list[str],
) -> dict[str, list[Any]]:
    """Some short texts of each column that has any, by which personal data is found.

    Those of `kept` are not looked at: no function of T-SQL takes a column that is encrypted.
    """
    texts = [
        column.name
        for column in columns
        if catalogue_types.base_type(column.type) in catalogue_types.TEXTS
        and column.name not in kept
    ]
    if not texts:
        return {}
    # Longer ones are left out, not cut, which could part a surrogate pair.
    values = ", ".join(
        f"CASE WHEN LEN(CONVERT(NVARCHAR(MAX), {quoted(name)})) <= {_SAMPLE_CHARACTERS}"
        f" THEN CONVERT(NVARCHAR(4000), {quoted(name)}) END AS c{number}"
        for number, name in enumerate(texts)
    )
    by_names = "personal data was looked for by the names of its columns alone."
    try:
        rows = cursor.execute(f"SELECT TOP {SAMPLE} {values} FROM {place.full_name}").fetchall()
    except UnicodeDecodeError:
        notes.append(
            f"{place.mirror} holds a text that is no UTF-16, which its sync will stop at: {by_names}"
        )
        return {}
    except cursor_errors():
        # Its words may have a value in them.
        notes.append(
            f"{place.mirror} has a column whose values raise an error where they are read, such as one that"
            f" is computed, which its sync will stop at: {by_names}"
        )
        return {}
    return {name: [row[n] for row in rows if row[n] is not None] for n, name in enumerate(texts)}


def nulls_query(full_name: str, names: Sequence[str], sample: bool) -> str:
    """For each column whether it is NULL in a row: one scan."""
    asked = ", ".join(
        f"MAX(CASE WHEN r.{quoted(name)} IS NULL THEN 1 ELSE 0 END) AS c{place}"
        for place, name in enumerate(names)
    )
    rows = full_name
    if sample:
        listed = ", ".join(map(quoted, names))
        rows = f"(SELECT TOP {SAMPLE_ROWS} {listed} FROM {full_name})"
    return f"SELECT {asked} FROM {rows} r"
