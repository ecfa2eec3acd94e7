"""A run on BigQuery whose steps run side by side, started as Dagster's daemon starts one."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import dagster as dg
import pytest

from saas_platform.defs.instance import open_instance
from saas_platform.platform import Platform
from saas_platform.warehouse.interface import Warehouse
from saas_platform_tests.end_to_end.command_line import command

pytestmark = pytest.mark.slow

DATABASE = """
CREATE TABLE country (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE city (id INTEGER PRIMARY KEY, country_id INTEGER NOT NULL REFERENCES country, name TEXT);
CREATE TABLE shop (id INTEGER PRIMARY KEY, city_id INTEGER REFERENCES city, opened_on DATE);
CREATE TABLE staff (id INTEGER PRIMARY KEY, shop_id INTEGER REFERENCES shop, wage INTEGER);
INSERT INTO country SELECT value, 'c' || value FROM generate_series(1, 5);
INSERT INTO city SELECT value, 1 + value % 5, 't' || value FROM generate_series(1, 50);
INSERT INTO shop SELECT value, 1 + value % 50, '2024-01-05' FROM generate_series(1, 200);
INSERT INTO staff SELECT value, 1 + value % 200, 100 * value FROM generate_series(1, 900);
"""
ROWS = {"country": 5, "city": 50, "shop": 200, "staff": 900}


@pytest.fixture
def home(tmp_path: Path, bigquery_emulator: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with closing(sqlite3.connect(tmp_path / "own.db")) as connection:
        # SQLite has generate_series in its shell alone.
        series = "(WITH RECURSIVE s(value) AS (SELECT {} UNION ALL SELECT value + 1 FROM s WHERE value < {}) SELECT * FROM s)"
        sql = DATABASE
        for last in ROWS.values():
            sql = sql.replace(f"generate_series(1, {last})", series.format(1, last))
        connection.executescript(sql)
    for name, value in {
        "SAAS_HOME": str(tmp_path / "home"),
        "SAAS_SYNTHETIC": "false",
        "SAAS_SOURCE_URL": f"sqlite:///{tmp_path / 'own.db'}",
        "SAAS_WAREHOUSE_URL": "bigquery://side-by-side?location=EU",
        "BIGQUERY_EMULATOR_HOST": bigquery_emulator,
        "SAAS_STEPS_AT_ONCE": "3",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    assert command("doctor", "--discover").code == 0
    yield tmp_path / "home"
    Platform.load().warehouse.drop()


def refresh(instance: dg.DagsterInstance) -> tuple[dg.DagsterRun, str]:
    """Run the job with the executor that the definitions give it, and return the run and the log."""
    job = subprocess.run(
        [
            *(sys.executable, "-m", "dagster", "job", "execute"),
            *("-m", "saas_platform.definitions", "-j", "refresh"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    (run, *_) = instance.get_runs(limit=1)
    return run, job.stdout + job.stderr


def rows(warehouse: Warehouse, table: str) -> int:
    (row,) = warehouse.query(f"SELECT COUNT(*) AS n FROM raw.{table}").to_pylist()
    return int(row["n"])


def test_steps_run_in_processes_of_their_own_and_all_is_proven(home: Path) -> None:
    with open_instance(Platform.load().home) as instance:
        run, log = refresh(instance)
        assert run.is_success, log[-3000:]
        events = [
            record.event_log_entry for record in instance.get_records_for_run(run.run_id).records
        ]
        processes = {
            event.dagster_event.pid
            for event in events
            if event.dagster_event and event.dagster_event.event_type_value == "STEP_START"
        }
        steps = sorted(each.step_key for each in instance.get_run_step_stats(run.run_id))
    assert len(processes) == len(steps) == 3 * len(ROWS)
    warehouse = Platform.load().warehouse
    assert {table: rows(warehouse, table) for table in ROWS} == ROWS
    verified = command("verify", "--level", "rows", "--json")
    assert verified.code == 0, verified.err
    assert {each["verdict"] for each in json.loads(verified.out)} == {"proven"}
