"""SQLite as the source database: the default that needs no server."""

from saas_platform.source.sqlite.source import SqliteCompany, SqliteDatabase, SqliteSource

__all__ = ["SqliteCompany", "SqliteDatabase", "SqliteSource"]
