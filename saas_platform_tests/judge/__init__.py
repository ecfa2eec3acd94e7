"""Judge mirror and source by plain `sqlite3` and `duckdb`. The judge shares no code with the package."""
