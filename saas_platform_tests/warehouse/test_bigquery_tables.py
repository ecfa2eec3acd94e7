"""Test the definitions of BigQuery tables, and that a mirror is created, changed or replaced by them."""

from __future__ import annotations

from copy import deepcopy

import pytest
import sqlalchemy as sa
from google.api_core import exceptions as api
from google.cloud import bigquery

from saas_platform.schema import TABLES
from saas_platform.schema.slices import Slicing
from saas_platform.sync.drift import mirror_faults
from saas_platform.warehouse.bigquery.changes import make_mirror
from saas_platform.warehouse.bigquery.connection import Connection
from saas_platform.warehouse.bigquery.tables import (
    completed,
    mirror_definition,
    mirror_schema,
    staging_definition,
)
from saas_platform.warehouse.bigquery.target import BigqueryTarget
from saas_platform.warehouse.bigquery.warehouse import BigqueryWarehouse
from saas_platform_tests.warehouse.google import TAG, place


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
    by_month.info = {**events.info, "slice": Slicing("occurred_at", "month")}
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
