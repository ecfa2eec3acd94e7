"""Tests of the first load by days: the jobs that it sends, and, on a real project, that it works."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from google.api_core import exceptions as api
from google.cloud import bigquery

from saas_platform.schema import TABLES
from saas_platform.warehouse.bigquery import first_load as bigquery_days
from saas_platform.warehouse.bigquery import loads as bigquery_loads
from saas_platform.warehouse.bigquery.target import BigqueryTarget
from saas_platform.warehouse.bigquery.warehouse import BigqueryWarehouse
from saas_platform.warehouse.interface import WarehouseError
from saas_platform.warehouse.logs import SyncEntry
from saas_platform_tests.conftest import BIGQUERY_ENGINES
from saas_platform_tests.digests.rows import stream
from saas_platform_tests.emulator.server import skip_gap
from saas_platform_tests.rows import row
from saas_platform_tests.texts import texts

EVENTS, USERS = TABLES["usage_events"], TABLES["users"]
_NOON = datetime(2026, 1, 1, 12)


class Job:
    error_result = None

    def result(self) -> None:
        pass


class Project:
    """A client that records every job, and keeps the rows by the name under which they are loaded."""

    def __init__(self, *, loses: str = "-") -> None:
        self.tables: dict[str, bigquery.Table] = {}
        self.days: dict[str, list[dict[str, Any]]] = {}
        self.jobs: list[tuple[str, str, bigquery.LoadJobConfig]] = []
        self.scripts: list[tuple[str, str]] = []
        self.loses = loses

    def get_dataset(self, name: str) -> bigquery.Dataset:
        found = bigquery.Dataset(name)
        found.location = "EU"
        return found

    def get_table(self, place: bigquery.TableReference) -> bigquery.Table:
        if place.table_id not in self.tables:
            raise api.NotFound(place.table_id)
        return self.tables[place.table_id]

    def create_table(self, table: bigquery.Table, exists_ok: bool = False) -> None:
        assert exists_ok or table.table_id not in self.tables
        self.tables[table.table_id] = table

    def load_table_from_file(
        self,
        file: Any,
        place: bigquery.TableReference,
        *,
        rewind: bool,
        job_id: str,
        job_config: bigquery.LoadJobConfig,
    ) -> Job:
        assert rewind
        assert not any(job_id == sent for sent, *_ in self.jobs)
        file.seek(0)
        found = pq.read_table(file)
        table, _, day = place.table_id.partition("$")
        assert table in self.tables
        assert all(
            not found.schema.field(f.name).nullable
            for f in job_config.schema
            if f.mode == "REQUIRED"
        )
        if job_config.write_disposition == "WRITE_TRUNCATE":
            self.days[day] = []
        if day != self.loses:
            self.days[day] += found.to_pylist()
        self.jobs.append((job_id, place.table_id, job_config))
        return Job()

    def get_job(self, job_id: str) -> Job:
        raise AssertionError(job_id)

    def query_and_wait(self, sql: str, **_: Any) -> list[dict[str, Any]]:
        assert "COUNT(*)" in sql
        return [
            {"slice": f"{day[:4]}-{day[4:6]}-{day[6:]}", "rows": len(rows)}
            for day, rows in self.days.items()
            if rows
        ]

    def query(self, sql: str, *, job_id: str, **_: Any) -> Job:
        self.scripts.append((job_id, sql))
        return Job()


def by_days(project: Project) -> BigqueryWarehouse:
    target = BigqueryTarget("acme", "EU", first_load_by_days=True)
    return BigqueryWarehouse(target, lambda: project)  # type: ignore[arg-type, return-value]


def load(warehouse: BigqueryWarehouse, table: sa.Table, numbers: range) -> SyncEntry:
    rows = [row(table, n, row_version=n) for n in numbers]
    entry = SyncEntry("s", table.name, "full", "a source", 7, _NOON, _NOON)
    return warehouse.load(table, stream(table, rows), entry)


def test_each_day_is_replaced_by_a_job_of_its_own_and_the_log_comes_last() -> None:
    project = Project()
    done = load(by_days(project), EVENTS, range(1, 4))
    assert [(job_id, place) for job_id, place, _ in project.jobs] == [
        ("s-usage_events-1-20240102-0-1", "usage_events$20240102"),
        ("s-usage_events-1-20240103-0-1", "usage_events$20240103"),
        ("s-usage_events-1-20240104-0-1", "usage_events$20240104"),
    ]
    for _, _, config in project.jobs:
        assert config.write_disposition == "WRITE_TRUNCATE"
        assert config.source_format == "PARQUET"
        assert config.time_partitioning == bigquery.TimePartitioning(
            type_="DAY", field="occurred_at"
        )
        # BigQuery refuses a load that names one of the two and not the other.
        assert config.clustering_fields == ["event_id"]
        assert config.schema == project.tables["usage_events"].schema
    assert [
        [(each["event_id"], each["_sync_id"]) for each in rows] for rows in project.days.values()
    ] == [[(1, "s")], [(2, "s")], [(3, "s")]]
    ((job_id, script),) = project.scripts
    assert job_id == "s-usage_events-1-commit-1"
    assert "INSERT INTO `raw`.`_sync_log`" in script
    assert "usage_events` " not in script
    assert done.slices == ("2024-01-02", "2024-01-03", "2024-01-04")
    assert (done.rows_read, done.rows_written, done.slices_copied) == (3, 3, 3)


def test_a_day_of_several_files_is_replaced_once_and_then_appended_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bigquery_loads, "GROUP_BYTES", 1)
    monkeypatch.setattr(bigquery_loads, "FILE_BYTES", 1)
    monkeypatch.setattr(bigquery_days.ScratchConnection, "stream", _in_single_rows)
    project = Project()
    warehouse = by_days(project)
    rows = [row(EVENTS, n, row_version=n, occurred_at=datetime(2024, 1, 2, n)) for n in (1, 2)]
    entry = SyncEntry("s", EVENTS.name, "full", "a source", 7, _NOON, _NOON)
    warehouse.load(EVENTS, stream(EVENTS, rows), entry)
    assert [config.write_disposition for *_, config in project.jobs] == [
        "WRITE_TRUNCATE",
        "WRITE_APPEND",
    ]
    assert sorted(each["event_id"] for each in project.days["20240102"]) == [1, 2]


def _in_single_rows(connection: Any, sql: str) -> Any:
    return iter(connection.arrow(sql).to_batches(max_chunksize=1))


def test_rows_that_did_not_arrive_leave_no_entry() -> None:
    project = Project(loses="20240103")
    with pytest.raises(
        WarehouseError, match=r"has 2 of the 3 rows .* run again, which reloads the"
    ):
        load(by_days(project), EVENTS, range(1, 4))
    assert project.scripts == []


def test_only_an_empty_mirror_sliced_by_day_is_loaded_by_days() -> None:
    project = Project()
    connection = by_days(project)._bare
    assert bigquery_days.may_load_by_days(connection, EVENTS)
    assert not bigquery_days.may_load_by_days(connection, USERS)
    for rows, may in ((0, True), (5, False)):
        project.tables["usage_events"] = bigquery.Table.from_api_repr(
            {
                "tableReference": {
                    "projectId": "acme",
                    "datasetId": "raw",
                    "tableId": "usage_events",
                },
                "numRows": str(rows),
            }
        )
        assert bigquery_days.may_load_by_days(connection, EVENTS) is may
    unasked = BigqueryWarehouse(BigqueryTarget("acme"), lambda: project)  # type: ignore[arg-type, return-value]
    assert not bigquery_days.may_load_by_days(unasked._bare, EVENTS)


def test_days_without_a_name_and_too_many_days_are_reported_before_anything_is_created(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    project = Project()
    old = [row(EVENTS, 1, row_version=1, occurred_at=datetime(1959, 12, 31))]
    entry = SyncEntry("s", EVENTS.name, "full", "a source", 7, _NOON, _NOON)
    with pytest.raises(WarehouseError, match=r"rows of 1959-12-31.*leave first_load=days out"):
        by_days(project).load(EVENTS, stream(EVENTS, old), entry)
    monkeypatch.setattr(bigquery_days, "MOST_DAYS", 2)
    with pytest.raises(WarehouseError, match=r"has 3 days, and BigQuery allows 1,500 load jobs"):
        load(by_days(project), EVENTS, range(1, 4))
    assert project.jobs == []
    assert "usage_events" not in project.tables


@pytest.mark.parametrize("any_warehouse", BIGQUERY_ENGINES, indirect=True)
def test_a_first_load_by_days_holds_what_was_loaded(any_warehouse: BigqueryWarehouse) -> None:
    skip_gap(any_warehouse, "days")
    warehouse = BigqueryWarehouse(replace(any_warehouse.target, first_load_by_days=True))
    rows = [row(EVENTS, n, row_version=n) for n in range(1, 6)]
    load(warehouse, EVENTS, range(1, 6))
    assert warehouse.digest_mirror(EVENTS) == warehouse.digest_texts(texts(EVENTS, rows))
    # The mirror is no longer empty, so the next load is one transaction.
    load(warehouse, EVENTS, range(2, 6))
    assert warehouse.digest_mirror(EVENTS) == warehouse.digest_texts(texts(EVENTS, rows[1:]))
