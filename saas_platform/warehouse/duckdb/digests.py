"""Digests of rows in DuckDB: of a mirror, of the texts of rows that a source streams, and of whole tables.

Contains: the native and the canonical form, and the queries by slice and by table. Out of scope:
the canonical SQL.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import duckdb
import sqlalchemy as sa

from saas_platform.schema.canonical import ROW_TEXTS
from saas_platform.schema.slices import SliceDigest
from saas_platform.warehouse.duckdb import canonical as duckdb_canonical
from saas_platform.warehouse.duckdb import sql as q
from saas_platform.warehouse.duckdb.connection import Connection
from saas_platform.warehouse.interface import DigestForm
from saas_platform.warehouse.stream import RowStream

#: Writes SQL of a row's number from SQL of its text. The engine's own hash costs a tenth of the canonical
#: number.
_NUMBERS: Mapping[DigestForm, Callable[[str], str]] = {
    "native": lambda text: f"hash({text})",
    "canonical": duckdb_canonical.number,
}
_SLICE, _TEXT = ROW_TEXTS.names


def mirror_digests(
    connection: Connection,
    table: sa.Table,
    slices: Collection[str] | None,
    form: DigestForm,
) -> dict[str, SliceDigest]:
    """Return the digest of each slice of the mirror that has rows; None means every slice."""
    number = _NUMBERS[form](duckdb_canonical.row_text(table))
    found = connection.run(
        f"SELECT {q.slice_id(table, 't.b')}, t.n, t.total FROM (SELECT {q.bucket(table)}, count(*),"
        f" sum({number}) FROM {q.mirror(table)} WHERE {q.within(table, slices)} GROUP BY 1)"
        " AS t(b, n, total)"
    )
    return {slice_id: SliceDigest(n, int(total)) for slice_id, n, total in found}


def text_digests(
    connection: Connection, texts: RowStream, form: DigestForm
) -> dict[str, SliceDigest]:
    """Return the digest of each slice of rows whose texts are streamed (`canonical.ROW_TEXTS`)."""
    with connection.streaming(texts) as relation:
        found = connection.run(
            f"SELECT {_SLICE}, count(*), sum({_NUMBERS[form](_TEXT)}) FROM {relation} GROUP BY 1"
        )
    return {slice_id: SliceDigest(n, int(total)) for slice_id, n, total in found}


def hash_texts(texts: RowStream) -> dict[str, SliceDigest]:
    """Return the canonical digests of streamed texts, computed in this process and without a file.

    This is for a warehouse that can't read a stream, such as one behind a network.
    """
    with duckdb.connect() as opened:
        return text_digests(Connection(opened), texts, "canonical")


def tables_query(schema: str, names: Collection[str]) -> str:
    """Return the query for the row count and the sum of row hashes of each table, over all of its columns."""
    return " UNION ALL ".join(
        f"SELECT {q.text(name)}, count(*), sum(hash(hash(rows))) FROM {q.qualified(schema, name)} AS rows"
        for name in names
    )
