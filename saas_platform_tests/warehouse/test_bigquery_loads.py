"""Test that rows are loaded into BigQuery as files, sent with the job or through a bucket."""

from __future__ import annotations

import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from google.cloud import bigquery

from saas_platform.schema import TABLES
from saas_platform.warehouse.bigquery import loads as bigquery_loads
from saas_platform.warehouse.bigquery.changes import StagingTable
from saas_platform.warehouse.bigquery.connection import Connection
from saas_platform.warehouse.bigquery.schemas import near
from saas_platform.warehouse.bigquery.target import BigqueryTarget
from saas_platform_tests.warehouse.google import TAG, TARGET, Bucket, Job, place


def test_a_load_names_no_policy_tag_because_the_table_has_it() -> None:
    sent: list[bigquery.LoadJobConfig] = []

    class Client:
        def load_table_from_file(
            self, *_: Any, job_config: bigquery.LoadJobConfig, **__: Any
        ) -> Job:
            sent.append(job_config)
            return Job()

        def get_job(self, job_id: str) -> Job:
            raise AssertionError(job_id)

    target = BigqueryTarget("acme", "EU", policy_tags={"": TAG})
    connection = Connection(target, Client)  # type: ignore[arg-type]
    assert StagingTable(connection, TABLES["users"], "s").load([], 0) == 0
    (config,) = sent
    assert "email" in [field.name for field in config.schema]
    assert not [field for field in config.schema if field.policy_tags]


def test_rows_go_through_the_bucket_and_leave_nothing_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The number of files depends on the size of the rows. Each file has large row groups."""
    bucket = Bucket()
    monkeypatch.setattr(BigqueryTarget, "bucket", lambda _: (bucket, "loads"))
    monkeypatch.setattr(bigquery_loads, "GROUP_BYTES", 800)
    monkeypatch.setattr(bigquery_loads, "FILE_BYTES", 1600)
    loaded: dict[str, list[list[int]]] = {}

    class Client:
        def load_table_from_uri(
            self, uri: str, _place: Any, *, job_id: str, job_config: Any
        ) -> Job:
            assert job_config.write_disposition == "WRITE_APPEND"
            assert job_config.decimal_target_types == {"NUMERIC", "BIGNUMERIC"}
            name = uri.removeprefix("gs://acme-staging/")
            file = pq.ParquetFile(io.BytesIO(bucket.held[name]))
            loaded[f"{name} {job_id}"] = [
                file.read_row_group(n)["a"].to_pylist() for n in range(file.num_row_groups)
            ]
            return Job()

        def get_job(self, job_id: str) -> Job:
            raise AssertionError(job_id)

    schema = pa.schema([("a", pa.int64())])
    batches = pa.table({"a": range(300)}, schema=schema).to_batches(max_chunksize=50)
    count = bigquery_loads.load_rows(
        Connection(TARGET, Client),  # type: ignore[arg-type]
        bigquery.Table(place(TABLES["users"])),
        schema,
        batches,
        "sync-users-1",
    )
    assert count == 300
    assert bucket.held == {}
    assert list(loaded) == [
        "loads/sync-users-1-0.parquet sync-users-1-0-1",
        "loads/sync-users-1-1.parquet sync-users-1-1-1",
    ]
    assert [len(groups) for groups in loaded.values()] == [2, 1]
    assert [n for groups in loaded.values() for group in groups for n in group] == [*range(300)]


@pytest.mark.parametrize(
    ("dataset", "bucket", "good"),
    [
        ("EU", "eu", True),
        ("EU", "EUROPE-WEST1", True),
        ("europe-west1", "EU", False),
        ("EU", "US", False),
        ("US", "ASIA", True),
        ("europe-west3", "EUROPE-WEST3", True),
    ],
)
def test_buckets_that_a_dataset_can_be_loaded_from(dataset: str, bucket: str, good: bool) -> None:
    assert near(dataset, bucket) is good
