"""Tests that the emulator is as strict as BigQuery; otherwise what runs on it would prove nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from google.api_core.exceptions import BadRequest
from google.cloud import bigquery

from saas_platform.schema import TABLES
from saas_platform.warehouse.bigquery.tables import mirror_definition
from saas_platform.warehouse.bigquery.target import BigqueryTarget

pytestmark = pytest.mark.slow

REFUSED = {
    "a reserved word": ("SELECT user_id AS rows FROM raw.users", "keyword ROWS"),
    "an unknown function": ("SELECT LEN(email) FROM raw.users", "Function not found: LEN"),
    "a cast of another engine's": ("SELECT user_id::STRING FROM raw.users", "Syntax error"),
    "types that do not meet": ("SELECT user_id + email FROM raw.users", "No matching signature"),
    "an alias where it is made": ("SELECT user_id AS a, a + 1 FROM raw.users", "name: a"),
    "an alias that hides a table": (
        "SELECT users.role, COUNT(*) AS users FROM raw.users GROUP BY users.role",
        "contains an aggregation",
    ),
    "days without a bound": ("SELECT COUNT(*) FROM raw.usage_events", "eliminate partitions"),
    "a bound that is no constant": (
        "SELECT COUNT(*) FROM raw.usage_events AS e JOIN raw.users AS u"
        " ON e.user_id = u.user_id AND e.occurred_at >= u.created_at",
        "eliminate partitions",
    ),
    "a delete without a bound": (
        "DELETE FROM raw.usage_events AS e WHERE EXISTS"
        " (SELECT 1 FROM raw.users AS u WHERE u.user_id = e.user_id)",
        "eliminate partitions",
    ),
    "an outer join by a range": (
        "SELECT 1 FROM raw.users AS u LEFT JOIN raw.accounts AS a ON a.created_at < u.created_at",
        "LEFT OUTER JOIN",
    ),
    "a subquery by a range": (
        "SELECT 1 FROM raw.users AS u WHERE NOT EXISTS"
        " (SELECT 1 FROM raw.accounts AS a WHERE a.created_at < u.created_at)",
        "Correlated subqueries",
    ),
    "the second of a script": ("SELECT 1; SELECT user_id AS rows FROM raw.users", "keyword ROWS"),
}
TAKEN = {
    "types by their other names": "SELECT CAST(user_id AS BIGINT) FROM raw.users",
    "the greatest by another": "SELECT MAX_BY(email, created_at) FROM raw.users",
    "days within bounds": "SELECT COUNT(*) FROM raw.usage_events"
    " WHERE occurred_at >= TIMESTAMP '2024-01-01 00:00:00'",
    "a bound outside of a subquery": "SELECT e.event_id FROM (SELECT * FROM raw.usage_events) AS e"
    " WHERE e.occurred_at >= TIMESTAMP '2024-01-01 00:00:00'",
    "an outer join by an equality": "SELECT 1 FROM raw.users AS u LEFT JOIN raw.accounts AS a"
    " ON a.created_at < u.created_at AND a.account_id = u.account_id",
    "an insert": "INSERT INTO raw.usage_events (event_id, occurred_at, account_id, event_type, row_version, _sync_id)"
    " VALUES (1, TIMESTAMP '2024-01-01 00:00:00', 1, 'login', 1, 'one')",
    "what is made by the script": "CREATE TABLE raw.made AS SELECT user_id AS id FROM raw.users;"
    " SELECT id FROM raw.made; DROP TABLE raw.made",
}


@pytest.fixture(scope="module")
def client(bigquery_emulator: str) -> Iterator[bigquery.Client]:
    target = BigqueryTarget("strict", "EU", emulator=bigquery_emulator)
    client = target.client()
    raw = client.create_dataset("raw")
    for name in ("accounts", "users", "usage_events"):
        client.create_table(mirror_definition(raw.table(name), TABLES[name], {}))
    yield client
    client.delete_dataset("raw", delete_contents=True)


@pytest.mark.parametrize(("sql", "expected"), REFUSED.values(), ids=list(REFUSED))
def test_what_bigquery_refuses_is_refused(client: bigquery.Client, sql: str, expected: str) -> None:
    with pytest.raises(BadRequest, match=expected):
        client.query(sql).result()


@pytest.mark.parametrize("sql", TAKEN.values(), ids=list(TAKEN))
def test_what_bigquery_takes_is_taken(client: bigquery.Client, sql: str) -> None:
    client.query(sql).result()
