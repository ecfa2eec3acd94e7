"""Same seed, same company: whatever was generated before, in whatever order, by whichever process."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saas_platform.clock import Month
from saas_platform.company import Batch, Company, CompanyConfig
from saas_platform_tests.company.world import AS_OF, SMALL, START, batches_of, key_of, months


def assert_same(one: Batch, other: Batch) -> None:
    assert one.erasures.equals(other.erasures)
    for name, rows in one.rows.items():
        assert rows.equals(other.rows[name]), name


def digest_of(batch: Batch) -> str:
    digest = hashlib.sha256()
    for table in [*batch.rows.values(), batch.erasures]:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table.combine_chunks())
        digest.update(sink.getvalue())
    return digest.hexdigest()


@pytest.mark.parametrize("position", [0, 1, 9, 23])
def test_a_month_alone_equals_that_month_in_a_whole_run(small: list[Batch], position: int) -> None:
    assert_same(Company(SMALL).batch(months()[position], AS_OF), small[position])


@settings(max_examples=5, deadline=None)
@given(st.lists(st.integers(0, 11), min_size=2, max_size=4))
def test_order_does_not_matter(small: list[Batch], order: list[int]) -> None:
    company = Company(SMALL)
    for position in order:
        assert_same(company.batch(months()[position], AS_OF), small[position])


def test_another_process_makes_the_same_rows(small: list[Batch]) -> None:
    code = (
        "from saas_platform.company import Company\n"
        "from saas_platform_tests.company.test_same_company import digest_of\n"
        "from saas_platform_tests.company.world import AS_OF, SMALL, months\n"
        "print(digest_of(Company(SMALL).batch(months()[7], AS_OF)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == digest_of(small[7])


@settings(max_examples=8, deadline=None)
@given(
    position=st.integers(0, 17),
    early=st.integers(0, 60 * 24 * 31),
    late=st.integers(0, 60 * 24 * 31),
)
def test_a_later_as_of_only_adds_rows_or_later_states(position: int, early: int, late: int) -> None:
    month = months()[position]
    first = month.start + timedelta(minutes=min(early, late))
    then = month.start + timedelta(minutes=max(early, late))
    company = Company(SMALL)
    one, other = company.batch(month, first), company.batch(month, then)
    for name, rows in one.rows.items():
        before, after, key = rows.to_pylist(), other.rows[name].to_pylist(), key_of(name)
        later = {row[key]: row for row in after}
        for row in before:
            grown = later[row[key]]
            assert grown == row or (
                grown["updated_at"] > row["updated_at"]
                and grown["updated_at"] >= first
                and grown["created_at"] == row["created_at"]
            ), name
        known = {row[key] for row in before}
        stamp = "occurred_at" if name == "usage_events" else "updated_at"
        assert all(row[stamp] >= first for row in after if row[key] not in known), name
    gone = other.erasures.filter(pc.less(other.erasures["erased_at"], pa.scalar(first)))
    assert one.erasures.equals(gone)


def test_later_months_leave_earlier_ones(small: list[Batch]) -> None:
    company = Company(SMALL)
    company.batch(Month(2027, 3), datetime(2027, 6, 1))
    assert_same(company.batch(months()[5], datetime(2027, 6, 1)), small[5])


def _of_accounts(batch: Batch, ids: pa.Array) -> dict[str, pa.Table]:
    """The rows that belong to the accounts, by the account's part of the key, or the account."""
    factor = {
        "accounts": 1,
        "users": 10**3,
        "subscriptions": 10**2,
        "subscription_changes": 10**5,
        "invoices": 10**5,
        "invoice_items": 10**7,
        "payments": 10**7,
        "promo_redemptions": 10**2,
        "support_tickets": 10**6,
    }
    of_account = {
        name: pc.divide(batch.rows[name][key_of(name)], divisor) for name, divisor in factor.items()
    }
    of_account["usage_events"] = batch.rows["usage_events"]["account_id"]
    return {name: batch.rows[name].filter(pc.is_in(a, ids)) for name, a in of_account.items()}


def test_more_accounts_leave_the_rows_of_the_others(small: list[Batch]) -> None:
    larger = batches_of(CompanyConfig(seed=SMALL.seed, accounts=371, start=START), count=12)
    ids = pa.concat_tables([batch.rows["accounts"] for batch in small])["account_id"]
    for one, other in zip(small, larger, strict=False):
        kept = _of_accounts(other, ids)
        for name, rows in _of_accounts(one, ids).items():
            assert rows.num_rows == one.rows[name].num_rows, name
            assert rows.equals(kept[name]), name


def test_another_seed_makes_another_company(small: list[Batch]) -> None:
    other = Company(CompanyConfig(seed=8, accounts=SMALL.accounts, start=START)).batch(START, AS_OF)
    assert not other.rows["accounts"].equals(small[0].rows["accounts"])


def test_nothing_before_the_start_nor_after_as_of() -> None:
    company = Company(SMALL)
    for month, as_of in ((START.plus(-1), AS_OF), (Month(2026, 1), AS_OF), (START, START.start)):
        batch = company.batch(month, as_of)
        assert all(rows.num_rows == 0 for rows in batch.rows.values())
        assert batch.erasures.num_rows == 0
