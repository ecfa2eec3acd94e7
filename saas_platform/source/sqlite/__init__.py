"""SQLite as the source database: the default that needs no server."""

from saas_platform.source.sqlite.source import SqliteDatabase, SqliteSource

__all__ = ["SqliteDatabase", "SqliteSource"]
