"""The tables that tests make on a real TDS server, and what they ask of it.

A test of a feature that the server lacks is skipped with the name of the feature.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from saas_platform.source.interface import SourceError
from saas_platform.source.mssql import MssqlDatabase, connection, features
from saas_platform_tests.backends import MssqlBackend, mssql_address


@contextmanager
def session(backend: MssqlBackend) -> Iterator[Any]:
    with connection.connect(backend.address) as cursor:
        yield cursor


def detected(backend: MssqlBackend) -> features.Features:
    with session(backend) as cursor:
        return features.detect_features(cursor)


@contextmanager
def made(backend: MssqlBackend, name: str, columns: str) -> Iterator[str]:
    """Create a table of the user's own; skip the test if the server has no such column."""
    full = f"dbo.{name}"
    drop = f"IF OBJECT_ID('{full}', 'U') IS NOT NULL DROP TABLE {full}"
    try:
        backend.run(drop, f"CREATE TABLE {full} ({columns})")
    except SourceError as error:
        pytest.skip(f"the server makes no such table ({error})")
    try:
        yield full
    finally:
        backend.run(drop)


def own_database() -> MssqlDatabase:
    return MssqlDatabase(replace(mssql_address(), schema="dbo"))
