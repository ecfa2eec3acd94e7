"""The type `any`: a column of a source whose values have types of their own.

SQLite binds no type to a column, and SQL Server has `sql_variant`. Such a value travels as the text of a
literal that names its type as well: the number 1 is `1`, the text 1 is `'1'`, so that the two stay apart.

Does not hold: how an engine writes the literal (each source has its own).
"""

from __future__ import annotations

import sqlalchemy as sa


class AnyValue(sa.String):
    """A value of any type, as the text of its literal."""

    __visit_name__ = "string"
    cache_ok = True
