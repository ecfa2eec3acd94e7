"""The rows fit the schema (types, keys, foreign keys, checks), and their timestamps fit the batch."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from saas_platform.clock import Month
from saas_platform.company import ERASURES_SCHEMA, Batch, Company, CompanyConfig
from saas_platform.schema import TABLES, arrow_schema, metadata
from saas_platform_tests.company.world import AS_OF, SMALL, START, batches_of, key_of, months

#: Planned timestamps, which may be in the future.
PLANNED = {"trial_ends_at", "current_period_end", "due_at", "period_end", "ends_at"}


def test_arrow_schema_key_and_not_null(small: list[Batch]) -> None:
    for batch in small:
        assert list(batch.rows) == list(TABLES)
        assert batch.erasures.schema.equals(ERASURES_SCHEMA)
        for name, rows in batch.rows.items():
            assert rows.schema.equals(arrow_schema(TABLES[name])), name
            assert pc.count_distinct(rows[key_of(name)]).as_py() == rows.num_rows, name
            for field in rows.schema:
                assert field.nullable or rows[field.name].null_count == 0, (name, field.name)


def _apply(connection: sa.Connection, batch: Batch) -> None:
    for name, table in TABLES.items():
        rows = [{**row, "row_version": 1} for row in batch.rows[name].to_pylist()]
        if rows:
            statement, key = insert(table), key_of(name)
            columns = {c.name: c for c in statement.excluded if c.name != key}
            connection.execute(
                statement.on_conflict_do_update(index_elements=[key], set_=columns), rows
            )
    users = TABLES["users"]
    for user_id in batch.erasures["user_id"].to_pylist():
        gone = connection.execute(users.delete().where(users.c.user_id == user_id))
        assert gone.rowcount == 1


@pytest.mark.few
@pytest.mark.parametrize(
    "config",
    [
        SMALL,
        CompanyConfig(seed=11, accounts=150, start=Month(2022, 8)),
        CompanyConfig(seed=3, accounts=2, start=START),
        CompanyConfig(seed=0, accounts=1, start=START),
    ],
    ids=str,
)
def test_batches_in_order_satisfy_every_constraint(config: CompanyConfig) -> None:
    engine = sa.create_engine("sqlite://")
    with engine.begin() as connection:
        connection.execute(sa.text("PRAGMA foreign_keys = ON"))
        assert connection.execute(sa.text("PRAGMA foreign_keys")).scalar() == 1
        metadata.create_all(connection)
        company = Company(config)
        for months_after in range(26):
            _apply(connection, company.batch(config.start.plus(months_after), AS_OF))
        assert not connection.execute(sa.text("PRAGMA foreign_key_check")).all()


@pytest.mark.parametrize("table", TABLES)
def test_texts_fit_their_columns(small: list[Batch], table: str) -> None:
    for column in TABLES[table].columns:
        if isinstance(column.type, sa.String):
            assert column.type.length is not None
            for batch in small:
                longest = pc.max(pc.utf8_length(batch.rows[table][column.name])).as_py() or 0
                assert longest <= column.type.length, column.name


def test_natural_keys_are_unique(default_tables: dict[str, pd.DataFrame]) -> None:
    for name, table in TABLES.items():
        for constraint in table.constraints:
            if isinstance(constraint, sa.UniqueConstraint):
                columns = [column.name for column in constraint.columns]
                assert not default_tables[name].duplicated(columns).any(), (name, columns)


@pytest.mark.parametrize(
    "as_of", [datetime(2024, 8, 1), datetime(2024, 8, 14), datetime(2024, 8, 20, 9, 41)]
)
def test_no_timestamp_is_at_or_after_the_cutoff(as_of: datetime) -> None:
    for batch in batches_of(SMALL, as_of, count=9):
        cutoff = min(batch.month.end, as_of)
        for name, rows in batch.rows.items():
            for field in rows.schema:
                if pa.types.is_timestamp(field.type) and field.name not in PLANNED and len(rows):
                    latest = pc.max(rows[field.name]).as_py()
                    assert latest is None or latest < cutoff, (name, field.name)
            stamp = "occurred_at" if name == "usage_events" else "updated_at"
            if len(rows):
                assert pc.min(rows[stamp]).as_py() >= batch.month.start


def test_a_changed_row_has_a_later_update_and_the_same_creation(small: list[Batch]) -> None:
    for name in TABLES:
        if name == "usage_events":
            continue
        rows = pa.concat_tables([batch.rows[name] for batch in small]).to_pandas()
        by_key = rows.groupby(key_of(name))
        assert (by_key["updated_at"].diff().dropna() > pd.Timedelta(0)).all(), name
        assert (by_key["created_at"].nunique() == 1).all(), name
        assert (rows["created_at"] <= rows["updated_at"]).all(), name


def test_daily_cutoffs_never_show_two_states_with_one_timestamp() -> None:
    company, month = Company(SMALL), months()[6]
    seen: dict[tuple[str, int, datetime], dict[str, object]] = {}
    for hours in range(7, 24 * 31, 23):
        as_of = datetime(2024, 7, 1 + hours // 24, hours % 24, 30)
        for name, rows in company.batch(month, as_of).rows.items():
            if name == "usage_events":
                continue
            for row in rows.to_pylist():
                key = (name, row[key_of(name)], row["updated_at"])
                assert seen.setdefault(key, row) == row


def test_erased_users_never_come_back(default_batches: list[Batch]) -> None:
    erased: dict[int, datetime] = {}
    for batch in default_batches:
        rows = batch.rows
        assert not set(rows["users"]["user_id"].to_pylist()) & set(erased)
        now = dict(
            zip(
                batch.erasures["user_id"].to_pylist(),
                batch.erasures["erased_at"].to_pylist(),
                strict=True,
            )
        )
        assert all(user_id % 1000 != 1 for user_id in now)
        erased |= now
        known = pa.array(erased)
        for name, stamp in (("usage_events", "occurred_at"), ("support_tickets", "updated_at")):
            named = rows[name].filter(pc.is_in(rows[name]["user_id"], known))
            for row in named.select(["user_id", stamp]).to_pylist():
                assert row[stamp] < erased[row["user_id"]], name
    assert len(erased) > 20
