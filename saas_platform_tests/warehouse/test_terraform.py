"""Tests that deploy/terraform grants each account what the platform needs, and nothing else.

The tests parse the files and apply nothing. `deploy/terraform/check` runs terraform itself, if it is installed.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import hcl2
import pyarrow as pa
import pytest
import sqlalchemy as sa
from google.api_core import exceptions as api
from google.cloud import bigquery

from saas_platform.warehouse.bigquery import schemas as bigquery_schemas
from saas_platform.warehouse.bigquery.schemas import TAGGING_RIGHT
from saas_platform.warehouse.bigquery.tables import LABELS
from saas_platform.warehouse.bigquery.target import BigqueryTarget
from saas_platform.warehouse.bigquery.warehouse import BigqueryWarehouse
from saas_platform.warehouse.interface import SCHEMAS, WarehouseError

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "terraform"
_PLAIN = hcl2.SerializationOptions(
    strip_string_quotes=True, with_comments=False, explicit_blocks=False
)


def _read() -> dict[str, list[dict[str, Any]]]:
    """Return all files as one module: lists of blocks by their kind."""
    module: dict[str, list[dict[str, Any]]] = {}
    for file in sorted(FOLDER.glob("*.tf")):
        for kind, blocks in hcl2.loads(file.read_text(), serialization_options=_PLAIN).items():
            module.setdefault(kind, []).extend(blocks)
    return module


MODULE = _read()
LOCALS = {name: value for block in MODULE["locals"] for name, value in block.items()}
RESOURCES = {
    kind: made
    for block in MODULE["resource"]
    for kind, named in block.items()
    for made in named.values()
}

#: The permissions of Google's predefined roles, limited to those that the platform needs.
ROLES = {
    "roles/bigquery.jobUser": {"bigquery.jobs.create"},
    "roles/bigquery.readSessionUser": {"bigquery.readsessions.create"},
    "roles/bigquery.metadataViewer": {"bigquery.datasets.get", "bigquery.tables.get"},
    "roles/bigquery.dataViewer": {
        "bigquery.datasets.get",
        "bigquery.tables.get",
        "bigquery.tables.getData",
    },
    "roles/bigquery.dataEditor": {
        "bigquery.datasets.get",
        "bigquery.tables.create",
        "bigquery.tables.delete",
        "bigquery.tables.get",
        "bigquery.tables.getData",
        "bigquery.tables.update",
        "bigquery.tables.updateData",
    },
    "roles/storage.objectUser": {
        "storage.objects.create",
        "storage.objects.delete",
        "storage.objects.get",
        "storage.objects.list",
    },
    "roles/storage.legacyBucketReader": {"storage.buckets.get", "storage.objects.list"},
}


def rights(account: str, place: str) -> set[str]:
    """Return the permissions of an account in the project, in a dataset, or in the bucket."""
    match place:
        case "project":
            roles = LOCALS["project_roles"]
        case "bucket":
            roles = LOCALS["bucket_roles"].get(account, [])
        case _:
            roles = [role for who, role in LOCALS["dataset_roles"][place].items() if who == account]
    return {right for role in roles for right in ROLES[role]}


class Acting:
    """A client with the credentials of one account. The datasets and the bucket exist."""

    name, location = "acme-saas-staging", "EU"

    def __init__(self, account: str) -> None:
        self.account = account

    def _need(self, right: str, place: str) -> None:
        if right not in rights(self.account, place):
            raise api.Forbidden(f"Access Denied: {right} denied on {place}")

    def query(self, sql: str, job_config: bigquery.QueryJobConfig, **_: Any) -> Any:
        assert job_config.dry_run
        self._need("bigquery.jobs.create", "project")
        made = re.match(r"CREATE TABLE `(\w+)`", sql)
        if made:
            self._need("bigquery.tables.create", made[1])
        else:
            assert sql == "SELECT 1"
        return type("Answer", (), {"total_bytes_processed": 0})

    def query_and_wait(self, _sql: str, **_: Any) -> Any:
        self._need("bigquery.jobs.create", "project")
        self._need("bigquery.readsessions.create", "project")
        return type("Rows", (), {"to_arrow": lambda _, **__: pa.table({"n": [1]})})()

    def get_dataset(self, name: str) -> bigquery.Dataset:
        self._need("bigquery.datasets.get", name.rpartition(".")[2])
        found = bigquery.Dataset(name)
        found.location = self.location
        return found

    def get_table(self, place: bigquery.TableReference) -> bigquery.Table:
        self._need("bigquery.tables.get", place.dataset_id)
        raise api.NotFound(place.table_id)

    def create_table(self, table: bigquery.Table, exists_ok: bool) -> None:
        assert exists_ok
        self._need("bigquery.tables.create", table.dataset_id)

    def reload(self) -> None:
        self._need("storage.buckets.get", "bucket")

    def test_iam_permissions(self, wanted: Any) -> list[str]:
        return [right for right in wanted if right in rights(self.account, "bucket")]


@pytest.fixture
def acting(monkeypatch: pytest.MonkeyPatch) -> Any:
    def warehouse(account: str) -> BigqueryWarehouse:
        client: Any = Acting(account)
        monkeypatch.setattr(BigqueryTarget, "bucket", lambda _: (client, "loads"))
        target = BigqueryTarget("acme", "EU", staging="gs://acme-saas-staging/loads")
        return BigqueryWarehouse(target, lambda: client)

    return warehouse


def test_the_datasets_are_those_of_the_code_in_one_place_with_the_bucket() -> None:
    assert set(LOCALS["datasets"]) == set(LOCALS["dataset_roles"]) == set(SCHEMAS)
    dataset, bucket = RESOURCES["google_bigquery_dataset"], RESOURCES["google_storage_bucket"]
    assert dataset["dataset_id"] == "${each.key}"
    assert dataset["location"] == bucket["location"] == "${var.location}"
    assert dataset["delete_contents_on_destroy"] == "${!var.protect_data}"
    # With the platform's own label, `saas-platform reset` would drop what Terraform created.
    assert f'managed_by = "{LABELS["managed_by"]}"' not in (FOLDER / "datasets.tf").read_text()
    assert "managed_by" in (FOLDER / "datasets.tf").read_text()


def test_the_doctor_finds_no_fault_with_the_account_that_does_everything(acting: Any) -> None:
    assert acting("platform").ping() == "answers; project acme in EU"


@pytest.mark.parametrize(
    ("account", "lacks"),
    [
        ("loader", r"permission bigquery\.tables\.create .* on marts"),
        ("transformer", r"permission bigquery\.tables\.create .* on raw"),
        ("reader", r"permission bigquery\.datasets\.get .* on raw"),
    ],
)
def test_the_doctor_names_what_the_others_lack_for_a_run(
    acting: Any, account: str, lacks: str
) -> None:
    with pytest.raises(WarehouseError, match=lacks):
        acting(account).ping()


def test_each_account_has_what_its_work_needs_and_no_more(acting: Any) -> None:
    write = {"bigquery.tables.create", "bigquery.tables.updateData", "bigquery.tables.delete"}
    read = {"bigquery.tables.getData"}

    def may(wanted: set[str]) -> dict[str, set[str]]:
        return {
            account: {place for place in SCHEMAS if wanted <= rights(account, place)}
            for account in LOCALS["accounts"]
        }

    everywhere = set(SCHEMAS)
    assert may(write) == {
        "platform": everywhere,
        "loader": {"raw"},
        "transformer": {"marts", "models"},
        "reader": set(),
    }
    assert may(read) == {
        "platform": everywhere,
        "loader": {"raw"},
        "transformer": everywhere,
        "reader": {"marts", "models"},
    }
    in_bucket = {account for account in LOCALS["accounts"] if rights(account, "bucket")}
    assert in_bucket == {"platform", "loader"}
    for account in in_bucket:
        needed = {"storage.buckets.get", *bigquery_schemas.BUCKET_RIGHTS}
        assert needed <= rights(account, "bucket")
    # A sync prepares the datasets and the logs, which the loader may do.
    bigquery_schemas.prepare(acting("loader")._bare)
    # Dashboards and notebooks only read and prepare nothing, which the reader may not do.
    assert acting("reader").query("SELECT 1").num_rows == 1
    assert not acting("reader").table_exists("models", "churn_scores")
    with pytest.raises(WarehouseError, match=r"bigquery\.datasets\.get .* on raw"):
        bigquery_schemas.prepare(acting("reader")._bare)


def test_loaders_tag_personal_data_and_every_account_of_raw_may_read_it() -> None:
    """Only an owner's predefined role may tag. A digest reads whole rows, and so the tagged columns, too."""
    role = RESOURCES["google_project_iam_custom_role"]
    assert role["permissions"] == "${local.tagging_permissions}"
    assert LOCALS["tagging_permissions"] == [TAGGING_RIGHT, "datacatalog.taxonomies.get"]
    writers = {who for who, role in LOCALS["dataset_roles"]["raw"].items() if "Editor" in role}
    assert set(LOCALS["taggers"]) == writers
    assert set(LOCALS["tag_readers"]) == set(LOCALS["dataset_roles"]["raw"])


def test_no_role_is_wider_than_its_place() -> None:
    """In the project itself, accounts may only run jobs. None is an owner or admin, and nothing is public."""
    text = "".join(file.read_text() for file in FOLDER.glob("*.tf"))
    assert set(re.findall(r'"(roles/[\w.]+)"', text)) == {
        *ROLES,
        "roles/iam.serviceAccountTokenCreator",
        "roles/datacatalog.categoryFineGrainedReader",
    }
    assert LOCALS["project_roles"] == ["roles/bigquery.jobUser", "roles/bigquery.readSessionUser"]
    for public in ("allUsers", "allAuthenticatedUsers"):
        assert public not in text
    assert "google_service_account_key" not in text, "a key would lie in the state"


def test_the_bucket_is_closed_and_empties_itself() -> None:
    bucket = RESOURCES["google_storage_bucket"]
    assert bucket["uniform_bucket_level_access"] is True
    assert bucket["public_access_prevention"] == "enforced"
    rules = {rule["action"][0]["type"]: rule["condition"][0] for rule in bucket["lifecycle_rule"]}
    assert rules["Delete"] == {"age": "${var.staging_days}"}


def test_everything_is_documented_and_the_example_names_existing_variables() -> None:
    variables = {name: each for block in MODULE["variable"] for name, each in block.items()}
    assert all(each["description"] for each in variables.values())
    example = hcl2.loads(
        (FOLDER / "terraform.tfvars.example").read_text(), serialization_options=_PLAIN
    )
    assert set(example) <= set(variables)
    needed = {name for name, each in variables.items() if "default" not in each}
    assert needed <= set(example)
    docs = (ROOT / "docs" / "bigquery.md").read_text()
    for account in LOCALS["accounts"]:
        assert f"`saas-{account}`" in docs
    outputs = {name for block in MODULE["output"] for name in block}
    assert "terraform output -raw warehouse_url" in docs
    assert "warehouse_url" in outputs


def test_the_url_in_the_outputs_can_be_parsed() -> None:
    outputs = {name: each for block in MODULE["output"] for name, each in block.items()}
    url = outputs["warehouse_url"]["value"]
    for name, value in {
        "var.project": "acme",
        "var.location": "EU",
        "google_storage_bucket.staging.name": "acme-saas-staging",
    }.items():
        url = url.replace(f"${{{name}}}", value)
    assert BigqueryTarget.of(sa.make_url(url)) == BigqueryTarget(
        "acme", "EU", staging="gs://acme-saas-staging/loads"
    )
