"""The type `any`: a column of a source in which each value has its own type.

SQLite binds no type to a column, and SQL Server has `sql_variant`. Such a value is mirrored as the text of a
literal, from which its type can be seen: the number 1 is `1` and the text 1 is `'1'`, so the two stay distinct.

Out of scope: how the literal is written, which each source defines itself.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

#: SQL Server's type whose values have types of their own. It keeps a float apart from the same whole number.
_VARIANT = "sql_variant"


class AnyValue(sa.String):
    """The SQLAlchemy type of a value of any type, which is held as the text of its literal."""

    __visit_name__ = "string"
    cache_ok = True


def equates_numbers(column: sa.Column[Any]) -> bool:
    """Return whether the source takes a number of the column for equal to another one with another literal.

    SQLite compares whole numbers and floats by value.
    """
    declared = str(column.info.get("declared", "")).casefold()
    return isinstance(column.type, AnyValue) and declared != _VARIANT
