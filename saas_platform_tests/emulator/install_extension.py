"""Install the extension of the wheel in HOME, where the emulator's DuckDB looks. `make emulator` runs it."""

import sys
from pathlib import Path

import duckdb
import duckdb_extension_spatial

home = Path(sys.argv[1])
home.mkdir(parents=True, exist_ok=True)
(extension,) = Path(duckdb_extension_spatial.__file__).parent.rglob("*.duckdb_extension")
connection = duckdb.connect(config={"home_directory": str(home)})
connection.execute(f"INSTALL '{extension}'")
connection.execute("LOAD spatial")
