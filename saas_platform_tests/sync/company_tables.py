"""The company's tables that syncs are tested with: one for each way to slice a table."""

from __future__ import annotations

from saas_platform.schema import TABLES
from saas_platform.source.sqlite import SqliteSource
from saas_platform.sync import probe
from saas_platform.warehouse.duckdb.warehouse import DuckdbWarehouse
from saas_platform_tests.sync.external_writes import mirror_rows, source_rows

ALL = list(TABLES.values())
USERS, EVENTS, FEATURES = TABLES["users"], TABLES["usage_events"], TABLES["features"]
#: Sliced by month, sliced by day, and not sliced.
EACH_KIND = [FEATURES, USERS, EVENTS]


def reasons(source: SqliteSource, warehouse: DuckdbWarehouse) -> set[str | None]:
    return {found.reason for found in probe(source, warehouse, EACH_KIND)}


def assert_equal(source: SqliteSource, warehouse: DuckdbWarehouse) -> None:
    for table in EACH_KIND:
        assert mirror_rows(warehouse.path, table) == source_rows(source.path, table)
