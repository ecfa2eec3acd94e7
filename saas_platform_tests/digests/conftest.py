"""The engines that compute digests. To add one, write a fixture here and put its name into a list.

An engine is a function: it stores the rows in a table, which it creates or replaces, and returns their digests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

import pytest
import sqlalchemy as sa

from saas_platform.schema import canonical
from saas_platform.schema.slices import SliceDigest
from saas_platform.warehouse.duckdb.digests import hash_texts
from saas_platform.warehouse.duckdb.warehouse import DuckdbWarehouse
from saas_platform.warehouse.interface import DigestForm
from saas_platform.warehouse.logs import SyncEntry
from saas_platform_tests.digests.rows import Row, batches, stream
from saas_platform_tests.texts import texts

Digests = Callable[[sa.Table, Sequence[Row]], dict[str, SliceDigest]]

#: Engines whose digests must be the same numbers as those of the reference.
CANONICAL = ["duckdb_mirror", "duckdb_stream"]
#: Engines whose digests must differ for any two different sets of rows.
ENGINES = ["reference", "duckdb_mirror", "duckdb_native"]


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckdbWarehouse]:
    made = DuckdbWarehouse(tmp_path_factory.mktemp("digests") / "warehouse.duckdb")
    with made.session():
        yield made


@pytest.fixture(scope="module")
def reference() -> Digests:
    return lambda table, rows: canonical.digests(table, batches(table, rows))


@pytest.fixture(scope="module")
def duckdb_mirror(warehouse: DuckdbWarehouse) -> Digests:
    return _mirrored(warehouse, "canonical")


@pytest.fixture(scope="module")
def duckdb_native(warehouse: DuckdbWarehouse) -> Digests:
    return _mirrored(warehouse, "native")


@pytest.fixture(scope="module")
def duckdb_stream() -> Digests:
    return lambda table, rows: hash_texts(texts(table, rows))


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Digests:
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module", params=CANONICAL)
def canonical_engine(request: pytest.FixtureRequest) -> Digests:
    return request.getfixturevalue(request.param)


def _mirrored(warehouse: DuckdbWarehouse, form: DigestForm) -> Digests:
    def digests(table: sa.Table, rows: Sequence[Row]) -> dict[str, SliceDigest]:
        timestamp = datetime(2024, 1, 1)
        entry = SyncEntry("id", table.name, "full", "source", 1, timestamp, timestamp)
        warehouse.load(table, stream(table, rows), entry)
        return warehouse.digest_mirror(table, form=form)

    return digests
