"""The type `any`: a column of a source in which each value has its own type.

SQLite binds no type to a column, and SQL Server has `sql_variant`. Such a value is mirrored as the text of a
literal, from which its type can be seen: the number 1 is `1` and the text 1 is `'1'`, so the two stay distinct.

Out of scope: how the literal is written, which each source defines itself.
"""

from __future__ import annotations

import sqlalchemy as sa


class AnyValue(sa.String):
    """The SQLAlchemy type of a value of any type, which is held as the text of its literal."""

    __visit_name__ = "string"
    cache_ok = True
