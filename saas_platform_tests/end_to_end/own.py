"""A shop's database, which stands for a user's own, and what the commands say about it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import duckdb
import yaml

from saas_platform_tests.end_to_end.command_line import Output

SHOP = """
CREATE TABLE orders (id INTEGER PRIMARY KEY, amount NUMERIC(8,2) NOT NULL, note TEXT);
CREATE TABLE people (mail TEXT NOT NULL PRIMARY KEY, c7 TEXT);
INSERT INTO orders VALUES (1, 15.86, 'x'), (2, 3, NULL);
INSERT INTO people VALUES ('ada@example.org', 'DE89 3704 0044 0532 0130 00'),
    ('bob@example.org', 'GB82WEST12345698765432'), ('cyd@example.org', 'FR1420041010050500013M02606');
"""


class Own:
    def __init__(self, folder: Path, sql: str) -> None:
        self.folder = folder
        self.path = folder / "own.db"
        self.file = folder / "home" / "tables.yaml"
        self.change(sql)

    def change(self, sql: str) -> None:
        with closing(sqlite3.connect(self.path)) as connection:
            connection.executescript(sql)

    def edit(self, *edits: tuple[str, str]) -> None:
        text = self.file.read_text()
        head, tables = text[: text.index("tables:")], text[text.index("tables:") :]
        for old, new in edits:
            assert tables.count(old) == 1, (old, tables)
            tables = tables.replace(old, new)
        self.file.write_text(head + tables)

    def protect(self, form: str, *places: str) -> None:
        """Give columns of the file, each as `table.column`, a form in the mirror."""
        file = yaml.safe_load(self.file.read_text())
        for place in places:
            table, column = place.split(".")
            file["tables"][table]["columns"][column] |= {"pii": "free_text", "mirror": form}
        self.file.write_text(yaml.safe_dump(file, sort_keys=False))

    def shown(self, *values: str) -> set[str]:
        """Return those of the values that the warehouse has in the clear, in whatever table."""
        return {value for _, value in self.places(*values)}

    def places(self, *values: str) -> set[tuple[str, str]]:
        """Return those of the values that the warehouse has in the clear, with the name of each table that has them."""
        with duckdb.connect(str(self.folder / "home" / "warehouse.duckdb")) as connection:
            tables = connection.execute(
                "SELECT table_schema, table_name FROM information_schema.tables"
            ).fetchall()
            rows = [
                (name, str(row))
                for schema, name in tables
                for row in connection.execute(f'SELECT * FROM "{schema}"."{name}"').fetchall()
            ]
        return {(name, value) for value in values for name, row in rows if value in row}

    def raw(self, sql: str) -> list[tuple[object, ...]]:
        with duckdb.connect(str(self.folder / "home" / "warehouse.duckdb")) as connection:
            return connection.execute(sql).fetchall()


def warnings_in(output: Output) -> list[str]:
    return [line for line in output.err.splitlines() if line.startswith("warning: ")]
