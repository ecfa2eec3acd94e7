"""A user's own database is discovered, mirrored and proven, whatever is in it."""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from saas_platform.schema.any_value import AnyValue
from saas_platform.schema.declared import as_yaml, read_tables
from saas_platform.source.interface import SourceError
from saas_platform.source.sqlite import SqliteDatabase
from saas_platform.sync import check_tables, repair, sync, verify
from saas_platform.sync.probe import NO_ROW_VERSION, probe
from saas_platform.sync.report import SyncReport
from saas_platform.warehouse.duckdb.warehouse import DuckdbWarehouse
from saas_platform_tests.drawing import examples
from saas_platform_tests.sync.own_databases import DATABASES, MUSIC_SHOP, execute, make

Tables = dict[str, sa.Table]


class Own:
    """A database with its tables.yaml, and a warehouse next to it."""

    def __init__(self, folder: Path, sql: str) -> None:
        self.path = make(folder / "own.db", sql)
        self.file = folder / "tables.yaml"
        self.source = SqliteDatabase(self.path)
        self.file.write_text(as_yaml(self.source.discover().tables))
        self.tables = read_tables(self.file)
        self.warehouse = DuckdbWarehouse(folder / "warehouse.duckdb")

    def sync(self) -> dict[str, SyncReport]:
        return {r.table: r for r in sync(self.source, self.warehouse, self.tables.values())}

    def proven(self) -> bool:
        reports = verify(self.source, self.warehouse, self.tables.values(), "rows")
        return all(report.proven for report in reports) and self._equal()

    def _equal(self) -> bool:
        """Check in plain Python that both sides have the same rows, each as often."""
        return all(
            Counter(map(_plain, self._theirs(table))) == Counter(map(_plain, self._ours(table)))
            for table in self.tables.values()
        )

    def _theirs(self, table: sa.Table) -> list[tuple[Any, ...]]:
        names = ", ".join(f'"{c.name.replace(chr(34), chr(34) * 2)}"' for c in table.columns)
        with closing(sqlite3.connect(self.path)) as connection:
            quoted = table.name.replace('"', '""')
            rows = list(connection.execute(f'SELECT {names} FROM "{quoted}"'))
        of_any = [isinstance(column.type, AnyValue) for column in table.columns]
        return [
            tuple(
                _literal(value) if as_literal else value
                for value, as_literal in zip(row, of_any, strict=True)
            )
            for row in rows
        ]

    def _ours(self, table: sa.Table) -> list[tuple[Any, ...]]:
        quoted = table.name.replace('"', '""')
        found = self.warehouse.query(f'SELECT * EXCLUDE (_sync_id) FROM raw."{quoted}"')
        return [tuple(row.values()) for row in found.to_pylist()]


def _literal(value: Any) -> Any:
    """Return a value as a column of type `any` has it; numbers are their own literals."""
    if isinstance(value, bytes):
        return f"X'{value.hex().upper()}'"
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else value


def _plain(row: tuple[Any, ...]) -> tuple[str, ...]:
    """Return a value as a text that both sides share: 4 is 4.00, and '2009-01-01' is its midnight."""
    return tuple(_text(value) for value in row)


def _text(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        # A value that is not a BLOB in a column of bytes becomes the bytes of its text.
        try:
            return _text(value.decode())
        except UnicodeDecodeError:
            return f"b{value.hex()}"
    if isinstance(value, bool):
        return str(float(value))
    try:
        large = isinstance(value, int) or str(value).lstrip("-").isdecimal()
        # SQLite itself loses the sign of -0.0, in a REAL column and in the text that it makes of it.
        return str(int(value)) if large and abs(int(value)) > 2**53 else str(float(value) + 0.0)
    except (TypeError, ValueError, OverflowError):
        return f"t{str(value).removesuffix(' 00:00:00')}"


@pytest.fixture(params=DATABASES)
def own(request: pytest.FixtureRequest, tmp_path: Path) -> Own:
    return Own(tmp_path, DATABASES[request.param])


def test_discovered_tables_are_ready_to_use(own: Own) -> None:
    reports = own.sync()
    assert {report.error for report in reports.values()} == {None}
    assert all(report.mode == "full" for report in reports.values())
    assert own.proven()


def test_the_file_is_read_as_it_was_written(own: Own) -> None:
    assert as_yaml(own.tables.values()) == own.file.read_text()


def test_what_discovery_proposes(tmp_path: Path) -> None:
    music = Own(tmp_path, MUSIC_SHOP).tables
    assert list(music) == ["Album", "Artist", "Employee", "Invoice", "PlaylistTrack"]
    assert isinstance(music["Invoice"].c.Total.type, sa.Numeric)
    assert isinstance(music["Invoice"].c.InvoiceDate.type, sa.DateTime)
    assert music["Employee"].c.Email.info["pii"] == "email"
    assert [c.name for c in music["PlaylistTrack"].primary_key] == ["PlaylistId", "TrackId"]


def test_types_follow_the_values(tmp_path: Path) -> None:
    odd = Own(tmp_path, DATABASES["oddities"]).tables
    assert "search" not in odd
    assert not any(name.startswith("search_") for name in odd)
    assert not odd["null key"].primary_key.columns
    kinds = {c.name: type(c.type) for c in odd["mixed"].columns}
    assert kinds["anything"] is AnyValue
    assert kinds["flag"] is sa.Boolean
    assert "area" in odd["boxes"].columns


def test_nothing_changed_writes_nothing(own: Own) -> None:
    own.sync()
    again = own.sync()
    assert all(report.mode is None and report.proof for report in again.values())
    assert all(report.proof.proven for report in again.values() if report.proof)


def test_only_what_differs_is_copied(tmp_path: Path) -> None:
    own = Own(tmp_path, MUSIC_SHOP)
    own.sync()
    execute(
        own.path,
        "UPDATE Artist SET Name = 'ACDC' WHERE ArtistId = 1; DELETE FROM PlaylistTrack WHERE TrackId = 2;"
        "INSERT INTO Artist VALUES (9, 'Nine')",
    )
    reports = own.sync()
    assert (reports["Artist"].rows_written, reports["Artist"].rows_deleted) == (2, 0)
    assert (reports["PlaylistTrack"].rows_written, reports["PlaylistTrack"].rows_deleted) == (0, 1)
    assert reports["Album"].mode is None
    assert own.proven()


def test_a_table_without_a_key_is_replaced_and_proven_as_a_multiset(tmp_path: Path) -> None:
    own = Own(tmp_path, DATABASES["trading house"])
    own.sync()
    execute(own.path, "DELETE FROM Territories WHERE rowid = 1")
    (report,) = verify(own.source, own.warehouse, [own.tables["Territories"]], "rows")
    assert not report.proven
    assert report.differences is not None
    assert (report.differences.missing, report.differences.extra) == (0, 1)
    (sample,) = report.differences.samples
    assert sample.key == {"TerritoryID": "01581", "Region": "Westboro"}
    assert own.sync()["Territories"].mode == "full"
    assert own.proven()


def test_a_version_column_is_followed(tmp_path: Path) -> None:
    own = Own(
        tmp_path,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT, seq INTEGER NOT NULL);"
        "INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3)",
    )
    own.file.write_text(own.file.read_text().replace("version: null", "version: seq"))
    own.tables = read_tables(own.file)
    own.sync()
    execute(own.path, "UPDATE t SET v = 'z', seq = 4 WHERE id = 1; DELETE FROM t WHERE id = 2")
    report = own.sync()["t"]
    assert (report.mode, report.rows_written, report.rows_deleted) == ("incremental", 1, 1)
    assert own.proven()
    # The version of the newest row has not moved. Only the number of rows shows the change.
    execute(own.path, "DELETE FROM t WHERE id = 3")
    report = own.sync()["t"]
    assert (report.rows_written, report.rows_deleted) == (0, 1)
    assert own.proven()


def test_slices_bound_what_is_copied(tmp_path: Path) -> None:
    rows = ", ".join(f"({n}, '2024-{n % 12 + 1:02d}-15 08:00:00', 'v')" for n in range(1, 241))
    own = Own(
        tmp_path,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, created_at DATETIME NOT NULL, v TEXT);"
        f"INSERT INTO t VALUES {rows}",
    )
    text = own.file.read_text()
    own.file.write_text(text.replace("slice: null", "slice: {column: created_at, grain: month}"))
    own.tables = read_tables(own.file)
    own.sync()
    # One row changes, and one moves from one slice to another.
    execute(
        own.path,
        "UPDATE t SET v = 'w' WHERE id = 1;"
        "UPDATE t SET created_at = '2024-07-01 00:00:00' WHERE id = 2",
    )
    report = own.sync()["t"]
    assert set(report.slices) == {"2024-02", "2024-03", "2024-07"}
    assert report.rows_written == 2
    assert own.proven()


@pytest.mark.few
def test_damage_in_the_mirror_is_found_and_repaired(own: Own) -> None:
    own.sync()
    for table in own.tables.values():
        own.warehouse.query(f'DELETE FROM raw."{table.name.replace(chr(34), chr(34) * 2)}"')
    filled = [r for r in verify(own.source, own.warehouse, own.tables.values()) if r.rows_source]
    assert filled
    assert not any(report.proven for report in filled)
    assert all(
        r.proof and r.proof.proven for r in repair(own.source, own.warehouse, own.tables.values())
    )
    assert own.proven()


@pytest.mark.few
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            "ALTER TABLE Artist ADD COLUMN born TEXT",
            "Artist.born is new in the source, and is not mirrored: write `born: {type: text",
        ),
        ("ALTER TABLE Artist DROP COLUMN Name", "Artist.Name is gone from the source"),
        ("DROP TABLE Artist", "The source no longer has the table Artist:"),
        (
            "CREATE TABLE a (ArtistId INTEGER NOT NULL, Name INTEGER, PRIMARY KEY (ArtistId));"
            "DROP TABLE Artist; ALTER TABLE a RENAME TO Artist",
            "Artist.Name is INTEGER in the source, but NVARCHAR(120) in tables.yaml: write",
        ),
        (
            "CREATE TABLE a (ArtistId INTEGER NOT NULL, Name NVARCHAR(120));"
            "INSERT INTO a SELECT * FROM Artist; DROP TABLE Artist; ALTER TABLE a RENAME TO Artist",
            "Artist has lost its key, and nothing in the source keeps ArtistId unique now",
        ),
        (
            "CREATE TABLE a (ArtistId INTEGER NOT NULL, Name NVARCHAR(120), UNIQUE (ArtistId, Name));"
            "DROP TABLE Artist; ALTER TABLE a RENAME TO Artist",
            "Artist has lost its key",
        ),
    ],
)
def test_a_changed_catalogue_is_reported_and_the_others_go_on(
    tmp_path: Path, change: str, expected: str
) -> None:
    own = Own(tmp_path, MUSIC_SHOP)
    own.sync()
    execute(own.path, f"{change}; INSERT INTO PlaylistTrack VALUES (7, 7)")
    reports = own.sync()
    reported = " ".join([reports["Artist"].error or "", *reports["Artist"].warnings])
    assert expected in reported
    assert reports["PlaylistTrack"].rows_written == 1


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)",
        "CREATE TABLE t (id TEXT PRIMARY KEY, v TEXT)",
        "CREATE TABLE t (id TEXT, v TEXT, PRIMARY KEY (id, v))",
        "CREATE TABLE t (id TEXT NOT NULL, v TEXT, PRIMARY KEY (id)) WITHOUT ROWID",
        "CREATE TABLE t (id TEXT, v TEXT UNIQUE)",
        "CREATE TABLE t (id TEXT, v TEXT); CREATE UNIQUE INDEX u ON t (v)",
    ],
)
def test_a_key_by_any_constraint_is_one(tmp_path: Path, sql: str) -> None:
    own = Own(tmp_path, f"{sql}; INSERT INTO t VALUES (1, 'a'), (2, 'b')")
    own.file.write_text(own.file.read_text().replace("key: []", "key: [v]"))
    own.tables = read_tables(own.file)
    report = own.sync()["t"]
    assert (report.error, report.warnings) == (None, ())
    assert own.tables["t"].primary_key.columns


@pytest.mark.parametrize(
    "index", ["(v) WHERE id > 0", "(lower(v))", "(id, v)"], ids=["partial", "expression", "wider"]
)
def test_what_does_not_keep_a_key_unique_is_none(tmp_path: Path, index: str) -> None:
    own = Own(tmp_path, "CREATE TABLE t (id INTEGER, v TEXT)")
    execute(own.path, f"CREATE UNIQUE INDEX u ON t {index}")
    own.file.write_text(re.sub(r"key: .*", "key: [v]", own.file.read_text()))
    own.tables = read_tables(own.file)
    assert "write `key_enforced: false`" in (own.sync()["t"].error or "")


def test_a_key_that_the_source_never_kept_can_be_vouched_for(tmp_path: Path) -> None:
    own = Own(tmp_path, "CREATE TABLE t (id INTEGER, v TEXT); INSERT INTO t VALUES (1, 'a')")
    text = own.file.read_text()
    assert "key_enforced:" not in text.split("tables:")[1]
    own.file.write_text(text.replace("key: []", "key: [id]"))
    own.tables = read_tables(own.file)
    assert "t has lost its key" in (own.sync()["t"].error or "")
    own.file.write_text(text.replace("key: []", "key: [id]\n    key_enforced: false"))
    own.tables = read_tables(own.file)
    assert own.sync()["t"].succeeded
    assert "key_enforced: false" in as_yaml(own.tables.values())
    own.file.write_text(as_yaml(own.tables.values()))
    assert read_tables(own.file)["t"].info == own.tables["t"].info


def test_a_value_that_is_no_longer_of_its_type_is_reported(tmp_path: Path) -> None:
    own = Own(tmp_path, MUSIC_SHOP)
    own.sync()
    execute(own.path, "UPDATE Invoice SET Total = 0.995 WHERE InvoiceId = 1")
    assert "Invoice.Total" in (own.sync()["Invoice"].error or "")
    execute(
        own.path,
        "UPDATE Invoice SET Total = 1, InvoiceDate = 'soon' WHERE InvoiceId = 1",
    )
    assert "Invoice.InvoiceDate" in (own.sync()["Invoice"].error or "")


def test_a_table_without_a_version_is_stale_by_digest_alone(own: Own) -> None:
    own.sync()
    found = probe(own.source, own.warehouse, own.tables.values())
    assert {each.reason for each in found} == {NO_ROW_VERSION}


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="does not exist"):
        SqliteDatabase(tmp_path / "none.db").discover()
    assert not (tmp_path / "none.db").exists()
    (tmp_path / "text.db").write_text("no database at all, but long enough to look like one" * 20)
    with pytest.raises(SourceError, match="name a SQLite database"):
        SqliteDatabase(tmp_path / "text.db").discover()


_values = (
    st.none()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5)
    | st.binary(max_size=4)
)


@settings(
    max_examples=examples(3),
    deadline=None,
    phases=[Phase.explicit, Phase.generate],  # shrinking files takes minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    rows=st.lists(st.tuples(_values, _values), max_size=8),
    later=st.lists(st.tuples(_values, _values), max_size=4),
    declared=st.sampled_from(
        ["", "TEXT", "INTEGER", "NUMERIC(6,2)", "BLOB", "DATETIME", "BOOLEAN"]
    ),
)
def test_any_values_of_any_type(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[Any, Any]],
    later: list[tuple[Any, Any]],
    declared: str,
) -> None:
    """SQLite accepts any value in any column. What discovery declares must hold, with a key and without."""
    folder = tmp_path_factory.mktemp("any")
    with closing(sqlite3.connect(folder / "own.db")) as connection:
        connection.execute(f"CREATE TABLE keyed (id INTEGER PRIMARY KEY, a {declared}, b)")
        connection.execute(f"CREATE TABLE heap (a {declared}, b)")
        connection.executemany("INSERT INTO keyed (a, b) VALUES (?, ?)", rows)
        connection.executemany("INSERT INTO heap VALUES (?, ?)", rows)
        connection.commit()
    own = Own(folder, "SELECT 1")
    assert {report.error for report in own.sync().values()} == {None}
    assert own.proven()
    with closing(sqlite3.connect(own.path)) as connection:
        connection.execute("DELETE FROM heap WHERE rowid = 1")
        connection.executemany(
            "UPDATE keyed SET b = ?, a = a WHERE id = ?", [(b, 1) for _, b in later]
        )
        connection.commit()
    own.file.write_text(as_yaml(own.source.discover().tables))
    own.tables = read_tables(own.file)
    assert {report.error for report in own.sync().values()} == {None}
    assert own.proven()


def test_the_sample_of_a_table_without_a_key_shows_both_sides(tmp_path: Path) -> None:
    rows = ", ".join(f"({n})" for n in range(100))
    own = Own(tmp_path, f"CREATE TABLE heap (v INTEGER); INSERT INTO heap VALUES {rows}")
    own.sync()
    execute(own.path, "UPDATE heap SET v = v + 1000")
    (report,) = verify(own.source, own.warehouse, own.tables.values(), "rows")
    assert report.differences is not None
    kinds = [sample.kind for sample in report.differences.samples]
    assert kinds[:4] == ["missing", "extra", "missing", "extra"]


def test_what_a_sync_would_stop_at_is_known_before(tmp_path: Path) -> None:
    """Each table is reported, and nothing is written."""
    own = Own(tmp_path, MUSIC_SHOP)
    assert check_tables(own.source, own.warehouse, own.tables.values()) == {}
    execute(
        own.path,
        "ALTER TABLE Artist RENAME COLUMN Name TO Title; ALTER TABLE Employee DROP COLUMN Email",
    )
    found = check_tables(own.source, own.warehouse, own.tables.values())
    assert re.findall(r"(\w+\.\w+) is gone", " ".join(found.values())) == [
        "Artist.Name",
        "Employee.Email",
    ]
    assert not own.warehouse.path.exists()
