"""DuckDB as the warehouse: one file."""
