"""Build the errors for values in a source that their columns can't hold.

Out of scope: finding such values, which each engine does itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from saas_platform.schema.describing import key_words, printable, type_words
from saas_platform.source.interface import SourceError


def misfit_error(column: sa.Column[Any], key: Mapping[str, Any], literal: str) -> SourceError:
    """Return the error for a value that does not fit its column's type.

    `key` is the key of the value's row, empty if the table has none. `literal` is the value as the
    database writes it. Both are masked if the column holds personal data.
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
    """Return the error for a NULL in a column that is declared as NOT NULL."""
    place = f" in the row with {key_words(column.table, key)}" if key else ""
    own = ", or declare the column nullable in tables.yaml" if _is_own(column) else ""
    return SourceError(
        f"{column.table.name}.{column.name} of the source holds NULL{place}, declared as NOT NULL:"
        f" correct the row{own}, then run again."
    )


def _is_own(column: sa.Column[Any]) -> bool:
    """Return whether the column comes from the user's own tables.yaml."""
    return "declared" in column.info
