"""Digests of rows in DuckDB: of a mirror, or of a stream.

Holds both forms and the query of each slice. Does not hold: the canonical SQL.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import duckdb
import sqlalchemy as sa

from saas_platform.schema.slices import SliceDigest
from saas_platform.warehouse import duckdb_canonical
from saas_platform.warehouse import duckdb_sql as q
from saas_platform.warehouse.contract import DigestForm
from saas_platform.warehouse.duckdb_connection import Connection
from saas_platform.warehouse.feed import Feed


def _native(table: sa.Table) -> str:
    """Row count and sum of row hashes, of a group of rows: a tenth of the canonical form's cost.

    `hash` of several columns tells NULL from '' and one column's end from the next one's start. The
    hash of that hash, because it ends in an XOR: two rows that swap their last values would keep
    their sum once in 10^8 cases otherwise.
    """
    return f"count(*), sum(hash(hash({q.listed(q.columns(table))})))"


_FORMS: Mapping[DigestForm, Callable[[sa.Table], str]] = {
    "native": _native,
    "canonical": duckdb_canonical.digest,
}


def digests(
    connection: Connection,
    table: sa.Table,
    rows: str,
    slices: Collection[str] | None,
    form: DigestForm,
) -> dict[str, SliceDigest]:
    """Of the rows that the table, view or stream `rows` has in the slices; in all where None."""
    found = connection.run(
        f"SELECT {q.slice_id(table, 'b')}, n, total FROM (SELECT {q.bucket(table)} AS b,"
        f" {_FORMS[form](table)} FROM {rows} WHERE {q.within(table, slices)} GROUP BY 1)"
        " AS t(b, n, total)"
    )
    return {slice_id: SliceDigest(n, int(total)) for slice_id, n, total in found}


def hash_stream(table: sa.Table, feed: Feed) -> dict[str, SliceDigest]:
    """Canonical digest of streamed rows, in this process and without a file.

    For a warehouse that can't read a stream, such as one behind a network.
    """
    with duckdb.connect() as opened:
        connection = Connection(opened)
        with connection.streaming(feed) as stream:
            return digests(connection, table, stream, None, "canonical")
