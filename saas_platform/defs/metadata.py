"""Derive the metadata of assets from the schema, and that of checks from proofs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg
import pyarrow as pa
import sqlalchemy as sa

from saas_platform.schema import arrow_schema, slicing_of
from saas_platform.sync.report import ProofReport

#: The tag of an event with the version of what was materialised.
DATA_VERSION = "dagster/data_version"


def column_schema(table: sa.Table, types: Mapping[str, str]) -> dg.TableSchema:
    """Return the columns for the Dagster UI, with type, comment, constraints and kind of personal data."""
    return dg.TableSchema(
        columns=[_column(table, column, types[column.name]) for column in table.columns]
    )


def frame_schema(
    schema: pa.Schema,
    types: Mapping[str, str] | None = None,
    descriptions: Mapping[str, str] | None = None,
) -> dg.TableSchema:
    """Return the columns of Arrow rows that belong to no source table.

    A column is described by its field's metadata, or else by `descriptions`. `types` are the columns' types as the
    warehouse names them; without them the rows are in Parquet, whose types have Arrow's names.
    """
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=field.name,
                type=types[field.name] if types else str(field.type),
                description=_description(field) or (descriptions or {}).get(field.name),
            )
            for field in schema
        ]
    )


def _description(field: pa.Field) -> str:
    return (field.metadata or {}).get(b"description", b"").decode()


def _column(table: sa.Table, column: sa.Column, type_: str) -> dg.TableColumn:
    unique = any(
        isinstance(constraint, sa.UniqueConstraint | sa.PrimaryKeyConstraint)
        and list(constraint.columns) == [column]
        for constraint in table.constraints
    )
    other = [f"references {key.target_fullname}" for key in column.foreign_keys]
    if "values" in column.info:
        other.append("one of " + ", ".join(map(str, column.info["values"])))
    tags = {name: column.info[name] for name in ("pii", "mirror_form") if name in column.info}
    return dg.TableColumn(
        name=column.name,
        type=type_,
        description=column.comment,
        constraints=dg.TableColumnConstraints(
            nullable=bool(column.nullable), unique=unique, other=other
        ),
        tags=tags or None,
    )


def arrow_types(table: sa.Table) -> dict[str, str]:
    """Return the types of a table's columns as Arrow names them."""
    return {field.name: str(field.type) for field in arrow_schema(table, with_row_version=True)}


def source_types(table: sa.Table, engine: str) -> dict[str, str]:
    """Return the types of the columns of a company's table as the source's engine names them."""
    dialect = sa.make_url(f"{engine}://").get_dialect()()
    return {column.name: str(column.type.compile(dialect=dialect)) for column in table.columns}


def definition_metadata(table: sa.Table, types: Mapping[str, str]) -> dict[str, Any]:
    """Return the metadata of a table's asset that is known before it is materialised.

    `types` are those of the columns, as the engine that holds the table names them.
    """
    slicing = slicing_of(table)
    return {
        "dagster/column_schema": column_schema(table, types),
        "slice": f"{slicing.column} by {slicing.grain}" if slicing else "whole table",
    }


def proof_metadata(proof: ProofReport | None) -> dict[str, Any]:
    """Return the metadata of a check that reports a proof; empty if the proof could not be made."""
    if proof is None:
        return {}
    return {
        "rows_source": proof.rows_source,
        "rows_mirror": proof.rows_mirror,
        "slices_checked": proof.slices_checked,
        "slices_total": proof.slices_total,
        "slices_differing": list(proof.slices_differing),
        "digest": digest_words(proof),
        "seconds": round(proof.seconds, 3),
    }


def digest_words(proof: ProofReport | None) -> str:
    """Return the digest that a proof computed, or in a word why there is none."""
    if proof is None:
        return "none"
    return proof.digest or "counts only"
