"""What discovery reads from the rows of a table: which columns are readable, NULLs in keys, sample texts.

Out of scope: what the catalogue reports of a table, and what is proposed from all of it (discovery.py).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from saas_platform.source.cursor import Cursor
from saas_platform.source.interface import SourceColumn
from saas_platform.source.mssql import catalogue_types
from saas_platform.source.mssql.address import Address
from saas_platform.source.mssql.errors import cursor_errors, to_user_error
from saas_platform.source.mssql.sql import qualified, quoted
from saas_platform.source.personal import SAMPLE

#: How many rows are read of a table if only a sample is wanted.
SAMPLE_ROWS = 100_000
#: The most characters of a sample text; personal data with a recognisable form is never longer.
_SAMPLE_CHARACTERS = 200


@dataclass(frozen=True)
class TableLocation:
    """A table in the source, and the name of its mirror."""

    schema: str
    name: str
    mirror: str

    @property
    def full_name(self) -> str:
        return qualified(self.schema, self.name)


@dataclass(frozen=True)
class TableRows:
    """The rows of one table, as discovery reads them.

    Attributes:
        cursor: a cursor of the source.
        location: the table.
        columns: the columns of the table.
        notes: the list to which notes for the user are added.
    """

    cursor: Cursor
    location: TableLocation
    columns: Sequence[SourceColumn]
    notes: list[str]

    def unreadable(self, address: Address, protected: Collection[str]) -> set[str]:
        """Return the columns that this login can't read.

        The server hides the values of those in `protected`. A note is added for each of the others.

        Raises:
            Exception: the driver's error if the login may not read the table at all.
        """
        names = [column.name for column in self.columns if column.name not in protected]
        try:
            self.cursor.execute(_none_of(self.location, ", ".join(map(quoted, names)))).fetchall()
        except cursor_errors():
            # If only a single column is denied, the rest of the table can still be mirrored.
            self.cursor.execute(_none_of(self.location, "1 AS c0")).fetchall()
        else:
            return {*protected}
        found = {*protected}
        for name in names:
            try:
                self.cursor.execute(_none_of(self.location, quoted(name))).fetchall()
            except cursor_errors() as error:
                found.add(name)
                reason = to_user_error(
                    address, error, f"{self.location.mirror}.{name}", self.location.full_name
                )
                self.notes.append(f"{reason} Or leave the column out.")
        return found

    def with_null(
        self, unique: Sequence[Sequence[str]], kept: Collection[str], *, sample: bool
    ) -> set[str]:
        """Return the columns of unique sets that hold a NULL, or could not be checked, by one scan of the table.

        If a unique set has no nullable column, no scan is needed, and every nullable column is returned.

        Args:
            unique: the sets of columns that the source keeps unique.
            kept: the columns that this login can't read.
            sample: whether only the first rows are read.
        """
        nullable = {column.name for column in self.columns if column.nullable}
        if not unique or any(not nullable & {*names} for names in unique):
            return {name for names in unique for name in names if name in nullable}
        wanted = nullable & {name for names in unique for name in names}
        asked = [c.name for c in self.columns if c.name in wanted.difference(kept)]
        if not asked:
            return wanted
        self.cursor.execute(nulls_query(self.location.full_name, asked, sample))
        found = self.cursor.fetchone()
        extent = f"its first {SAMPLE_ROWS:,} rows were" if sample else "it was"
        self.notes.append(
            f"{self.location.mirror} has no primary key, so that {extent} read once to look for NULL in its"
            f" unique columns: {', '.join(asked)}."
        )
        # A column that can't be read counts as one that holds a NULL.
        return wanted.difference(asked) | {
            n for n, there in zip(asked, found, strict=True) if there
        }

    def samples(self, kept: Collection[str]) -> dict[str, list[Any]]:
        """Return some short texts of each column of texts, for the detection of personal data.

        The columns in `kept` are left out, because no function of T-SQL takes an encrypted column.
        """
        texts = [
            column.name
            for column in self.columns
            if catalogue_types.base_type(column.type) in catalogue_types.TEXTS
            and column.name not in kept
        ]
        if not texts:
            return {}
        # Longer texts are left out instead of cut, because a cut could split a surrogate pair.
        values = ", ".join(
            f"CASE WHEN LEN(CONVERT(NVARCHAR(MAX), {quoted(name)})) <= {_SAMPLE_CHARACTERS}"
            f" THEN CONVERT(NVARCHAR(4000), {quoted(name)}) END AS c{number}"
            for number, name in enumerate(texts)
        )
        by_names = "personal data was detected only by the names of its columns."
        try:
            rows = self.cursor.execute(
                f"SELECT TOP {SAMPLE} {values} FROM {self.location.full_name}"
            ).fetchall()
        except UnicodeDecodeError:
            self.notes.append(
                f"{self.location.mirror} holds a text that is not valid UTF-16, at which its sync will stop:"
                f" {by_names}"
            )
            return {}
        except cursor_errors():
            # The error's own message may contain a value of a row.
            self.notes.append(
                f"{self.location.mirror} has a column, such as a computed one, whose values raise an error when"
                f" they are read, at which its sync will stop: {by_names}"
            )
            return {}
        return {
            name: [row[n] for row in rows if row[n] is not None] for n, name in enumerate(texts)
        }


def _none_of(location: TableLocation, listed: str) -> str:
    return f"SELECT TOP 0 {listed} FROM {location.full_name}"


def nulls_query(full_name: str, names: Sequence[str], sample: bool) -> str:
    """Return a query that finds, in one scan, which columns are NULL in any row."""
    asked = ", ".join(
        f"MAX(CASE WHEN r.{quoted(name)} IS NULL THEN 1 ELSE 0 END) AS c{place}"
        for place, name in enumerate(names)
    )
    rows = full_name
    if sample:
        listed = ", ".join(map(quoted, names))
        rows = f"(SELECT TOP {SAMPLE_ROWS} {listed} FROM {full_name})"
    return f"SELECT {asked} FROM {rows} r"
