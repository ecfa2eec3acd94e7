"""SQL Server as a source, and other servers that speak its protocol (TDS)."""

from saas_platform.source.mssql.address import Address
from saas_platform.source.mssql.source import MssqlDatabase, MssqlSource

__all__ = ["Address", "MssqlDatabase", "MssqlSource"]
