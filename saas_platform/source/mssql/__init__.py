"""SQL Server as a source, and what speaks its protocol."""

from saas_platform.source.mssql.address import Address
from saas_platform.source.mssql.source import MssqlDatabase, MssqlSource

__all__ = ["Address", "MssqlDatabase", "MssqlSource"]
