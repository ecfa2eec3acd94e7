"""Run the same source tests on every engine. A backend is a database with an empty source."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from saas_platform.source.interface import WritableSource
from saas_platform_tests.backends import Backend, MssqlBackend, SqliteBackend, mssql_address


@pytest.fixture(scope="session")
def mssql_backend() -> Iterator[MssqlBackend]:
    backend = MssqlBackend(mssql_address())
    backend.source.drop()
    yield backend
    backend.source.drop()


@pytest.fixture
def sqlite(tmp_path: Path) -> Backend:
    return SqliteBackend(tmp_path / "source.db")


@pytest.fixture
def mssql(mssql_backend: MssqlBackend) -> Backend:
    mssql_backend.empty()
    return mssql_backend


@pytest.fixture(params=["sqlite", "mssql"])
def backend(request: pytest.FixtureRequest) -> Backend:
    found: Backend = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def source(backend: Backend) -> WritableSource:
    return backend.source
