"""Fixtures: two warehouses, built once for all tests. One company is hand-written, the other simulated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from saas_platform.clock import Month
from saas_platform.company import Company, CompanyConfig
from saas_platform.dbt_runner import MartsTarget, build
from saas_platform.dbt_runner.analysis import analysis_sql
from saas_platform.dbt_runner.project import options, run
from saas_platform.schema import TABLES
from saas_platform_tests.marts import hand_written
from saas_platform_tests.marts.compiled import Models
from saas_platform_tests.marts.raw import load

AS_OF = datetime(2026, 1, 1)


@dataclass(frozen=True)
class Build:
    """A built warehouse and the SQL that built it. The SQL of the analyses fits every `warehouse.duckdb`."""

    path: Path
    models: Models
    analyses: dict[str, str]


class Marts:
    """A built warehouse that returns the rows of a query as dictionaries."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._connection.execute("SET schema = 'marts'")

    @classmethod
    def of(cls, path: Path) -> Marts:
        return cls(duckdb.connect(str(path), read_only=True))

    def rows(self, sql: str) -> list[dict]:
        return self._connection.sql(sql).to_arrow_table().to_pylist()

    def row(self, sql: str) -> dict:
        (row,) = self.rows(sql)
        return row

    def close(self) -> None:
        self._connection.close()


@pytest.fixture(scope="session")
def dbt_paths(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """dbt's target folder and log folder, shared so that dbt parses the project only once."""
    root = tmp_path_factory.mktemp("dbt")
    return root / "target", root / "logs"


@pytest.fixture(scope="session")
def hand_written_build(
    tmp_path_factory: pytest.TempPathFactory, dbt_paths: tuple[Path, Path]
) -> Build:
    """The built company of hand_written.py, on which dbt's tests and unit tests have passed."""
    path = tmp_path_factory.mktemp("hand-written") / "warehouse.duckdb"
    load(path, hand_written.build_company().tables())
    build(MartsTarget.duckdb(path), AS_OF, *dbt_paths)
    models = Models(dbt_paths[0])
    run(
        MartsTarget.duckdb(path),
        ["test", *options(AS_OF, *dbt_paths), "--select", "test_type:unit"],
    )
    return Build(path, models, analysis_sql(MartsTarget.duckdb(path), AS_OF, *dbt_paths))


@pytest.fixture(scope="session")
def models(hand_written_build: Build) -> Models:
    return hand_written_build.models


@pytest.fixture(scope="session")
def marts(hand_written_build: Build) -> Iterator[Marts]:
    """The marts of the company in hand_written.py."""
    built = Marts.of(hand_written_build.path)
    yield built
    built.close()


@pytest.fixture(scope="session")
def simulated(
    tmp_path_factory: pytest.TempPathFactory, dbt_paths: tuple[Path, Path]
) -> Iterator[Marts]:
    """The marts of a small simulated company."""
    path = tmp_path_factory.mktemp("simulated") / "warehouse.duckdb"
    load(path, simulate(accounts=300))
    build(MartsTarget.duckdb(path), AS_OF, *dbt_paths)
    built = Marts.of(path)
    yield built
    built.close()


def company_of(accounts: int) -> Company:
    return Company(CompanyConfig(seed=7, accounts=accounts, start=Month(2024, 1)))


def simulate(accounts: int, until: Month | None = None) -> dict[str, pa.Table]:
    """Return all months of a company as a mirror would contain them, and with erased users removed.

    The mirror contains the last state of each key.
    """
    company = company_of(accounts)
    last = until or Month.of(AS_OF).plus(-1)
    batches = [company.batch(month, AS_OF) for month in Month(2024, 1).until(last)]
    erased = {user for batch in batches for user in batch.erasures["user_id"].to_pylist()}
    tables = {}
    for name, table in TABLES.items():
        (key,) = table.primary_key.columns
        rows = {row[key.name]: row for batch in batches for row in batch.rows[name].to_pylist()}
        if name == "users":
            rows = {user: row for user, row in rows.items() if user not in erased}
        elif "user_id" in table.c:
            for row in rows.values():
                row["user_id"] = None if row["user_id"] in erased else row["user_id"]
        tables[name] = pa.Table.from_pylist(
            list(rows.values()), schema=batches[0].rows[name].schema
        ).append_column("row_version", pa.array([1] * len(rows), pa.int64()))
    return tables
