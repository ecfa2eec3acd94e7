"""The errors for values of a source that their columns can't hold.

Does not hold: finding such values, which is each engine's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from saas_platform.schema.describing import key_words, printable, type_words
from saas_platform.source.interface import SourceError


def misfit_error(column: sa.Column[Any], key: Mapping[str, Any], literal: str) -> SourceError:
    """The error for a value that its column's type does not hold.

    `key` has the key of the value's row, empty where the table has none; `literal` is the value as the
    database writes it. Both are masked where the column holds personal data.
    """
    table = column.table
    value = "a value" if column.info.get("pii") else printable(literal)
    place = f" in the row with {key_words(table, key)}" if key else ""
    own = ", or declare another type for the column in tables.yaml" if _is_own(column) else ""
    return SourceError(
        f"{table.name}.{column.name} of the source holds {value}{place}, which is not"
        f" {type_words(column)}: correct it in the source{own}, then run again."
    )


def null_error(column: sa.Column[Any], key: Mapping[str, Any]) -> SourceError:
    """The error for a NULL in a column that is declared without."""
    place = f" in the row with {key_words(column.table, key)}" if key else ""
    own = ", or declare the column nullable in tables.yaml" if _is_own(column) else ""
    return SourceError(
        f"{column.table.name}.{column.name} of the source holds NULL{place}, declared as NOT NULL:"
        f" correct the row{own}, then run again."
    )


def _is_own(column: sa.Column[Any]) -> bool:
    """Whether the table is declared in the user's own tables.yaml."""
    return "declared" in column.info
