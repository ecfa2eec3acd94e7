"""The places of SQL Server, as the tests of all sources have them."""

from saas_platform_tests.source.conftest import mssql, mssql_place

__all__ = ["mssql", "mssql_place"]
