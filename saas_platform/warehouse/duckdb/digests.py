"""Digests of rows in DuckDB: of a mirror, or of the texts of rows that a source streams.

Holds both forms and the query of each slice. Does not hold: the canonical SQL.
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

#: The number of a row, from SQL of its text: the engine's own hash costs a tenth of the canonical number.
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
    """Of the mirror's rows in the slices; in all where None."""
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
    """Of rows whose texts are streamed (`canonical.ROW_TEXTS`)."""
    with connection.streaming(texts) as relation:
        found = connection.run(
            f"SELECT {_SLICE}, count(*), sum({_NUMBERS[form](_TEXT)}) FROM {relation} GROUP BY 1"
        )
    return {slice_id: SliceDigest(n, int(total)) for slice_id, n, total in found}


def hash_texts(texts: RowStream) -> dict[str, SliceDigest]:
    """Canonical digest of streamed texts, in this process and without a file.

    For a warehouse that can't read a stream, such as one behind a network.
    """
    with duckdb.connect() as opened:
        return text_digests(Connection(opened), texts, "canonical")
