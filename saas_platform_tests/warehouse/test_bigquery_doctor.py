"""Test that the doctor finds why a run on BigQuery would fail, and that only our datasets are dropped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from google.api_core import exceptions as api
from google.auth import exceptions as auth
from google.cloud import bigquery

from saas_platform.cli.doctor import Diagnosis, examine
from saas_platform.platform import Platform
from saas_platform.warehouse.bigquery import schemas as bigquery_schemas
from saas_platform.warehouse.bigquery.target import BigqueryTarget
from saas_platform.warehouse.bigquery.warehouse import BigqueryWarehouse
from saas_platform.warehouse.interface import WarehouseError
from saas_platform_tests.warehouse.google import TAG, Bucket, answered


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


def found_by_the_doctor() -> Diagnosis:
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
