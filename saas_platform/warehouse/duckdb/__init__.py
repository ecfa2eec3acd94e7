"""DuckDB as the warehouse, in one file."""
