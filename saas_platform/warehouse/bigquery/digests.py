"""Digests of rows in BigQuery, which computes them itself: of a mirror, and of whole tables.

Contains: the queries by slice and by table. Out of scope: the canonical SQL.
"""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from saas_platform.schema.slices import SliceDigest
from saas_platform.warehouse.bigquery import canonical as bigquery_canonical
from saas_platform.warehouse.bigquery import sql as q
from saas_platform.warehouse.bigquery.connection import Connection


def mirror_digests(
    connection: Connection, table: sa.Table, slices: Collection[str] | None
) -> dict[str, SliceDigest]:
    """Return the digest of each slice of the mirror that has rows; None means every slice."""
    found = connection.run(mirror_query(table, slices))
    return {
        slice_id: SliceDigest(n, int(total))
        for slice_id, n, total in found
        if slices is None or slice_id in slices
    }


def mirror_query(table: sa.Table, slices: Collection[str] | None) -> str:
    """Return the query for the digest of each slice; it may also return slices that were not asked for."""
    rows = (
        f"SELECT {q.slice_id(table)} AS slice, {q.listed(q.columns(table))} FROM {q.mirror(table)}"
        f" WHERE {q.within(table, slices)}"
    )
    return q.by_slice(rows, bigquery_canonical.digest(table))


def tables_query(schema: str, names: Collection[str]) -> str:
    """Return the query for the row count and the sum of row hashes of each table, over all of its columns."""
    return " UNION ALL ".join(
        f"SELECT {q.text(name)}, COUNT(*),"
        " SUM(CAST(FARM_FINGERPRINT(TO_JSON_STRING(t)) AS BIGNUMERIC))"
        f" FROM {q.qualified(schema, name)} AS t"
        for name in names
    )
