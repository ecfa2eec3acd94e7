"""Run the same source tests on every engine. A place is a database with an empty source."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from saas_platform.source.interface import WritableSource
from saas_platform_tests.places import MssqlPlace, Place, SqlitePlace, mssql_address


@pytest.fixture(scope="session")
def mssql_place() -> Iterator[MssqlPlace]:
    place = MssqlPlace(mssql_address())
    place.source.drop()
    yield place
    place.source.drop()


@pytest.fixture
def sqlite(tmp_path: Path) -> Place:
    return SqlitePlace(tmp_path / "source.db")


@pytest.fixture
def mssql(mssql_place: MssqlPlace) -> Place:
    mssql_place.empty()
    return mssql_place


@pytest.fixture(params=["sqlite", "mssql"])
def place(request: pytest.FixtureRequest) -> Place:
    found: Place = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def source(place: Place) -> WritableSource:
    return place.source
