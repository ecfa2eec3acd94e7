"""The fixtures for a SQL Server, shared with the tests of all sources."""

from saas_platform_tests.source.conftest import mssql, mssql_place

__all__ = ["mssql", "mssql_place"]
