"""BigQuery as the warehouse: three datasets of one project, reached by Google's client.

BigQuery computes the digests. Rows that have to be compared are fetched, slice by slice, and compared in this
process.
"""

from __future__ import annotations

import hashlib
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from google.cloud import bigquery

from saas_platform.schema.arrow import arrow_schema
from saas_platform.schema.slices import SliceDigest
from saas_platform.warehouse.bigquery import canonical as bigquery_canonical
from saas_platform.warehouse.bigquery import sql as q
from saas_platform.warehouse.bigquery.changes import BigqueryChanges, append_to_log, load_whole
from saas_platform.warehouse.bigquery.connection import Connection
from saas_platform.warehouse.bigquery.digests import mirror_digests, mirror_query, tables_query
from saas_platform.warehouse.bigquery.first_load import load_by_days, may_load_by_days
from saas_platform.warehouse.bigquery.jobs import job_name
from saas_platform.warehouse.bigquery.loads import replace_rows
from saas_platform.warehouse.bigquery.merging import merge_rows
from saas_platform.warehouse.bigquery.schemas import drop, examine, prepare
from saas_platform.warehouse.bigquery.tables import (
    fields_of,
    mirror_schema,
    name_of_type,
    tagged,
    types_of,
    unsupported_reason,
)
from saas_platform.warehouse.bigquery.target import BigqueryTarget
from saas_platform.warehouse.duckdb.comparison import compare
from saas_platform.warehouse.duckdb.digests import hash_texts
from saas_platform.warehouse.duckdb.scratch import holding, narrowed, scratch
from saas_platform.warehouse.folding import folded, folded_literal, unquoted
from saas_platform.warehouse.interface import (
    RAW,
    Changes,
    Comparison,
    DigestForm,
    Mirror,
    QueryCost,
    Warehouse,
    WarehouseError,
    target_schema,
)
from saas_platform.warehouse.logs import (
    PROOF_LOG,
    SYNC_LOG,
    DayRows,
    ProofEntry,
    SyncEntry,
)
from saas_platform.warehouse.stream import RowStream

#: The number of estimates requested at the same time. Each waits for the service, and a run has hundreds.
_AT_ONCE = 8
#: Separates each letter from its accents, and removes the accents.
_WITHOUT_ACCENTS = r"REGEXP_REPLACE(NORMALIZE({}, NFD), r'\pM', '')"
_LONG_AGO = q.timestamp(q.FIRST_TIMESTAMP)


class BigqueryWarehouse(Warehouse):
    """The warehouse in a project. `make_client` replaces the client that the environment gives."""

    engine = "bigquery"
    #: The most partitions that a table may have.
    most_slices = 10_000

    def __init__(
        self, target: BigqueryTarget, make_client: Callable[[], bigquery.Client] | None = None
    ) -> None:
        self.target = target
        self._bare = Connection(target, make_client or target.client)
        self._prepared = False
        #: Jobs are named by sync, table and a number that counts the jobs of both.
        self._jobs: Counter[tuple[str, str]] = Counter()

    @contextmanager
    def session(self) -> Iterator[None]:
        # The client keeps its connections for all calls.
        yield

    @property
    def _connection(self) -> Connection:
        """The connection, once the datasets and logs exist."""
        if not self._prepared:
            prepare(self._bare)
            self._prepared = True
        return self._bare

    def _name(self, sync_id: str, table: sa.Table) -> str:
        self._jobs[sync_id, table.name] += 1
        return job_name(sync_id, table.name, self._jobs[sync_id, table.name])

    def error_of(self, message: str) -> WarehouseError | None:  # noqa: ARG002
        return None

    def ping(self) -> str:
        return examine(self._bare)

    def drop(self) -> None:
        drop(self._bare)
        self._prepared = False

    def mirrors(self) -> list[Mirror]:
        if not self.table_exists(RAW, SYNC_LOG.name):
            return []
        rows = self._bare.run(
            f"SELECT COALESCE(mirror_schema, {q.text(RAW)}) AS schema, table_name, MAX(finished_at)"
            f" FROM {q.qualified(RAW, SYNC_LOG.name)} GROUP BY schema, table_name"
            " ORDER BY table_name, schema"
        )
        found = [Mirror(*row) for row in rows]
        return [each for each in found if self.table_exists(each.schema, each.name)]

    def drop_mirror(self, mirror: Mirror) -> None:
        # No transaction can drop a table, so the table goes first. If the process is killed after that, the
        # log names a missing mirror, which the next sync creates again.
        log, proofs = (q.qualified(RAW, each.name) for each in (SYNC_LOG, PROOF_LOG))
        name = q.text(mirror.name)
        script = "\n".join(
            [
                f"DROP TABLE IF EXISTS {q.qualified(mirror.schema, mirror.name)};",
                f"DELETE FROM {log} WHERE table_name = {name}"
                f" AND COALESCE(mirror_schema, {q.text(RAW)}) = {q.text(mirror.schema)};",
                # The proofs of a mirror of the same name in another dataset stay.
                f"DELETE FROM {proofs} WHERE table_name = {name} AND table_name NOT IN"
                f" (SELECT table_name FROM {log});",
            ]
        )
        self._connection.script(script, job_name("reset", uuid.uuid4().hex), {})

    def query(self, sql: str) -> pa.Table:
        return self._bare.arrow(sql)

    def query_costs(self, tables: Collection[sa.Table]) -> list[QueryCost]:
        asked = {
            (table.name, purpose): sql
            for table in tables
            if unsupported_reason(table) is None
            for purpose, sql in (
                ("newest sync", _newest(SYNC_LOG, table, "finished_at")),
                ("newest proof", _newest(PROOF_LOG, table, "proven_at")),
                ("rows of each slice", q.counts(table)),
                ("slices of touched keys", _key_columns(table)),
                ("digest of every slice", mirror_query(table, None)),
            )
        }
        found = self.query_bytes(list(asked.values()))
        return [QueryCost(*of, bytes_) for of, bytes_ in zip(asked, found, strict=True)]

    def query_bytes(self, queries: Sequence[str]) -> list[int | None]:
        # The client is created here once, instead of by each thread. Threads may share it.
        _ = self._bare.client
        with ThreadPoolExecutor(_AT_ONCE) as asking:
            return list(asking.map(self._bare.bytes_of, queries))

    def quoted(self, name: str) -> str:
        return q.quoted(name)

    def literal(self, value: Any) -> str:
        return q.literal(value)

    def mirror_rows(self, table: sa.Table) -> str:
        return f"(SELECT * FROM {q.mirror(table)} WHERE {q.within(table, None)})"

    def matches(self, column: str, pattern: str) -> str:
        return f"REGEXP_CONTAINS({q.quoted(column)}, {q.text(pattern)})"

    def folded(self, text: str, collation: str, *, broadly: bool) -> str:
        return folded(text, collation, broadly=broadly, without_accents=_WITHOUT_ACCENTS)

    def folded_literal(self, literal: str, collation: str, *, broadly: bool) -> str:
        text = self.folded(unquoted(literal), collation, broadly=broadly)
        return folded_literal(literal, text, *q.NUMBERS)

    def table_exists(self, schema: str, name: str) -> bool:
        return self._bare.table(schema, name) is not None

    def replace_table(self, schema: str, name: str, rows: pa.Table) -> None:
        replace_rows(self._connection, schema, name, rows)

    def merge_rows(self, schema: str, name: str, key: str, rows: pa.Table) -> None:
        merge_rows(self._connection, schema, name, key, rows)

    def columns_of(self, schema: pa.Schema) -> dict[str, str]:
        return types_of(fields_of(schema))

    def name_of_type(self, declared: str) -> str:
        return name_of_type(declared)

    def digest_query(self, schema: str, names: Collection[str]) -> str:
        return tables_query(schema, names)

    def digest_tables(self, schema: str, names: Collection[str]) -> dict[str, SliceDigest]:
        if not names:
            return {}
        found = self._connection.run(self.digest_query(schema, names))
        return {name: SliceDigest(rows, int(total or 0)) for name, rows, total in found}

    def states(self, schema: str, names: Collection[str]) -> dict[str, str]:
        with ThreadPoolExecutor(_AT_ONCE) as asking:
            found = asking.map(lambda name: self._connection.table(schema, name), names)
            tables = dict(zip(names, found, strict=True))
        return {name: _state(table) for name, table in tables.items() if table is not None}

    def unsupported_reason(self, table: sa.Table) -> str | None:
        return unsupported_reason(table)

    def declared_columns(self, table: sa.Table) -> dict[str, str]:
        tags = self.target.policy_tags
        return types_of(mirror_schema(table, tags), tagged=tagged(table, tags))

    def mirror_columns(self, table: sa.Table) -> dict[str, str]:
        # The order of the table's columns is ignored: every statement names its columns, and a new column
        # can only come last.
        tags = tagged(table, self.target.policy_tags)
        found = self._connection.columns(target_schema(table), table.name, tagged=tags)
        places = {name: place for place, name in enumerate(self.declared_columns(table))}
        return dict(sorted(found.items(), key=lambda each: places.get(each[0], len(places))))

    def last_sync(self, table: sa.Table) -> SyncEntry | None:
        rows = self._connection.run(_newest(SYNC_LOG, table, "finished_at"))
        return SyncEntry.of(rows[0]) if rows else None

    def syncs_after(self, timestamp: datetime) -> list[SyncEntry]:
        rows = self._connection.run(
            f"SELECT {q.listed(q.columns(SYNC_LOG))} FROM {q.qualified(RAW, SYNC_LOG.name)}"
            f" WHERE finished_at > {q.timestamp(timestamp)} ORDER BY finished_at"
        )
        return [SyncEntry.of(row) for row in rows]

    def unproven_syncs(self, table: sa.Table) -> list[SyncEntry]:
        log, proofs = q.qualified(RAW, SYNC_LOG.name), q.qualified(RAW, PROOF_LOG.name)
        name = q.text(table.name)
        rows = self._connection.run(
            f"SELECT {q.listed(q.columns(SYNC_LOG))} FROM {log} WHERE table_name = {name}"
            " AND finished_at > COALESCE((SELECT MAX(e.finished_at)"
            f" FROM {log} AS e JOIN {proofs} AS p USING (table_name, sync_id)"
            f" WHERE table_name = {name} AND verdict = 'proven'), {_LONG_AGO})"
            " ORDER BY finished_at"
        )
        return [SyncEntry.of(row) for row in rows]

    def last_proof(self, table: sa.Table) -> ProofEntry | None:
        rows = self._connection.run(_newest(PROOF_LOG, table, "proven_at"))
        return ProofEntry.of(rows[0]) if rows else None

    def slice_counts(self, table: sa.Table) -> dict[str, int]:
        return dict(self._connection.run(q.counts(table)))

    def load(self, table: sa.Table, stream: RowStream, entry: SyncEntry) -> SyncEntry:
        connection = self._connection
        way = load_by_days if may_load_by_days(connection, table) else load_whole
        return way(connection, table, stream, entry, self._name(entry.sync_id, table))

    @contextmanager
    def stage(self, table: sa.Table, sync_id: str) -> Iterator[Changes]:
        name = self._name(sync_id, table)
        with (
            scratch() as local,
            BigqueryChanges(
                self._connection,
                table,
                name,
                local,
                lambda slices: self._rows(table, slices),
                lambda: self.slice_counts(table),
            ) as changes,
        ):
            yield changes

    def digest_mirror(
        self,
        table: sa.Table,
        slices: Collection[str] | None = None,
        form: DigestForm = "native",  # noqa: ARG002
    ) -> dict[str, SliceDigest]:
        return mirror_digests(self._connection, table, slices)

    def digest_texts(
        self,
        texts: RowStream,
        form: DigestForm = "native",  # noqa: ARG002
    ) -> dict[str, SliceDigest]:
        return hash_texts(texts)

    def compare(
        self, table: sa.Table, slices: Collection[str], texts: RowStream, *, samples: int
    ) -> Comparison:
        with scratch() as local, holding(local, table, self._rows(table, slices)):
            return compare(local, table, slices, texts, samples)

    def rows_like(self, table: sa.Table, cells: pa.Table) -> pa.Table:
        places = dict(zip(q.columns(table), cells.schema.names[1:], strict=True))
        keys = [table.columns[name] for name in q.keys(table) or q.columns(table)]
        found = cells.to_pylist()
        same = [
            " AND ".join(
                f"{bigquery_canonical.cell(column, 'm')} = {q.text(row[places[column.name]])}"
                for column in keys
            )
            for row in found
        ]
        slices = {row["c0"] for row in found}
        # With a key, all slices are searched, because a row may have moved to another slice.
        where = q.within(table, None if q.keys(table) else slices, "m")
        listed = ", ".join(
            f"{bigquery_canonical.cell(table.columns[name], 'm')} AS {place}"
            for name, place in places.items()
        )
        return self._connection.arrow(
            f"SELECT {listed} FROM {q.mirror(table)} AS m"
            f" WHERE {where} AND ({' OR '.join(f'({each})' for each in same) or 'FALSE'})"
        )

    def record_proof(self, entry: ProofEntry) -> None:
        self._connection.script(
            append_to_log(PROOF_LOG, entry.values()), job_name("proof", entry.proof_id), {}
        )

    def unsettled_proofs(self, table: sa.Table) -> list[ProofEntry]:
        rows = self._connection.run(
            f"WITH log AS (SELECT {q.listed(q.columns(PROOF_LOG))}"
            f" FROM {q.qualified(RAW, PROOF_LOG.name)} WHERE table_name = {q.text(table.name)}),"
            # The condition is that of `ProofEntry.confirms`.
            f" confirmed AS (SELECT COALESCE(MAX(proven_at), {_LONG_AGO}) AS moment FROM log"
            " WHERE scope = 'all' AND level <> 'counts' AND verdict = 'proven' AND sync_id IS NULL),"
            " began AS (SELECT MIN(proven_at) AS moment FROM log"
            " WHERE verdict = 'differs' AND proven_at > (SELECT moment FROM confirmed))"
            f" SELECT {q.listed(q.columns(PROOF_LOG))} FROM log"
            " WHERE proven_at >= (SELECT moment FROM began) ORDER BY proven_at"
        )
        return [ProofEntry.of(row) for row in rows]

    def daily_rows(self, table: sa.Table, days: int) -> list[DayRows]:
        rows = self._connection.run(
            "SELECT EXTRACT(DATE FROM proven_at) AS day, MAX_BY(rows_mirror, proven_at)"
            f" FROM {q.qualified(RAW, PROOF_LOG.name)} WHERE table_name = {q.text(table.name)}"
            f" AND verdict <> 'differs' GROUP BY day ORDER BY day DESC LIMIT {int(days)}"
        )
        return [DayRows(day, count) for day, count in reversed(rows)]

    def _rows(self, table: sa.Table, slices: Collection[str]) -> pa.Table:
        """Return the mirror's rows in the slices."""
        rows = self._connection.arrow(
            f"SELECT {q.listed(q.columns(table))} FROM {q.mirror(table)}"
            f" WHERE {q.within(table, slices)}"
        )
        return narrowed(rows, arrow_schema(table, with_row_version=True))


def _state(table: bigquery.Table) -> str:
    """Return the query of a view; of a table, the time of its last change and its number of rows."""
    if table.view_query is not None:
        return hashlib.sha256(table.view_query.encode()).hexdigest()
    return f"{table.modified.isoformat()}/{table.num_rows}"


def _newest(log: sa.Table, table: sa.Table, timestamp: str) -> str:
    """Return a query of a table's newest entry in a log."""
    return (
        f"SELECT {q.listed(q.columns(log))} FROM {q.qualified(RAW, log.name)}"
        f" WHERE table_name = {q.text(table.name)} ORDER BY {timestamp} DESC LIMIT 1"
    )


def _key_columns(table: sa.Table) -> str:
    """Return a query that reads the same columns as the search for the slices of touched keys."""
    names = q.listed(q.keys(table) or q.columns(table))
    return (
        f"SELECT {q.slice_id(table)}, {names} FROM {q.mirror(table)} WHERE {q.within(table, None)}"
    )
