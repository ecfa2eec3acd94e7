"""Dagster types of the frames that pass from one asset to another. Dagster checks each frame as it passes.

The types of the source tables are derived from the schema. models.py declares its own with `frame_type`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

import dagster as dg
import dagster_pandas as dp
import pandas as pd
import pyarrow as pa
import sqlalchemy as sa
from dagster_pandas.constraints import (
    ColumnDTypeFnConstraint,
    Constraint,
    NonNullableColumnConstraint,
    StrictColumnsConstraint,
)

from saas_platform.schema import arrow_schema
from saas_platform.schema.kinds import FrameColumn, kind_of

#: With these types, integers and booleans with missing values keep their type instead of becoming floats.
_NULLABLE = {
    pa.int64(): pd.Int64Dtype(),
    pa.int32(): pd.Int32Dtype(),
    pa.bool_(): pd.BooleanDtype(),
}


def timestamp_column(name: str, *, required: bool) -> dp.PandasColumn:
    """Return a column of UTC timestamps of any resolution. dagster-pandas' own knows only nanoseconds."""
    constraints: list[Constraint] = [ColumnDTypeFnConstraint(pd.api.types.is_datetime64_any_dtype)]
    if required:
        constraints.append(NonNullableColumnConstraint())
    return dp.PandasColumn(name, constraints=constraints)


def _column(column: sa.Column) -> dp.PandasColumn:
    required = not column.nullable
    unique = bool(column.primary_key)
    if "values" in column.info:
        return dp.PandasColumn.categorical_column(
            column.name,
            categories=set(column.info["values"]),
            non_nullable=required,
            ignore_missing_vals=not required,
        )
    made = _FRAME_COLUMN.get(kind_of(column).frame)
    if made is not None:
        return made(column.name, required, unique)
    return dp.PandasColumn.string_column(
        column.name, non_nullable=required, ignore_missing_vals=not required
    )


#: Builds the frame's column for each check, from its name, whether it is required, and whether it is a key.
_FRAME_COLUMN: Mapping[FrameColumn, Callable[[str, bool, bool], dp.PandasColumn]] = {
    "boolean": lambda name, required, _: dp.PandasColumn.boolean_column(
        name, non_nullable=required
    ),
    "integer": lambda name, required, unique: dp.PandasColumn.integer_column(
        name, non_nullable=required, unique=unique, ignore_missing_vals=not required
    ),
    "time": lambda name, required, _: timestamp_column(name, required=required),
}


def frame_type(name: str, description: str, columns: list[dp.PandasColumn]) -> dg.DagsterType:
    """Return the type of a frame that has exactly these columns, each as declared."""
    return dp.create_dagster_pandas_dataframe_type(
        name=name,
        description=description,
        columns=columns,
        dataframe_constraints=[StrictColumnsConstraint([column.name for column in columns])],
    )


@cache
def table_frame_type(table: sa.Table) -> dg.DagsterType:
    """Return the type of a frame with the rows of a source table, as the schema declares them."""
    return frame_type(
        f"{table.name}_frame",
        table.comment or "",
        [_column(c) for c in table.columns if not c.info.get("row_version")],
    )


def _to_frame(table: sa.Table, rows: pa.Table) -> pd.DataFrame:
    coded = [name for name in rows.column_names if "values" in table.columns[name].info]
    return rows.to_pandas(types_mapper=_NULLABLE.get, categories=coded)


def check_frame(table: sa.Table, rows: pa.Table) -> None:
    """Check that the rows are as the schema declares. Raises Failure, which names the table and column."""
    wanted = arrow_schema(table).names
    missing = [name for name in wanted if name not in rows.column_names]
    unknown = [name for name in rows.column_names if name not in wanted]
    if missing or unknown:
        problems = [
            f"{what}: {', '.join(names)}"
            for what, names in (("missing columns", missing), ("unexpected columns", unknown))
            if names
        ]
        raise dg.Failure(
            f"The columns of the frame of {table.name} do not match the schema ({'; '.join(problems)})."
        )
    checked = table_frame_type(table).type_check(None, _to_frame(table, rows))  # type: ignore[arg-type]
    if not checked.success:
        # The rest of the description would print whole rows, including personal data.
        reason = (checked.description or "").split("The offending")[0]
        raise dg.Failure(f"The frame of {table.name} does not match the schema: {reason}")
