"""Build the errors for values in a source that their columns can't hold, and for columns that can't be read.

Out of scope: finding such values and columns, which each engine does itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import sqlalchemy as sa

from saas_platform.schema.declared import yaml_line
from saas_platform.schema.describing import key_words, printable, type_words
from saas_platform.schema.kinds import kind_of
from saas_platform.schema.source_names import source_column
from saas_platform.source.interface import MisfitError, SourceColumn, SourceError
from saas_platform.source.personal import personal_kind

#: How many columns identify a row for a person if the table has no key.
_MOST_NAMED = 3


def row_columns(column: sa.Column[Any]) -> list[sa.Column[Any]]:
    """Return the columns by whose values a message names a row with a wrong value in `column`.

    They are the key's. Without a key they are a few other columns that hold no personal data.
    """
    table = column.table
    others = (
        each
        for each in table.columns
        if each is not column and not each.info.get("pii") and kind_of(each).name != "bytes"
    )
    return list(table.primary_key.columns) or [*islice(others, _MOST_NAMED)]


def misfit_error(
    column: sa.Column[Any], row: Mapping[str, Any], literal: str, *, fits_none: str = ""
) -> MisfitError:
    """Return the error for a value that does not fit its column's type.

    Args:
        column: the column.
        row: the values of `row_columns` in the value's row. Personal ones are masked.
        literal: the value as the database writes it. It is not shown if it may be personal.
        fits_none: what the value is not, if therefore no type of the column could hold it.
    """
    table = column.table
    value = "a value" if _may_be_personal(column) else printable(literal)
    place = f" in the row with {key_words(table, row)}" if row else ""
    own = ""
    if is_own(column):
        own = (
            f", or {leave_out(table.name, in_key=column.primary_key)}"
            if fits_none
            else ", or declare another type for the column in tables.yaml, which `saas-platform doctor --discover` proposes"
        )
    return MisfitError(
        f"{table.name}.{column.name} of the source holds {value}{place}, which is not"
        f" {fits_none or type_words(column)}: correct it in the source{own}, then run again."
    )


def leave_out(table: str, *, in_key: bool) -> str:
    """Return the advice to leave out a column that can't be mirrored, or the table that has it `in_key`."""
    if in_key:
        return f"remove {table} from tables.yaml, with the references to it, and add it to `skip:` at the top"
    return f"move the column from the columns of {table} in tables.yaml to its `skip:`"


def skip_line(table: sa.Table, columns: Iterable[SourceColumn]) -> str:
    """Return the line of tables.yaml that skips the columns, and those that are skipped already."""
    skipped = table.info.get("skipped", ())
    return yaml_line("skip", [*skipped, *(column.name for column in columns)])


def skip_columns(table: sa.Table, columns: Iterable[SourceColumn]) -> str:
    """Return the advice to skip more columns of the table."""
    return f"write `{skip_line(table, columns)}` under {table.name} in tables.yaml"


def unreadable_sentences(table: sa.Table, columns: Mapping[str, SourceColumn]) -> Iterator[str]:
    """Yield why each of the columns, by their declared names, can't be read, and how to leave it out."""
    skip = skip_columns(table, columns.values())
    for name, present in columns.items():
        by_itself = (
            " (`saas-platform doctor --discover --yes` does both for you)"
            if present.is_left_out
            else ""
        )
        yield (
            f"{table.name}.{name} {present.unreadable}. To leave it out: remove it from the columns of {table.name}"
            f" in tables.yaml, with everything there that names it, and {skip}{by_itself}."
        )


def _may_be_personal(column: sa.Column[Any]) -> bool:
    """Return whether the column holds personal data, or would by its name if its type could hold it."""
    if column.info.get("pii"):
        return True
    name = source_column(column)
    return personal_kind(name) is not None and personal_kind(name, (), column.type) is None


def null_error(column: sa.Column[Any], row: Mapping[str, Any]) -> SourceError:
    """Return the error for a NULL in a column that is declared as NOT NULL; `row` has values of `row_columns`."""
    place = f" in the row with {key_words(column.table, row)}" if row else ""
    own = ""
    if is_own(column):
        own = (
            f", or write other columns or `key: []` under {column.table.name} in tables.yaml, and `nullable: true`"
            f" at {column.name}"
            if column.primary_key
            else ", or declare the column nullable in tables.yaml"
        )
    return SourceError(
        f"{column.table.name}.{column.name} of the source holds NULL{place}, declared as NOT NULL:"
        f" correct the row{own}, then run again."
    )


def is_own(column: sa.Column[Any]) -> bool:
    """Return whether the column comes from the user's own tables.yaml."""
    return "declared" in column.info
