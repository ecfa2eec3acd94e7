"""A sample shows a few rows of both sides next to each other."""

from __future__ import annotations

from pathlib import Path

from saas_platform.source.sqlite import SqliteDatabase
from saas_platform.sync import sample
from saas_platform_tests.sync.own_databases import DATABASES, MUSIC_SHOP, execute
from saas_platform_tests.sync.test_own_database import Own


def test_rows_of_every_table_are_equal_after_a_sync(tmp_path: Path) -> None:
    for name, sql in DATABASES.items():
        folder = tmp_path / name
        folder.mkdir()
        own = Own(folder, sql)
        own.sync()
        reports = sample(own.source, own.warehouse, own.tables.values(), rows=2)
        assert [report.table for report in reports] == list(own.tables)
        assert all(report.equal for report in reports)
        assert sum(len(report.rows) for report in reports) > len(reports)


def test_what_differs_or_is_missing_is_seen(tmp_path: Path) -> None:
    own = Own(tmp_path, MUSIC_SHOP)
    own.sync()
    execute(
        own.path,
        "UPDATE Employee SET Email = 'new@example.org', LastName = 'New';"
        "DELETE FROM Artist; INSERT INTO Artist VALUES (77, 'Later')",
    )
    reports = {r.table: r for r in sample(own.source, own.warehouse, own.tables.values())}
    (later,) = reports["Artist"].rows
    assert (later.source["Name"], later.mirror, later.equal) == ("Later", None, False)
    employee = reports["Employee"].rows[0]
    assert not employee.equal
    assert employee.source["LastName"] == "***"
    # Masked values look the same; the verdict is about the values themselves.
    assert "example" not in str(employee)
    shown = sample(own.source, own.warehouse, [own.tables["Employee"]], show_pii=True)
    assert shown[0].rows[0].source["Email"] == "new@example.org"
    assert reports["Album"].equal


def test_a_seed_draws_the_same_rows_and_others_draw_others(tmp_path: Path) -> None:
    many = ", ".join(f"({n}, 'v{n}')" for n in range(500))
    own = Own(
        tmp_path, f"CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES {many}"
    )
    own.sync()

    def drawn(seed: int) -> list[object]:
        (report,) = sample(own.source, own.warehouse, own.tables.values(), rows=5, seed=seed)
        assert report.equal
        return [row.source["id"] for row in report.rows]

    assert drawn(1) == drawn(1)
    assert len({tuple(drawn(seed)) for seed in range(6)}) == 6


def test_a_missing_mirror_and_a_missing_source_are_reported(tmp_path: Path) -> None:
    own = Own(tmp_path, MUSIC_SHOP)
    reports = sample(own.source, own.warehouse, own.tables.values())
    assert all("is not in the warehouse" in " ".join(report.problems) for report in reports)
    assert not any(report.equal for report in reports)
    own.sync()
    execute(own.path, "DROP TABLE Album")
    (album,) = sample(SqliteDatabase(own.path), own.warehouse, [own.tables["Album"]])
    assert "The source no longer has the table Album" in album.problems[0]
