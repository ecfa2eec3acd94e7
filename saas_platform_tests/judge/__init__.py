"""Tests that judge mirror and source by plain `sqlite3` and `duckdb`, sharing no code with the package."""
