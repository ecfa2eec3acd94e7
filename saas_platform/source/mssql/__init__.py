"""SQL Server as the source database."""
