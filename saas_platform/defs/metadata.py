"""Derives the metadata of assets from the schema."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.dialects import mssql

from saas_platform.schema import slice_of


def column_schema(table: sa.Table) -> dg.TableSchema:
    """Return the columns for the Dagster UI, with type, comment, constraints and kind of personal data."""
    return dg.TableSchema(columns=[_column(table, column) for column in table.columns])


def frame_schema(schema: pa.Schema) -> dg.TableSchema:
    """Return the columns of Arrow rows that belong to no source table."""
    return dg.TableSchema(
        columns=[dg.TableColumn(name=field.name, type=str(field.type)) for field in schema]
    )


def _column(table: sa.Table, column: sa.Column) -> dg.TableColumn:
    unique = any(
        isinstance(constraint, sa.UniqueConstraint | sa.PrimaryKeyConstraint)
        and list(constraint.columns) == [column]
        for constraint in table.constraints
    )
    other = [f"references {key.target_fullname}" for key in column.foreign_keys]
    if "values" in column.info:
        other.append("one of " + ", ".join(map(str, column.info["values"])))
    tags = {"pii": column.info["pii"]} if "pii" in column.info else None
    return dg.TableColumn(
        name=column.name,
        type=str(column.type.compile(dialect=mssql.dialect())),
        description=column.comment,
        constraints=dg.TableColumnConstraints(
            nullable=bool(column.nullable), unique=unique, other=other
        ),
        tags=tags,
    )


def definition_metadata(table: sa.Table) -> dict[str, Any]:
    """Return the metadata of a table's asset that is known before it is materialised."""
    cut = slice_of(table)
    return {
        "dagster/column_schema": column_schema(table),
        "slice": f"{cut.column} by {cut.grain}" if cut else "whole table",
    }
