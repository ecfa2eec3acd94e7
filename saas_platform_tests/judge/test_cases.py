"""Test small inputs on which the mirror once was wrong, each with its right value.

Each was found on a user's own database. Plain `sqlite3` and `duckdb` judge the result.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import duckdb
import pytest
import yaml

from saas_platform_tests.judge.expected import Row
from saas_platform_tests.judge.own import Own
from saas_platform_tests.judge.rules import NULL

KEYED = "CREATE TABLE t (id INTEGER PRIMARY KEY, v {}); INSERT INTO t VALUES {};"


def mirror(own: Own, table: str = "t") -> list[tuple[Any, ...]]:
    """Return the values of the mirror, without their kinds."""
    rows = own.mirror()[table].elements()
    return sorted(tuple(None if each == NULL else each[-1] for each in row) for row in rows)


def check(own: Own) -> None:
    faults = own.judged()
    assert not faults, "\n".join(faults)


def check_stop(own: Own, *words: str, table: str = "t") -> None:
    """Check that each command stops the table with an error that has these words, and leaves its mirror."""
    before: dict[str, Counter[Row]] = own.mirror()
    report = own.sync()[table]
    assert report.error is not None, report
    for word in (table, *words):
        assert word in report.error
    for level in ("digest", "rows"):
        assert own.verify(level)[table].verdict == "differs"
    assert own.repair()[table].error is not None
    assert own.mirror().get(table) == before.get(table)
    check(own)


def fast_first(*values: Any) -> list[Any]:
    """Return the values of a parameter, with all but the first marked as slow."""
    return [values[0], *(pytest.param(value, marks=pytest.mark.slow) for value in values[1:])]


@pytest.mark.parametrize("odd", fast_first("'NaN'", "x'31'", "'inf'", "'Infinity'"))
def test_01_one_text_among_floats(tmp_path: Path, odd: str) -> None:
    own = Own(tmp_path, "CREATE TABLE prices (id INTEGER PRIMARY KEY, price REAL)")
    own.fill("INSERT INTO prices VALUES (?, ?)", [(i, i + 0.123456789) for i in range(20_000)])
    assert own.sync()["prices"].succeeded
    before = own.mirror()["prices"]
    own.execute(f"UPDATE prices SET price = {odd} WHERE id = 9999")
    error = own.sync()["prices"].error
    assert error is not None
    for word in ("prices.price", "id 9999", odd.upper() if odd[0] == "x" else odd):
        assert word in error
    proof = own.verify("rows")["prices"]
    assert proof.differences is not None
    assert (proof.differences.different, dict(proof.differences.columns)) == (1, {"price": 1})
    assert own.mirror()["prices"] == before


def test_02_big_integer_in_a_decimal(tmp_path: Path) -> None:
    own = Own(tmp_path, KEYED.format("NUMERIC(18,0)", "(1, 5)"))
    check(own)
    own.execute("INSERT INTO t VALUES (2, 900719925474099301)")
    check(own)
    assert mirror(own) == [(1, 5), (2, 900719925474099301)]


def test_02_big_integer_in_a_float(tmp_path: Path) -> None:
    own = Own(tmp_path, KEYED.format("", "(1, 1.5)"))
    check(own)
    own.execute("INSERT INTO t VALUES (2, 9007199254740993)")
    check_stop(own, "t.v", "id 2", "9007199254740993")


def test_02_a_float_next_to_a_big_integer(tmp_path: Path) -> None:
    own = Own(tmp_path, KEYED.format("", "(1, 9007199254740993)"))
    check(own)
    own.execute("INSERT INTO t VALUES (2, 2.0)")
    check_stop(own, "t.v", "id 2", "2.0")
    assert mirror(own) == [(1, 9007199254740993)]


@pytest.mark.parametrize("value", fast_first("2", "-1", "0.5"))
def test_03_flag_holds_2(tmp_path: Path, value: str) -> None:
    own = Own(tmp_path, KEYED.format("BOOLEAN", "(1, 0), (2, 1)"))
    check(own)
    own.execute(f"INSERT INTO t VALUES (3, {value})")
    check_stop(own, "t.v", "id 3", value)
    own.execute("DELETE FROM t WHERE id = 3")
    check(own)


@pytest.mark.parametrize("value", ["'0x1F'", "x'37'"])
@pytest.mark.parametrize("id_", fast_first(20_000, 1))
def test_04_text_read_as_a_number(tmp_path: Path, value: str, id_: int) -> None:
    own = Own(tmp_path, "CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)")
    own.fill("INSERT INTO t VALUES (?, 9)", [(i,) for i in range(1, 20_002)])
    assert own.sync()["t"].succeeded
    own.execute(f"UPDATE t SET v = {value} WHERE id = {id_}")
    error = own.sync()["t"].error
    assert error is not None
    for word in ("t.v", f"id {id_}", value.upper().replace("0X1F", "0x1F")):
        assert word in error
    assert {v for _, v in mirror(own)} == {9}


@pytest.mark.parametrize("loaded", [True, False], ids=["written later", "at the first load"])
def test_05_invalid_utf8_stops_only_its_table(tmp_path: Path, loaded: bool) -> None:
    own = Own(
        tmp_path,
        "CREATE TABLE a_good (id INTEGER PRIMARY KEY, s TEXT); INSERT INTO a_good VALUES (1, 'x');"
        "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO customers VALUES (1, 'x');"
        "CREATE TABLE z_good (id INTEGER PRIMARY KEY, s TEXT); INSERT INTO z_good VALUES (1, 'x');",
    )
    if loaded:
        check(own)
    own.execute(
        "INSERT INTO customers VALUES (2, CAST(x'4d63666c79ff' AS TEXT));"
        "INSERT INTO z_good VALUES (2, 'new')"
    )
    reports = own.sync()
    assert reports["a_good"].succeeded
    assert reports["z_good"].succeeded
    assert mirror(own, "z_good") == [(1, "x"), (2, "new")]
    check_stop(own, "customers.name", "id 2", table="customers")
    verified = own.verify("rows")
    assert {name: proof.verdict for name, proof in verified.items()} == {
        "a_good": "proven",
        "customers": "differs",
        "z_good": "proven",
    }
    assert own.repair()["z_good"].succeeded


@pytest.mark.slow
def test_06_the_first_cause_of_a_first_load_is_reported(tmp_path: Path) -> None:
    """A table of 2,000 columns needs more memory than it first gets. The next table is still synced."""
    columns = ", ".join(f"c{i} TEXT" for i in range(1999))
    own = Own(
        tmp_path,
        f"CREATE TABLE a (id INTEGER PRIMARY KEY, {columns}); INSERT INTO a (id) VALUES (1);"
        "CREATE TABLE b (id INTEGER PRIMARY KEY); INSERT INTO b VALUES (7)",
    )
    reports = own.sync()
    assert reports["b"].succeeded
    assert mirror(own, "b") == [(7,)]
    error = reports["a"].error
    if error is None:
        assert reports["a"].succeeded
        assert [row[0] for row in mirror(own, "a")] == [1]
    else:
        assert "aborted" not in error
        assert "emory" in error


def version(tables: dict[str, Any]) -> None:
    tables["t"]["version"] = "ver"


def test_07_a_row_whose_version_is_null(tmp_path: Path) -> None:
    own = Own(
        tmp_path,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, ver INTEGER, s TEXT);"
        "INSERT INTO t VALUES (1, 10, 'a'), (2, NULL, 'b')",
        edit=version,
    )
    own.sync()
    own.execute("UPDATE t SET s = 'B2' WHERE id = 2")
    report = own.sync()["t"]
    if report.error is None:  # rows without a version are read too
        assert mirror(own) == [(1, 10, "a"), (2, None, "B2")]
    else:
        assert "t.ver" in report.error


def test_07_a_row_whose_version_did_not_rise(tmp_path: Path) -> None:
    """No version is above the watermark. A count does not prove the table; the digest finds the change."""
    own = Own(
        tmp_path,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, ver INTEGER, s TEXT);"
        "INSERT INTO t VALUES (1, 10, 'a'), (2, 7, 'b')",
        edit=version,
    )
    own.sync()
    own.execute("UPDATE t SET s = 'B2', ver = 10 WHERE id = 2")
    report = own.sync()["t"]
    equal = mirror(own) == [(1, 10, "a"), (2, 10, "B2")]
    assert report.proof is not None
    assert equal or not report.proof.proven
    assert own.verify("digest")["t"].proven is equal
    assert own.verify("counts")["t"].verdict == "counted"
    assert own.repair()["t"].succeeded
    assert mirror(own) == [(1, 10, "a"), (2, 10, "B2")]


def test_09_a_key_of_several_types(tmp_path: Path) -> None:
    """1 and '1' are two keys in SQLite. Both are mirrored, or the table stops. All levels agree."""
    own = Own(
        tmp_path,
        "CREATE TABLE t (k PRIMARY KEY, v); INSERT INTO t VALUES (1, 'int'), ('1', 'text')",
    )
    check(own)
    with closing(duckdb.connect(str(own.warehouse.path), read_only=True)) as connection:
        rows = connection.execute("SELECT k, v FROM raw.t ORDER BY v").fetchall()
    assert rows == [("1", "int"), ("'1'", "text")]


def test_09_a_key_that_is_not_unique(tmp_path: Path) -> None:
    """If `key_enforced: false` is wrong, the totals of every level still count the existing rows."""

    def vouch(tables: dict[str, Any]) -> None:
        tables["t"]["key"] = ["k"]
        tables["t"]["key_enforced"] = False
        tables["t"]["columns"]["k"]["nullable"] = False

    own = Own(
        tmp_path,
        "CREATE TABLE t (k INTEGER, v TEXT); INSERT INTO t VALUES (1, 'a'), (1, 'b'), (2, 'c')",
        edit=vouch,
    )
    check_stop(own)


def test_14_year_zero(tmp_path: Path) -> None:
    own = Own(
        tmp_path,
        "CREATE TABLE births (id INTEGER PRIMARY KEY, d DATE); INSERT INTO births VALUES (1, '0000-01-01')",
    )
    assert own.declared()["births"].kinds["d"] == "text"
    check(own)
    assert mirror(own, "births") == [(1, "0000-01-01")]


def test_17_impossible_day(tmp_path: Path) -> None:
    own = Own(
        tmp_path,
        "CREATE TABLE leap (id INTEGER PRIMARY KEY, d DATE, t DATETIME);"
        "INSERT INTO leap VALUES (1, '2023-02-29', '2023-02-30 00:00:00')",
    )
    assert own.declared()["leap"].kinds == {"id": "integer", "d": "text", "t": "text"}
    check(own)
    assert mirror(own, "leap") == [(1, "2023-02-29", "2023-02-30 00:00:00")]


# Through the command line.


def saas_platform(folder: Path, url: str, *words: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SAAS_", "DAGSTER_"))}
    return subprocess.run(
        [sys.executable, "-m", "saas_platform", *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={
            **kept,
            "SAAS_SYNTHETIC": "false",
            "SAAS_HOME": str(folder / "home"),
            "SAAS_SOURCE_URL": url,
        },
    )


def discovered(folder: Path) -> dict[str, Any]:
    text = (folder / "home" / "tables.yaml").read_text(encoding="utf-8")
    return dict(yaml.safe_load(text)["tables"])


@pytest.mark.parametrize(
    "name",
    fast_first("shop?v2.db", "shop#2.db", "shop%41.db", "two words.db"),
)
def test_15_path_with_odd_characters(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    with closing(sqlite3.connect(folder / name)) as connection:
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)")
        connection.commit()
    content = (folder / name).read_bytes()
    done = saas_platform(folder, f"sqlite:///{folder}/{quote(name)}", "doctor", "--discover")
    assert done.returncode == 0, done.stderr
    assert list(discovered(folder)) == ["t"]
    assert sorted(each.name for each in folder.iterdir()) == sorted(["home", name])
    assert (folder / name).read_bytes() == content


@pytest.mark.slow
def test_16_blank_column_name(tmp_path: Path) -> None:
    """Other tables are discovered. This one is left out with a note, or mirrored under another name."""
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection:
        connection.executescript(
            "CREATE TABLE good (id INTEGER PRIMARY KEY);"
            'CREATE TABLE oddly (id INTEGER PRIMARY KEY, "" TEXT)'
        )
    url = f"sqlite:///{tmp_path}/a.db"
    done = saas_platform(tmp_path, url, "doctor", "--discover")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    tables = discovered(tmp_path)
    assert "good" in tables
    assert "oddly" in tables or "oddly" in done.stderr
    synced = saas_platform(tmp_path, url, "sync")
    assert synced.returncode == 0, synced.stderr
