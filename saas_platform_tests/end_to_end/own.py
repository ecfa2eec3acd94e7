"""A shop's database, which stands for a user's own, and what the commands say about it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import duckdb

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

    def raw(self, sql: str) -> list[tuple[object, ...]]:
        with duckdb.connect(str(self.folder / "home" / "warehouse.duckdb")) as connection:
            return connection.execute(sql).fetchall()


def warnings_in(output: Output) -> list[str]:
    return [line for line in output.err.splitlines() if line.startswith("warning: ")]
