"""The definitions of BigQuery tables, derived from the declared tables.

Contains: schemas, partitions, clusters, descriptions, labels and policy tags, and which names can't be used.
Out of scope: sending requests.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import sqlalchemy as sa
from google.cloud import bigquery

from saas_platform.schema.arrow import arrow_schema
from saas_platform.schema.kinds import kind_of_arrow
from saas_platform.schema.slices import slicing_of
from saas_platform.warehouse.bigquery import sql as q
from saas_platform.warehouse.interface import RAW, SYNC_ID, WarehouseError
from saas_platform.warehouse.naming import REMEDY, clash

#: Every dataset, table and job of the platform has this label. A dataset without it is never dropped. It also
#: shows in the bill.
LABELS = {"managed_by": "saas-platform"}
#: A column of staging tables: true if the row is deleted and only its key is known.
GONE = "_sync_gone"
#: How long a staging table exists at most. One that a killed sync leaves behind expires after this.
STAGING_LIFE = timedelta(days=1)
_MOST_CLUSTERED = 4
#: The most characters that the description of a column, and of a table, may have.
_DESCRIPTIONS = 1_024, 16_384
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,299}")
#: BigQuery reserves column names that begin with one of these.
_TAKEN = (
    "_table_",
    "_file_",
    "_partition",
    "_row_timestamp",
    "__root__",
    "_colidentifier",
    "_change_sequence_number",
    "_change_type",
    "_change_timestamp",
)
_CLUSTERED = {"BOOL", "INT64", "STRING", "DATE", "TIMESTAMP", "NUMERIC", "BIGNUMERIC"}
#: Aliases of types. The service reports some of them, whichever name declared a column, and dbt declares others.
_TYPES = {"INTEGER": "INT64", "INT": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL"}


def unsupported_reason(table: sa.Table) -> str | None:
    """Return why the table's names keep it out of BigQuery, with the remedy; None if they do not."""
    beginning = f"{table.name} can't be mirrored to BigQuery, because the"
    for kind, name in (("table", table.name), *(("column", name) for name in q.columns(table))):
        if not _NAME.fullmatch(name):
            return (
                f"{beginning} name of the {kind} {name!r} contains characters other than ASCII letters, digits"
                f" and underscores, begins with a digit or has more than 300 characters: {REMEDY}."
            )
        if kind == "column" and name.lower().startswith(_TAKEN):
            return f"{beginning} name of the column {name} begins with a prefix that BigQuery reserves: {REMEDY}."
    return clash(table, SYNC_ID, GONE)


def _field(
    column: sa.Column, policy_tags: Mapping[str, str] | None = None, *, loose: bool = False
) -> bigquery.SchemaField:
    kind, _, numbers = q.type_of(column).partition("(")
    precision, scale = numbers.rstrip(")").split(", ") if numbers else (None, None)
    pii = column.info.get("pii")
    tag = (policy_tags or {}).get(pii, (policy_tags or {}).get("")) if pii else None
    described = {
        "name": column.name,
        "type": kind,
        "mode": "NULLABLE" if loose or column.nullable else "REQUIRED",
        "description": column.comment and column.comment[: _DESCRIPTIONS[0]],
        "precision": precision,
        "scale": scale,
        "policyTags": {"names": [tag]} if tag else None,
    }
    return bigquery.SchemaField.from_api_repr(
        {name: value for name, value in described.items() if value is not None}
    )


def mirror_schema(
    table: sa.Table, policy_tags: Mapping[str, str] | None = None
) -> list[bigquery.SchemaField]:
    """Return the columns of a mirror: the source's, and the sync's id."""
    return [
        *(_field(column, policy_tags) for column in table.columns),
        bigquery.SchemaField(
            SYNC_ID, "STRING", "REQUIRED", description="Sync that brought the row"
        ),
    ]


def mirror_definition(
    name: bigquery.TableReference, table: sa.Table, policy_tags: Mapping[str, str]
) -> bigquery.Table:
    """Return the definition of a mirror, which is partitioned by slice and clustered by key.

    A table that is sliced by day is large, so its mirror requires every query to filter by day.
    """
    made = bigquery.Table(name, schema=mirror_schema(table, policy_tags))
    made.description = table.comment and table.comment[: _DESCRIPTIONS[1]]
    made.labels = {**LABELS, "layer": RAW}
    made.clustering_fields = _clustered(table.primary_key.columns)
    slicing = slicing_of(table)
    if slicing is not None:
        made.time_partitioning = bigquery.TimePartitioning(
            type_=slicing.grain.upper(), field=slicing.column
        )
        made.require_partition_filter = slicing.grain == "day"
    return made


def day_definition(mirror: bigquery.Table, slice_id: str) -> bigquery.Table:
    """Return the definition of one day of a mirror, by the name under which a load replaces it alone."""
    made = bigquery.Table(
        bigquery.DatasetReference(mirror.project, mirror.dataset_id).table(
            f"{mirror.table_id}${slice_id.replace('-', '')}"
        ),
        schema=mirror.schema,
    )
    # If a load names partitions or clusters, BigQuery compares both with those of the table.
    made.time_partitioning = mirror.time_partitioning
    made.clustering_fields = mirror.clustering_fields
    return made


def day_schema(table: sa.Table) -> pa.Schema:
    """Return the Arrow types of rows to load into a mirror. A field is required if its column is."""
    rows = arrow_schema(table, with_row_version=True)
    types = loadable(rows)
    return pa.schema(
        [
            *(types.field(f.name).with_nullable(f.nullable) for f in rows),
            pa.field(SYNC_ID, pa.string(), nullable=False),
        ]
    )


def log_definition(name: bigquery.TableReference, log: sa.Table) -> bigquery.Table:
    """Return the definition of one of the two logs, clustered by table, because queries select by table."""
    made = bigquery.Table(name, schema=[_field(column) for column in log.columns])
    made.labels = {**LABELS, "layer": RAW}
    made.clustering_fields = ["table_name"]
    return made


def staging_definition(
    name: bigquery.TableReference, table: sa.Table, policy_tags: Mapping[str, str]
) -> bigquery.Table:
    """Return the definition of a staging table, which holds rows and deleted keys before they are applied."""
    schema = [_field(column, policy_tags, loose=True) for column in table.columns]
    made = bigquery.Table(name, schema=[*schema, bigquery.SchemaField(GONE, "BOOL")])
    made.labels = {**LABELS, "layer": "staging"}
    made.expires = datetime.now(UTC) + STAGING_LIFE
    return made


def _clustered(columns: Iterable[sa.Column]) -> list[str] | None:
    names = [c.name for c in columns if q.type_of(c).partition("(")[0] in _CLUSTERED]
    return names[:_MOST_CLUSTERED] or None


def is_partitioned_alike(one: bigquery.Table, other: bigquery.Table) -> bool:
    """Return whether both tables have the same partitions.

    Only the options that a definition sets are compared, because the service adds others.
    """
    partitionings = [made.time_partitioning for made in (one, other)]
    first, second = (each and (each.type_, each.field) for each in partitionings)
    return first == second


def types_of(
    schema: Iterable[bigquery.SchemaField], *, tagged: Collection[str] = ()
) -> dict[str, str]:
    """Return the columns and their types, as `sql.type_of` writes them.

    The type of a column in `tagged` includes its policy tag.
    """
    return {
        field.name: _type_of(field) + (_tag_of(field) if field.name in tagged else "")
        for field in schema
    }


def name_of_type(declared: str) -> str:
    """Return BigQuery's name of a type, without its sizes: a view has none, whatever its tables have."""
    name = declared.partition("(")[0].strip().upper()
    return _TYPES.get(name, name)


def _tag_of(field: bigquery.SchemaField) -> str:
    if field.policy_tags is None:
        return ""
    return f" with the policy tag {', '.join(field.policy_tags.names)}"


def _type_of(field: bigquery.SchemaField) -> str:
    kind = _TYPES.get(field.field_type, field.field_type)
    if field.mode == "REPEATED":
        return f"ARRAY<{kind}>"
    return kind if field.precision is None else f"{kind}({field.precision}, {field.scale or 0})"


def tagged(table: sa.Table, policy_tags: Mapping[str, str]) -> set[str]:
    """Return the columns that should have a policy tag. The platform ignores the tags of all others."""
    return {field.name for field in mirror_schema(table, policy_tags) if field.policy_tags}


def completed(
    table: sa.Table, present: Sequence[bigquery.SchemaField], policy_tags: Mapping[str, str]
) -> list[bigquery.SchemaField] | None:
    """Return the fields of a mirror, with the columns and policy tags added that it lacks.

    Returns None if adding is not enough, because other columns differ or a missing column is required.
    """
    wanted = {field.name: field for field in mirror_schema(table, policy_tags)}
    declared, kinds = types_of(wanted.values()), types_of(present)
    missing = [field for name, field in wanted.items() if name not in kinds]
    others_differ = any(declared.get(name) != kind for name, kind in kinds.items())
    if others_differ or any(field.mode == "REQUIRED" for field in missing):
        return None
    return [*(_tagged_as(field, wanted[field.name]) for field in present), *missing]


def _tagged_as(field: bigquery.SchemaField, wanted: bigquery.SchemaField) -> bigquery.SchemaField:
    if wanted.policy_tags is None:
        return field
    tags = wanted.policy_tags.to_api_repr()
    return bigquery.SchemaField.from_api_repr({**field.to_api_repr(), "policyTags": tags})


def untagged(field: bigquery.SchemaField) -> bigquery.SchemaField:
    """Return the field without its policy tag."""
    return bigquery.SchemaField.from_api_repr(
        {name: value for name, value in field.to_api_repr().items() if name != "policyTags"}
    )


def parquet_schema(table: sa.Table) -> pa.Schema:
    """Return the Arrow types of the rows of a staging table."""
    names = arrow_schema(table, with_row_version=True)
    return loadable(names).append(pa.field(GONE, pa.bool_()))


def loadable(schema: pa.Schema) -> pa.Schema:
    """Return the schema with UTC as the zone of timestamps.

    BigQuery would load a timestamp without a zone as DATETIME, which is not a point in time.
    """
    return pa.schema(
        [
            pa.field(f.name, pa.timestamp("us", "UTC") if pa.types.is_timestamp(f.type) else f.type)
            for f in schema
        ]
    )


def fields_of(schema: pa.Schema) -> list[bigquery.SchemaField]:
    """Return the columns of a table that holds rows of a schema.

    Raises WarehouseError for a type that BigQuery does not have.
    """
    return [bigquery.SchemaField(field.name, _arrow_type(field)) for field in schema]


def _arrow_type(field: pa.Field) -> str:
    kind = kind_of_arrow(field.type)
    if kind is None:
        raise WarehouseError(
            f"BigQuery has no type for the column {field.name} of {field.type}: give it another type."
        )
    return q.unsized_type(kind)
