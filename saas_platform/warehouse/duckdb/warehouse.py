"""DuckDB as the warehouse, in one file and without a server."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from saas_platform.schema.slices import SliceDigest
from saas_platform.warehouse.duckdb import sql as q
from saas_platform.warehouse.duckdb.canonical import cell
from saas_platform.warehouse.duckdb.changes import (
    DuckdbChanges,
    append_to_log,
    check_key,
    commit_entry,
)
from saas_platform.warehouse.duckdb.comparison import compare
from saas_platform.warehouse.duckdb.connection import STAGING, Connection, connect
from saas_platform.warehouse.duckdb.digests import mirror_digests, tables_query, text_digests
from saas_platform.warehouse.duckdb.errors import error_in, translate_errors
from saas_platform.warehouse.duckdb.merging import merge_rows
from saas_platform.warehouse.duckdb.schemas import drop, prepare, view_in_place
from saas_platform.warehouse.duckdb.tables import columns_of, declared, definition, name_of_type
from saas_platform.warehouse.folding import folded, folded_literal, unquoted
from saas_platform.warehouse.interface import (
    RAW,
    SCHEMAS,
    SYNC_ID,
    Changes,
    Comparison,
    DigestForm,
    Mirror,
    T,
    Warehouse,
    WarehouseError,
    WarehouseMemoryError,
    target_schema,
)
from saas_platform.warehouse.logs import PROOF_LOG, SYNC_LOG, DayRows, ProofEntry, SyncEntry
from saas_platform.warehouse.naming import clash, differs_by_case
from saas_platform.warehouse.stream import RowStream


class DuckdbWarehouse(Warehouse):
    """The warehouse in one file, opened for each call or session, so that other processes get their turn."""

    engine = "duckdb"

    def __init__(self, path: Path, *, wait_seconds: float = 30.0) -> None:
        if path.stem.casefold() in (*SCHEMAS, STAGING, "temp", "system", "main"):
            # DuckDB names the catalogue after the file, and can't distinguish it from a schema of that name.
            raise WarehouseError(
                f"A DuckDB warehouse can't be named {path.name}, as {path.stem} names a schema or"
                " catalogue in it: give SAAS_WAREHOUSE_URL another file name."
            )
        self.path = path
        self._wait_seconds = wait_seconds
        # Only one thread of this process uses the file at a time, as only one process does.
        self._lock = threading.RLock()
        self._open: Connection | None = None

    @contextmanager
    def session(self) -> Iterator[None]:
        with self._connected():
            yield

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        with self._lock:
            if self._open is not None:
                with translate_errors(self.path):
                    yield self._open
                return
            with connect(self.path, self._wait_seconds) as connection:
                prepare(connection)
                self._open = connection
                try:
                    yield connection
                finally:
                    self._open = None

    def with_room(self, work: Callable[[], T]) -> T:
        with self._connected() as connection:
            try:
                return work()
            except WarehouseMemoryError:
                connection.lift_limit()
                return work()

    def error_of(self, message: str) -> WarehouseError | None:
        return error_in(self.path, message)

    def ping(self) -> str:
        if not self.path.exists():
            return "empty: `saas-platform run` will fill it"
        with self._connected() as connection:
            ((version,),) = connection.run("SELECT version()")
        return f"answers; version {version}"

    def drop(self) -> None:
        if not self.path.exists():
            return
        with self._connected() as connection:
            drop(connection)

    def mirrors(self) -> list[Mirror]:
        if not self.path.exists():
            return []
        with self._connected() as connection:
            rows = connection.run(
                "SELECT coalesce(mirror_schema, ?) AS schema, table_name, max(finished_at)"
                f" FROM {q.qualified(RAW, SYNC_LOG.name)} WHERE (schema, table_name) IN"
                " (SELECT (t.table_schema, t.table_name) FROM information_schema.tables t"
                " WHERE t.table_catalog = current_database()) GROUP BY ALL ORDER BY table_name, schema",
                [RAW],
            )
        return [Mirror(*row) for row in rows]

    def drop_mirror(self, mirror: Mirror) -> None:
        log, proofs = (q.qualified(RAW, each.name) for each in (SYNC_LOG, PROOF_LOG))
        with self._connected() as connection, connection.transaction():
            view = view_in_place(connection, mirror.schema, mirror.name)
            if view is not None:
                raise WarehouseError(view)
            connection.run(f"DROP TABLE IF EXISTS {q.qualified(mirror.schema, mirror.name)}")
            connection.run(
                f"DELETE FROM {log} WHERE table_name = ? AND coalesce(mirror_schema, ?) = ?",
                [mirror.name, RAW, mirror.schema],
            )
            # The proofs of a mirror of the same name in another schema stay.
            connection.run(
                f"DELETE FROM {proofs} WHERE table_name = ? AND table_name NOT IN"
                f" (SELECT table_name FROM {log})",
                [mirror.name],
            )

    def query(self, sql: str) -> pa.Table:
        with self._connected() as connection:
            return connection.arrow(sql)

    def query_costs(self, tables: Collection[sa.Table]) -> None:  # noqa: ARG002
        return None

    def query_bytes(self, queries: Sequence[str]) -> list[int | None]:
        return [0] * len(queries)

    def quoted(self, name: str) -> str:
        return q.quoted(name)

    def literal(self, value: Any) -> str:
        return q.literal(value)

    def mirror_rows(self, table: sa.Table) -> str:
        return q.mirror(table)

    def matches(self, column: str, pattern: str) -> str:
        return f"regexp_matches({q.quoted(column)}, {q.text(pattern)})"

    def folded(self, text: str, collation: str, *, broadly: bool) -> str:
        return folded(text, collation, broadly=broadly, without_accents="strip_accents({})")

    def folded_literal(self, literal: str, collation: str, *, broadly: bool) -> str:
        text = self.folded(unquoted(literal), collation, broadly=broadly)
        return folded_literal(literal, text, *q.NUMBERS)

    def table_exists(self, schema: str, name: str) -> bool:
        if not self.path.exists():
            return False
        with self._connected() as connection:
            return bool(
                connection.run(
                    "SELECT 1 FROM information_schema.tables WHERE table_catalog = current_database()"
                    " AND table_schema = ? AND table_name = ?",
                    [schema, name],
                )
            )

    def replace_table(self, schema: str, name: str, rows: pa.Table) -> None:
        with (
            self._connected() as connection,
            connection.registered(rows) as relation,
            connection.transaction(),
        ):
            connection.run(f"CREATE SCHEMA IF NOT EXISTS {q.quoted(schema)}")
            connection.run(
                f"CREATE OR REPLACE TABLE {q.qualified(schema, name)} AS SELECT * FROM {relation}"
            )

    def merge_rows(self, schema: str, name: str, key: str, rows: pa.Table) -> None:
        with self._connected() as connection:
            merge_rows(connection, schema, name, key, rows)

    def columns_of(self, schema: pa.Schema) -> dict[str, str]:
        return columns_of(schema)

    def name_of_type(self, declared: str) -> str:
        return name_of_type(declared)

    def digest_query(self, schema: str, names: Collection[str]) -> str:
        return tables_query(schema, names)

    def digest_tables(self, schema: str, names: Collection[str]) -> dict[str, SliceDigest]:
        if not names:
            return {}
        with self._connected() as connection:
            found = connection.run(self.digest_query(schema, names))
        return {name: SliceDigest(rows, total or 0) for name, rows, total in found}

    def states(self, schema: str, names: Collection[str]) -> dict[str, str]:
        if not self.path.exists():
            return {}
        with self._connected() as connection:
            views = dict(
                connection.run(
                    "SELECT view_name, md5(sql) FROM duckdb_views()"
                    " WHERE database_name = current_database() AND schema_name = ?",
                    [schema],
                )
            )
            tables = connection.run(
                "SELECT table_name FROM duckdb_tables()"
                " WHERE database_name = current_database() AND schema_name = ?",
                [schema],
            )
            found = self.digest_tables(schema, [name for (name,) in tables if name in names])
        digests = {name: f"{digest.rows}/{digest.total:x}" for name, digest in found.items()}
        return {name: state for name, state in {**views, **digests}.items() if name in names}

    def unsupported_reason(self, table: sa.Table) -> str | None:
        found = clash(table, SYNC_ID)
        if target_schema(table).casefold() == self.path.stem.casefold():
            # DuckDB would take the schema's name for the file's.
            found = (
                f"{table.name} can't go to the schema {target_schema(table)}, because the warehouse's file is"
                f" {self.path.name}: write another `schema:` for it in tables.yaml."
            )
        if found is not None or not self.path.exists():
            return found
        # DuckDB ignores the case of ASCII letters in names: two such tables would be one mirror.
        with self._connected() as connection:
            logged = connection.run(
                f"SELECT DISTINCT table_name FROM {q.qualified(RAW, SYNC_LOG.name)}"
            )
            view = view_in_place(connection, target_schema(table), table.name)
        return view or differs_by_case(table, (name for (name,) in logged))

    def declared_columns(self, table: sa.Table) -> dict[str, str]:
        return declared(table)

    def mirror_columns(self, table: sa.Table) -> dict[str, str]:
        with self._connected() as connection:
            return connection.columns(q.mirror(table))

    def last_sync(self, table: sa.Table) -> SyncEntry | None:
        with self._connected() as connection:
            rows = connection.run(
                f"SELECT {q.listed(q.columns(SYNC_LOG))} FROM {q.qualified(RAW, SYNC_LOG.name)}"
                " WHERE table_name = ? ORDER BY finished_at DESC LIMIT 1",
                [table.name],
            )
        return SyncEntry.of(rows[0]) if rows else None

    def syncs_after(self, timestamp: datetime) -> list[SyncEntry]:
        with self._connected() as connection:
            rows = connection.run(
                f"SELECT {q.listed(q.columns(SYNC_LOG))} FROM {q.qualified(RAW, SYNC_LOG.name)}"
                " WHERE finished_at > ? ORDER BY finished_at",
                [timestamp],
            )
        return [SyncEntry.of(row) for row in rows]

    def unproven_syncs(self, table: sa.Table) -> list[SyncEntry]:
        log, proofs = q.qualified(RAW, SYNC_LOG.name), q.qualified(RAW, PROOF_LOG.name)
        with self._connected() as connection:
            rows = connection.run(
                f"SELECT {q.listed(q.columns(SYNC_LOG))} FROM {log} WHERE table_name = $1"
                " AND finished_at > coalesce((SELECT max(e.finished_at)"
                f" FROM {log} e JOIN {proofs} p USING (table_name, sync_id)"
                " WHERE table_name = $1 AND verdict = 'proven'), TIMESTAMP '-infinity')"
                " ORDER BY finished_at",
                [table.name],
            )
        return [SyncEntry.of(row) for row in rows]

    def last_proof(self, table: sa.Table) -> ProofEntry | None:
        with self._connected() as connection:
            rows = connection.run(
                f"SELECT {q.listed(q.columns(PROOF_LOG))} FROM {q.qualified(RAW, PROOF_LOG.name)}"
                " WHERE table_name = ? ORDER BY proven_at DESC LIMIT 1",
                [table.name],
            )
        return ProofEntry.of(rows[0]) if rows else None

    def slice_counts(self, table: sa.Table) -> dict[str, int]:
        with self._connected() as connection:
            return dict(
                connection.run(
                    f"SELECT {q.slice_id(table, 'b')}, n FROM (SELECT {q.bucket(table)} AS b,"
                    f" count(*) AS n FROM {q.mirror(table)} GROUP BY 1)"
                )
            )

    def load(self, table: sa.Table, stream: RowStream, entry: SyncEntry) -> SyncEntry:
        with self._connected() as connection, connection.transaction():
            connection.run(f"CREATE SCHEMA IF NOT EXISTS {q.quoted(target_schema(table))}")
            connection.run(
                f"CREATE OR REPLACE TABLE {q.mirror(table)}"
                f" {definition(table, q.quoted('_sync_id') + ' VARCHAR NOT NULL')}"
            )
            with connection.streaming(stream) as relation:
                connection.run(
                    f"INSERT INTO {q.mirror(table)}"
                    f" SELECT {q.listed(q.columns(table))}, ? FROM {relation}",
                    [entry.sync_id],
                )
            check_key(connection, table, q.mirror(table))
            return commit_entry(
                connection,
                replace(
                    entry,
                    rows_read=stream.rows,
                    rows_written=stream.rows,
                    bytes=stream.bytes,
                    slices=tuple(sorted(self.slice_counts(table))),
                ),
            )

    @contextmanager
    def stage(self, table: sa.Table, sync_id: str) -> Iterator[Changes]:  # noqa: ARG002
        with self._connected() as connection, connection.staging_file():
            yield DuckdbChanges(connection, table)

    def digest_mirror(
        self,
        table: sa.Table,
        slices: Collection[str] | None = None,
        form: DigestForm = "native",
    ) -> dict[str, SliceDigest]:
        with self._connected() as connection:
            return mirror_digests(connection, table, slices, form)

    def digest_texts(self, texts: RowStream, form: DigestForm = "native") -> dict[str, SliceDigest]:
        with self._connected() as connection:
            return text_digests(connection, texts, form)

    def compare(
        self, table: sa.Table, slices: Collection[str], texts: RowStream, *, samples: int
    ) -> Comparison:
        with self._connected() as connection, connection.staging_file():
            return compare(connection, table, slices, texts, samples)

    def rows_like(self, table: sa.Table, cells: pa.Table) -> pa.Table:
        places = cells.schema.names[1:]
        pairs = list(zip(table.columns, places, strict=True))
        listed = ", ".join(f"{cell(column, 'r')} AS {place}" for column, place in pairs)
        keys = [place for column, place in pairs if column.primary_key or not q.keys(table)]
        same = " AND ".join(f"m.{place} = s.{place}" for place in keys)
        with self._connected() as connection, connection.registered(cells) as wanted:
            return connection.arrow(
                f"SELECT m.* FROM (SELECT {listed} FROM {q.mirror(table)} r) m"
                f" WHERE EXISTS (SELECT 1 FROM {wanted} s WHERE {same})"
            )

    def record_proof(self, entry: ProofEntry) -> None:
        with self._connected() as connection:
            append_to_log(connection, PROOF_LOG, entry.values())

    def unsettled_proofs(self, table: sa.Table) -> list[ProofEntry]:
        with self._connected() as connection:
            rows = connection.run(
                f"WITH log AS (SELECT {q.listed(q.columns(PROOF_LOG))}"
                f" FROM {q.qualified(RAW, PROOF_LOG.name)} WHERE table_name = ?),"
                # The condition is that of `ProofEntry.confirms`.
                " confirmed AS (SELECT max(proven_at) AS at FROM log WHERE scope = 'all'"
                " AND level <> 'counts' AND verdict = 'proven' AND sync_id IS NULL),"
                " began AS (SELECT min(proven_at) AS at FROM log, confirmed"
                " WHERE verdict = 'differs' AND (confirmed.at IS NULL OR proven_at > confirmed.at))"
                " SELECT log.* FROM log, began WHERE proven_at >= began.at ORDER BY proven_at",
                [table.name],
            )
        return [ProofEntry.of(row) for row in rows]

    def daily_rows(self, table: sa.Table, days: int) -> list[DayRows]:
        with self._connected() as connection:
            rows = connection.run(
                "SELECT CAST(proven_at AS DATE) AS day, arg_max(rows_mirror, proven_at)"
                f" FROM {q.qualified(RAW, PROOF_LOG.name)} WHERE table_name = ?"
                " AND verdict <> 'differs' GROUP BY day ORDER BY day DESC LIMIT ?",
                [table.name, days],
            )
        return [DayRows(day, count) for day, count in reversed(rows)]
