"""Tests of the BigQuery engine that need no BigQuery: URLs, definitions, SQL, jobs done once, and errors."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from copy import deepcopy
from datetime import datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import requests
import sqlalchemy as sa
from google.api_core import exceptions as api
from google.auth import exceptions as auth
from google.cloud import bigquery
from google.cloud.storage.blob import (  # type: ignore[import-untyped]
    _raise_from_invalid_response,
)
from google.cloud.storage.exceptions import InvalidResponse  # type: ignore[import-untyped]

from saas_platform.cli.doctor import Finding, examine
from saas_platform.platform import Platform
from saas_platform.schema import TABLES
from saas_platform.schema.slices import Slice
from saas_platform.sync.drift import mirror_faults
from saas_platform.warehouse.bigquery import loads as bigquery_loads
from saas_platform.warehouse.bigquery import schemas as bigquery_schemas
from saas_platform.warehouse.bigquery import sql as q
from saas_platform.warehouse.bigquery.changes import StagingTable, make_mirror
from saas_platform.warehouse.bigquery.connection import Connection
from saas_platform.warehouse.bigquery.errors import in_words
from saas_platform.warehouse.bigquery.jobs import job_name, run_once
from saas_platform.warehouse.bigquery.schemas import near
from saas_platform.warehouse.bigquery.tables import (
    completed,
    mirror_definition,
    mirror_schema,
    staging_definition,
)
from saas_platform.warehouse.bigquery.target import BigqueryTarget
from saas_platform.warehouse.bigquery.warehouse import BigqueryWarehouse
from saas_platform.warehouse.duckdb.scratch import narrowed, scratch
from saas_platform.warehouse.interface import WarehouseError

TARGET = BigqueryTarget("acme", "EU", staging="gs://acme-staging/loads")
TAG = "projects/acme/locations/eu/taxonomies/1/policyTags/2"


# The URL.


def test_the_url_sets_every_option(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", "http://127.0.0.1:1")
    url = sa.make_url(
        "bigquery://acme?location=europe-west3&staging=gs://bucket/a/b&maximum_bytes_billed=1000&first_load=days"
        f"&policy_tag={TAG}&policy_tag.email={TAG}9"
    )
    assert BigqueryTarget.of(url) == BigqueryTarget(
        "acme",
        "europe-west3",
        "gs://bucket/a/b",
        1000,
        True,
        {"": TAG, "email": f"{TAG}9"},
        "http://127.0.0.1:1",
    )


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("bigquery://", "names no project: write it as bigquery://PROJECT"),
        ("bigquery://acme/raw", "names a dataset: write it as"),
        ("bigquery://acme?loc=EU", "has loc, which is none of location, staging"),
        (
            "bigquery://acme?staging=s3://x",
            "staging in SAAS_WAREHOUSE_URL is s3://x: write it as gs",
        ),
        ("bigquery://acme?maximum_bytes_billed=1e9", "is 1e9: write a whole number of bytes"),
        ("bigquery://acme?maximum_bytes_billed=0", "is 0: write a whole number of bytes"),
        ("bigquery://acme?first_load=fast", "first_load in SAAS_WAREHOUSE_URL is fast: write days"),
        ("bigquery://acme?policy_tag=secret", "is secret: write the tag's resource name"),
        (
            f"bigquery://acme?policy_tag.shoe={TAG}",
            "has policy_tag.shoe: the kinds of personal data are",
        ),
    ],
)
def test_a_wrong_url_is_reported_in_one_sentence(url: str, says: str) -> None:
    with pytest.raises(WarehouseError) as caught:
        BigqueryTarget.of(sa.make_url(url))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


# Tables and SQL.


def place(table: sa.Table) -> bigquery.TableReference:
    return bigquery.DatasetReference("acme", "raw").table(table.name)


def test_a_mirror_is_partitioned_clustered_and_described() -> None:
    events = TABLES["usage_events"]
    made = mirror_definition(place(events), events, {})
    assert made.time_partitioning == bigquery.TimePartitioning(type_="DAY", field="occurred_at")
    assert made.require_partition_filter
    assert made.clustering_fields == ["event_id"]
    assert made.description == events.comment
    assert made.labels == {"managed_by": "saas-platform", "layer": "raw"}
    described = {
        field.name: (field.field_type, field.mode, field.description) for field in made.schema
    }
    assert described["occurred_at"] == ("TIMESTAMP", "REQUIRED", "When the event happened (UTC)")
    assert described["user_id"][1] == "NULLABLE"
    assert list(described) == [*events.columns.keys(), "_sync_id"]

    users = mirror_definition(place(TABLES["users"]), TABLES["users"], {})
    assert users.time_partitioning == bigquery.TimePartitioning(type_="MONTH", field="created_at")
    assert not users.require_partition_filter
    assert mirror_definition(place(TABLES["plans"]), TABLES["plans"], {}).time_partitioning is None


def test_a_long_description_is_cut_to_what_bigquery_allows() -> None:
    place = bigquery.TableReference.from_string("acme.raw.t")
    described = sa.Column("a", sa.Integer, comment="x" * 7_500)
    made = mirror_definition(
        place, sa.Table("t", sa.MetaData(), described, comment="y" * 20_000), {}
    )
    assert (len(made.description or ""), len(made.schema[0].description)) == (16_384, 1_024)


def test_personal_data_gets_its_policy_tag() -> None:
    def tagged(tags: dict[str, str]) -> dict[str, str]:
        made = mirror_definition(place(TABLES["users"]), TABLES["users"], tags)
        return {f.name: f.policy_tags.names[0] for f in made.schema if f.policy_tags}

    assert tagged({}) == {}
    assert tagged({"": TAG}) == {"email": TAG, "full_name": TAG}
    assert tagged({"email": TAG}) == {"email": TAG}


def test_decimals_take_the_smallest_type_that_holds_them() -> None:
    def kind(precision: int, scale: int) -> str:
        return q.type_of(sa.Column("x", sa.Numeric(precision, scale)))

    assert kind(38, 9) == "NUMERIC(38, 9)"
    assert kind(29, 0) == "NUMERIC(29, 0)"
    assert kind(30, 0) == "BIGNUMERIC(30, 0)"
    assert kind(10, 10) == "BIGNUMERIC(10, 10)"


def test_only_new_columns_that_may_be_null_are_added() -> None:
    plans = TABLES["plans"]
    wanted = mirror_schema(plans)
    assert completed(plans, wanted, {}) == wanted
    assert completed(plans, [field for field in wanted if field.name != "tier"], {}) is None
    table = sa.Table("t", sa.MetaData(), sa.Column("a", sa.Integer), sa.Column("b", sa.String))
    a, b, ours = mirror_schema(table)
    assert completed(table, [a, ours], {}) == [a, ours, b]
    assert completed(table, [bigquery.SchemaField("a", "STRING"), ours], {}) is None
    assert completed(table, [a, b, ours, bigquery.SchemaField("c", "STRING")], {}) is None


class Mirrors:
    """A client that keeps tables as the service does, and records what is done to them."""

    def __init__(self) -> None:
        self.tables: dict[str, bigquery.Table] = {}
        self.done: list[str] = []

    def get_table(self, place: bigquery.TableReference) -> bigquery.Table:
        if place.table_id not in self.tables:
            raise api.NotFound(place.table_id)
        return bigquery.Table.from_api_repr(deepcopy(self.tables[place.table_id].to_api_repr()))

    def create_table(self, table: bigquery.Table, exists_ok: bool) -> None:
        assert exists_ok, "the request may be sent again, after its first answer was lost"
        kept = deepcopy(table.to_api_repr())
        if table.require_partition_filter:
            kept["timePartitioning"]["requirePartitionFilter"] = True
        self.tables[table.table_id] = bigquery.Table.from_api_repr(kept)
        self.done.append("created")

    def update_table(self, table: bigquery.Table, fields: list[str]) -> None:
        assert fields == ["schema"]
        self.tables[table.table_id] = table
        self.done.append("updated")

    def delete_table(self, place: bigquery.TableReference) -> None:
        del self.tables[place.table_id]
        self.done.append("deleted")


def with_mirrors(mirrors: Mirrors, tags: dict[str, str]) -> Connection:
    target = BigqueryTarget("acme", "EU", policy_tags=tags)
    return Connection(target, lambda: mirrors)  # type: ignore[arg-type, return-value]


@pytest.mark.parametrize("name", ["usage_events", "users", "plans"])
def test_a_mirror_that_is_as_declared_is_left_as_it_is(name: str) -> None:
    mirrors = Mirrors()
    for _ in range(2):
        make_mirror(with_mirrors(mirrors, {"": TAG}), TABLES[name])
    assert mirrors.done == ["created"]


def test_a_mirror_with_other_partitions_is_replaced() -> None:
    mirrors, events = Mirrors(), TABLES["usage_events"]
    by_month = events.to_metadata(sa.MetaData())
    by_month.info = {**events.info, "slice": Slice("occurred_at", "month")}
    make_mirror(with_mirrors(mirrors, {}), by_month)
    make_mirror(with_mirrors(mirrors, {}), events)
    assert mirrors.done == ["created", "deleted", "created"]


def test_the_next_sync_adds_a_policy_tag_that_is_configured_later() -> None:
    mirrors, users = Mirrors(), TABLES["users"]
    make_mirror(with_mirrors(mirrors, {}), users)

    def faults(tags: dict[str, str]) -> tuple[str, ...]:
        target = BigqueryTarget("acme", "EU", policy_tags=tags)
        there = BigqueryWarehouse(target, lambda: mirrors)  # type: ignore[arg-type, return-value]
        there._prepared = True
        return mirror_faults(there, users)

    assert faults({}) == ()
    assert faults({"email": TAG}) == (
        f"raw.users.email is STRING, but declared as STRING with the policy tag {TAG}:"
        " run `saas-platform sync`, which loads the table again.",
    )
    make_mirror(with_mirrors(mirrors, {"email": TAG}), users)
    assert mirrors.done == ["created", "updated"]
    assert faults({"email": TAG}) == ()
    # If policy_tag is taken out of the URL, or a column is tagged by hand, the tags stay.
    assert faults({}) == ()
    make_mirror(with_mirrors(mirrors, {}), users)
    assert mirrors.done == ["created", "updated"]


def test_personal_data_is_tagged_in_staging_tables_too() -> None:
    made = staging_definition(place(TABLES["users"]), TABLES["users"], {"": TAG})
    assert [f.name for f in made.schema if f.policy_tags] == ["email", "full_name"]


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


def test_decimals_of_256_bits_come_as_declared() -> None:
    rows = pa.table({"n": [1], "d": pa.array([Decimal("1.000000000001")], pa.decimal256(76, 38))})
    declared = pa.schema([("n", pa.int32()), ("d", pa.decimal128(38, 12))])
    found = narrowed(rows, declared)
    assert found.schema == pa.schema([("n", pa.int64()), ("d", pa.decimal128(38, 12))])
    assert found["d"].to_pylist() == [Decimal("1.000000000001")]
    with scratch() as local, local.registered(found) as relation:
        assert local.run(f"SELECT d FROM {relation}") == [(Decimal("1.000000000001"),)]


def test_slice_bounds_are_literal_and_always_there() -> None:
    events = TABLES["usage_events"]
    always = "`occurred_at` >= TIMESTAMP '0001-01-01 00:00:00+00:00'"
    assert q.within(events, None) == always
    assert q.within(events, ["2024-02-29", "2024-03-01"]) == (
        f"({always} AND ((`occurred_at` >= TIMESTAMP '2024-02-29 00:00:00+00:00'"
        " AND `occurred_at` < TIMESTAMP '2024-03-02 00:00:00+00:00')))"
    )
    # No timestamp follows the last slice, so it has no upper bound.
    assert "SUBSTR(CAST(EXTRACT(DATE FROM `occurred_at`) AS STRING), 1, 10) IN ('9999-12-31')" in (
        q.within(events, ["9999-12-31"])
    )
    assert q.within(events, []) == f"({q.within(events, None)} AND FALSE)"
    dated = sa.Table(
        "t", sa.MetaData(), sa.Column("d", sa.Date), info={"slice": Slice("d", "month")}
    )
    assert q.within(dated, ["2024-12"], "r") == (
        "(r.`d` >= DATE '0001-01-01' AND ((r.`d` >= DATE '2024-12-01' AND r.`d` < DATE '2025-01-01')))"
    )


@pytest.mark.parametrize(
    ("value", "sql"),
    [
        (None, "NULL"),
        (True, "TRUE"),
        (-5, "-5"),
        ("a'b\\c", r"'a\'b\\c'"),
        ("line\nend", r"'line\U0000000aend'"),
        ('é"𝄞', "'é\"𝄞'"),
        (0.1, "CAST('0.1' AS FLOAT64)"),
        (float("-inf"), "CAST('-inf' AS FLOAT64)"),
        (datetime(2024, 1, 2, 3, 4, 5, 6), "TIMESTAMP '2024-01-02 03:04:05.000006+00:00'"),
        (b"\x00\xff", "FROM_HEX('00ff')"),
    ],
)
def test_literals(value: Any, sql: str) -> None:
    assert q.literal(value) == sql


# Jobs.


class Job:
    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    @property
    def error_result(self) -> Any:
        return {"reason": "why"} if self.error else None

    def result(self) -> None:
        if self.error:
            raise self.error


class Server:
    """A server that takes each id once and gives the answers of a list."""

    def __init__(self, *answers: Job | Exception | tuple[Exception, Job]) -> None:
        self.answers = list(answers)
        self.jobs: dict[str, Job] = {}
        self.done: list[str] = []

    def begin(self, job_id: str) -> Job:
        if job_id in self.jobs:
            raise api.Conflict("Already Exists: Job")
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, tuple):
            # The job arrives, but the answer is lost.
            error, self.jobs[job_id] = answer
            raise error
        self.jobs[job_id] = answer
        return answer

    def run(self, seconds: float = 5.0) -> list[str]:
        run_once("load", self.begin, self.jobs.__getitem__, seconds=seconds, pause=0.001)
        return list(self.jobs)


PASSING = api.ServiceUnavailable("later", errors=[{"reason": "backendError"}])


def test_a_job_is_sent_once() -> None:
    assert Server(Job()).run() == ["load-1"]


def test_a_job_whose_answer_was_lost_is_looked_up_and_nothing_is_loaded_twice() -> None:
    server = Server((requests.exceptions.ConnectionError(), Job()))
    assert server.run() == ["load-1"]
    assert server.answers == []


def test_a_job_that_never_arrived_is_sent_again_under_its_id() -> None:
    assert Server(PASSING, requests.exceptions.Timeout(), Job()).run() == ["load-1"]


def test_a_job_with_a_temporary_error_takes_the_next_id() -> None:
    assert Server(Job(PASSING), Job()).run() == ["load-1", "load-2"]


def test_a_job_that_failed_before_takes_the_next_id_and_one_that_is_done_is_not_sent() -> None:
    server = Server(Job())
    server.jobs["load-1"] = Job(api.BadRequest("no"))
    assert server.run() == ["load-1", "load-2"]
    server.begin = lambda job_id: (_ for _ in ()).throw(api.Conflict(job_id))  # type: ignore[method-assign]
    server.jobs = {"load-1": Job()}
    assert server.run() == ["load-1"]


def test_a_job_that_is_taken_and_can_not_be_read_yet_is_looked_up_again() -> None:
    server = Server((requests.exceptions.Timeout(), Job()))
    asked: list[str] = []

    def fetch(job_id: str) -> Job:
        asked.append(job_id)
        if len(asked) < 3:
            raise api.NotFound(f"Not found: Job {job_id}")
        return server.jobs[job_id]

    run_once("load", server.begin, fetch, seconds=5.0, pause=0.001)
    assert asked == ["load-1"] * 3


def test_a_permanent_error_is_raised_at_once() -> None:
    server = Server(Job(api.BadRequest("wrong SQL")), Job())
    with pytest.raises(api.BadRequest):
        server.run()
    assert list(server.jobs) == ["load-1"]


def test_an_exhausted_quota_is_raised_at_once_and_a_rate_limit_is_waited_for() -> None:
    used_up = api.Forbidden("Quota exceeded", errors=[{"reason": "quotaExceeded"}])
    with pytest.raises(api.Forbidden):
        Server(Job(used_up), Job()).run()
    too_fast = api.Forbidden("Exceeded rate limits", errors=[{"reason": "rateLimitExceeded"}])
    assert Server(Job(too_fast), Job()).run() == ["load-1", "load-2"]


def test_retries_end_when_nothing_helps() -> None:
    with pytest.raises(api.RetryError):
        Server(*[PASSING] * 10_000).run(seconds=0.05)


def test_names_of_jobs_are_distinct_and_legal() -> None:
    parts = [("a", "b c"), ("a", "b_c"), ("a", "b-c"), ("a-b", "c"), ("a", "b", "c"), ("a", "b.c")]
    names = {job_name(*each) for each in parts}
    assert len(names) == len(parts)
    assert all(set(name) <= set("abc_-0123456789def") for name in names)
    assert job_name("20240101T000000-ab", "users", 1) == "20240101T000000-2d-ab-users-1"


# Loads through a bucket.


class Blob:
    def __init__(self, name: str, held: dict[str, bytes]) -> None:
        self.name, self._held = name, held

    def upload_from_file(self, file: Any, *, rewind: bool) -> None:
        assert rewind
        file.seek(0)
        self._held[self.name] = file.read()

    def delete(self) -> None:
        del self._held[self.name]


class Bucket:
    name = "acme-staging"

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}

    def blob(self, name: str) -> Blob:
        return Blob(name, self.held)


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


# Errors.


def uploaded(status: int, message: str) -> Exception:
    """Return the error that Google's client raises when an upload is refused."""
    refused = requests.Response()
    refused.status_code, refused.request = (
        status,
        requests.Request("POST", "https://up/b").prepare(),
    )
    refused._content = json.dumps(
        {"error": {"code": status, "message": message}}, indent=2
    ).encode()
    try:
        _raise_from_invalid_response(InvalidResponse(refused, "Request failed", status))
    except api.GoogleAPICallError as error:
        return error
    raise AssertionError("Google's client raised nothing")


def answered(kind: type[api.GoogleAPICallError], message: str, reason: str = "") -> Exception:
    return kind(message, errors=[{"reason": reason, "message": message}])


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (
            auth.DefaultCredentialsError("Your default credentials were not found."),
            "No usable Google credentials were found for project acme: log in with `gcloud auth",
        ),
        (
            auth.RefreshError("invalid_grant: Token has been expired or revoked."),
            "expired, revoked or of another kind: log in again with `gcloud auth",
        ),
        (answered(api.Unauthorized, "Invalid Credentials", "authError"), "log in again"),
        (auth.TransportError("no route"), "do not answer: check the network"),
        (
            requests.exceptions.ConnectionError("refused"),
            "does not answer at bigquery.googleapis.com",
        ),
        (
            answered(
                api.Forbidden,
                "Access Denied: Project acme: User does not have bigquery.jobs.create permission in"
                " project acme.",
                "accessDenied",
            ),
            "as your account lacks the permission bigquery.jobs.create",
        ),
        (
            answered(api.Forbidden, "caller@acme does not have storage.objects.create access"),
            "roles/storage.objectAdmin on the bucket of gs://acme-staging/loads",
        ),
        (
            answered(
                api.Forbidden,
                "request failed: the user does not have 'bigquery.readsessions.create' permission",
            ),
            "roles/bigquery.readSessionUser on project acme",
        ),
        (
            answered(
                api.Forbidden,
                "Access Denied: BigQuery BigQuery: User has neither fine-grained reader nor masked get"
                " permission to get data protected by policy tag 'acme : email' on column raw.users.email.",
            ),
            "closed to your account by its policy tag",
        ),
        (
            answered(
                api.Forbidden,
                "Access Denied: Table acme:raw.users: Permission bigquery.tables.setCategory denied on"
                " table acme:raw.users (or it may not exist).",
            ),
            "grant your account bigquery.tables.setCategory and datacatalog.taxonomies.get",
        ),
        (
            answered(api.Forbidden, "Quota exceeded: Your project exceeded quota", "quotaExceeded"),
            "The quota of project acme is exceeded",
        ),
        (
            answered(api.TooManyRequests, "slow down", "rateLimitExceeded"),
            "wait until it is renewed",
        ),
        (
            answered(
                api.BadRequest, "Query exceeded limit for bytes billed", "bytesBilledLimitExceeded"
            ),
            "raise the project's custom quota",
        ),
        (
            answered(
                api.BadRequest,
                "Cannot read and write in different locations: source: US, destination: EU",
                "invalid",
            ),
            "in different locations (Cannot read and write",
        ),
        (
            answered(api.BadRequest, "Invalid region: moon"),
            "knows no location EU: name one such as",
        ),
        (answered(api.NotFound, "Not found: Project acme", "notFound"), "There is no project acme"),
        (
            answered(api.NotFound, "The specified bucket does not exist."),
            "The staging bucket of gs://acme-staging/loads does not exist: create it in EU",
        ),
        (
            uploaded(404, "The specified bucket does not exist."),
            "The staging bucket of gs://acme-staging/loads does not exist: create it in EU",
        ),
        (
            uploaded(403, "me@acme does not have storage.objects.create access to the bucket."),
            "as your account lacks the permission storage.objects.create (me@acme does not have",
        ),
        (
            answered(
                api.NotFound, "Not found: Dataset my-project:raw was not found in location EU"
            ),
            "BigQuery does not find it in EU (Not found: Dataset my-project:raw",
        ),
        (
            answered(api.Forbidden, "BigQuery API has not been used in project acme before"),
            "gcloud services enable bigquery.googleapis.com",
        ),
        (
            answered(
                api.Forbidden, "Billing has not been enabled for this project", "billingNotEnabled"
            ),
            "enable billing",
        ),
        (
            answered(
                api.BadRequest,
                "Transaction is aborted due to concurrent update against table acme:raw.x",
            ),
            "nothing was applied: let one sync run at a time",
        ),
        (api.RetryError("Timeout", cause=auth.RefreshError("gone")), "log in again"),
        (
            answered(
                api.BadRequest, "POST http://h/p: Syntax error: at [1:7]; reason: x\nJob ID: 7"
            ),
            "BigQuery answered: Syntax error: at [1:7].",
        ),
    ],
)
def test_an_error_of_google_becomes_one_sentence_with_the_remedy(
    error: Exception, says: str
) -> None:
    message = str(in_words(TARGET, error))
    assert says in message
    assert "\n" not in message


def test_the_limit_that_a_query_would_exceed_is_named() -> None:
    target = BigqueryTarget("acme", maximum_bytes_billed=1_000_000)
    error = answered(api.BadRequest, "exceeded", "bytesBilledLimitExceeded")
    assert "would bill more than 1,000,000 bytes: raise maximum_bytes_billed" in str(
        in_words(target, error)
    )


class Project:
    """A client of a project with its datasets in some location, which refuses some statements."""

    def __init__(self, location: str = "EU", refuses: str = "-", **labels: str) -> None:
        self.location, self.refuses, self.labels = location, refuses, labels
        self.asked: list[str] = []

    def query(self, sql: str, job_config: bigquery.QueryJobConfig, **_: Any) -> Any:
        assert job_config.dry_run
        self.asked.append(sql)
        if self.refuses in sql:
            raise answered(api.Forbidden, "Access Denied: bigquery.tables.create", "accessDenied")
        return type("Answer", (), {"total_bytes_processed": 7})

    def get_dataset(self, name: str) -> bigquery.Dataset:
        if self.location == "nowhere":
            raise api.NotFound(f"Not found: Dataset {name}")
        return bigquery.Dataset.from_api_repr(
            {
                "datasetReference": {"projectId": "acme", "datasetId": name.rpartition(".")[2]},
                "location": self.location,
                "labels": self.labels,
            }
        )


def warehouse(make_client: Callable[[], Any], **target: Any) -> BigqueryWarehouse:
    return BigqueryWarehouse(BigqueryTarget("acme", "EU", **target), make_client)


def test_the_doctor_checks_the_permission_to_tag_once_a_table_exists() -> None:
    class Tagging(Project):
        has: tuple[str, ...] = ()

        def get_table(self, place: bigquery.TableReference) -> bigquery.Table:
            return bigquery.Table(place)

        def test_iam_permissions(self, table: bigquery.Table, wanted: list[str]) -> Any:
            assert table.table_id == "_sync_log"
            return {"permissions": [right for right in wanted if right in self.has]}

    project = Tagging()
    assert warehouse(lambda: project).ping()
    tagging = warehouse(lambda: project, policy_tags={"": TAG})
    with pytest.raises(
        WarehouseError, match=r"lacks bigquery\.tables\.setCategory .* policy tags: grant"
    ):
        tagging.ping()
    project.has = ("bigquery.tables.setCategory",)
    assert tagging.ping()


def test_ping_checks_permissions_and_changes_nothing() -> None:
    project = Project()
    assert warehouse(lambda: project).ping() == "answers; project acme in EU"
    assert [sql.partition("(")[0] for sql in project.asked] == [
        "SELECT 1",
        *(f"CREATE TABLE `{schema}`.`_doctor` " for schema in ("raw", "marts", "models")),
    ]
    assert "will create raw, marts, models" in warehouse(lambda: Project("nowhere")).ping()
    with pytest.raises(WarehouseError, match=r"permission bigquery\.tables\.create"):
        warehouse(lambda: Project(refuses="CREATE TABLE")).ping()
    with pytest.raises(WarehouseError, match="lies in US, and SAAS_WAREHOUSE_URL says EU: write"):
        warehouse(lambda: Project("US")).ping()


def test_a_dataset_that_is_not_ours_is_not_dropped() -> None:
    with pytest.raises(WarehouseError, match="Dataset raw of project acme was not created by"):
        warehouse(lambda: Project(layer="raw")).drop()


class Far(Bucket):
    location = "US"

    def reload(self) -> None:
        pass

    def test_iam_permissions(self, wanted: Any) -> list[str]:
        return list(wanted)[:1]


def test_a_bucket_in_another_location_or_without_permission_is_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bucket = Far()
    monkeypatch.setattr(BigqueryTarget, "bucket", lambda _: (bucket, ""))
    staged = warehouse(Project, staging="gs://acme-staging")
    with pytest.raises(WarehouseError, match="bucket acme-staging lies in US, the datasets in EU"):
        staged.ping()
    monkeypatch.setattr(Far, "location", "EU")
    with pytest.raises(WarehouseError, match=r"Your account lacks storage\.objects\.get"):
        staged.ping()


def found_by_the_doctor() -> Finding:
    (found,) = [each for each in examine(Platform.load()) if each.name == "warehouse"]
    assert not found.ok
    return found


def test_the_doctor_finds_missing_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: Any, **__: Any) -> None:
        raise auth.DefaultCredentialsError("none")

    monkeypatch.setenv("SAAS_WAREHOUSE_URL", "bigquery://acme?location=EU")
    monkeypatch.setattr(bigquery, "Client", none)
    found = found_by_the_doctor()
    assert found.detail == "No usable Google credentials were found for project acme"
    assert found.remedy.startswith("log in with `gcloud auth application-default login`")


@pytest.mark.parametrize(
    ("error", "detail", "remedy"),
    [
        (
            auth.RefreshError("invalid_grant: Token has been expired or revoked."),
            "Google does not accept the credentials, which are expired",
            "log in again",
        ),
        (
            answered(api.NotFound, "Not found: Project acme", "notFound"),
            "There is no project acme",
            "correct SAAS_WAREHOUSE_URL",
        ),
        (
            answered(api.Forbidden, "Access Denied: bigquery.jobs.create", "accessDenied"),
            "BigQuery refused, as your account lacks the permission bigquery.jobs.create",
            "roles/bigquery.jobUser",
        ),
        (
            answered(api.Forbidden, "Quota exceeded: too many dry runs", "quotaExceeded"),
            "The quota of project acme is exceeded",
            "wait until it is renewed",
        ),
    ],
)
def test_the_doctor_finds_why_a_run_would_fail(
    monkeypatch: pytest.MonkeyPatch, error: Exception, detail: str, remedy: str
) -> None:
    class Refusing(Project):
        def query(self, *_: Any, **__: Any) -> Any:
            raise error

    monkeypatch.setenv("SAAS_WAREHOUSE_URL", "bigquery://acme?location=EU")
    monkeypatch.setattr(bigquery, "Client", lambda **_: Refusing())
    found = found_by_the_doctor()
    assert detail in found.detail
    assert remedy in found.detail + found.remedy


def test_the_doctor_does_not_wait_long_for_a_server_that_does_not_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A run would wait for ten minutes."""
    monkeypatch.setattr(bigquery_schemas, "_SECONDS", 0.5)
    monkeypatch.setenv("SAAS_WAREHOUSE_URL", "bigquery://acme")
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", "http://127.0.0.1:1")
    assert found_by_the_doctor().detail == "BigQuery does not answer at http://127.0.0.1:1"


def test_the_doctor_finds_a_wrong_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAAS_WAREHOUSE_URL", "bigquery://acme?lokation=EU")
    assert "lokation" in found_by_the_doctor().detail
