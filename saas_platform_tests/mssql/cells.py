"""The cell of a value as the load and as the proof write it.

Their expressions are evaluated by `tsql.py`, which knows the results of T-SQL's conversions, but not how the
platform uses them.
"""

from __future__ import annotations

import typing
from typing import Any

import sqlalchemy as sa

from saas_platform.schema.canonical import cell
from saas_platform.source.mssql import canonical, catalogue_types, sql
from saas_platform.source.mssql.canonical import Ability
from saas_platform.source.mssql.reading import rows_as_arrow
from saas_platform_tests.mssql.tsql import evaluate
from saas_platform_tests.mssql.tsql_values import Sql, driven

EVERY: tuple[Ability, ...] = typing.get_args(Ability)


def column_of(declared: str, wanted: sa.types.TypeEngine[Any] | None = None) -> sa.Column[Any]:
    column = sa.Column(
        "v]|'", wanted or catalogue_types.portable(declared), info={"declared": declared}
    )
    sa.Table("t", sa.MetaData(), column)
    return column


def loaded(column: sa.Column[Any], stored: Sql) -> str:
    """Return the cell of the value that arrives in the mirror."""
    given = driven(evaluate(sql.value(column), {column.name: stored}))
    (row,) = rows_as_arrow([column], [(given,)]).to_pylist()
    return cell(column, row[column.name])


def proven(column: sa.Column[Any], stored: Sql) -> Any:
    made = canonical.cell(column, EVERY)
    assert made is not None
    return evaluate(made, {column.name: stored}).value
