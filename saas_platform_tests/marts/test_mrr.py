"""Tests recurring revenue: each case of docs/metrics.md on its own account, with results checked by eye."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from saas_platform_tests.marts import hand_written
from saas_platform_tests.marts.compiled import Models
from saas_platform_tests.marts.conftest import Marts

#: The movements of each account, as (month, kind, amount).
LEDGER = {
    hand_written.ROUND_TRIP: [
        ("2025-01", "new", "100"),
        ("2025-02", "expansion", "50"),
        ("2025-03", "churn", "-150"),
        ("2025-04", "reactivation", "100"),
    ],
    hand_written.IN_AND_OUT: [("2025-06", "new", "100"), ("2025-06", "churn", "-100")],
    hand_written.FREE_FOR_A_WHILE: [
        ("2025-01", "new", "100"),
        ("2025-03", "contraction", "-100"),
        ("2025-05", "expansion", "100"),
    ],
    hand_written.SHORT_PAUSE: [
        ("2025-01", "new", "100"),
        ("2025-03", "contraction", "-100"),
        ("2025-05", "expansion", "100"),
    ],
    # The pause begins on 1 March, so its 90 days are over on 30 May.
    hand_written.LONG_PAUSE: [
        ("2025-01", "new", "100"),
        ("2025-03", "contraction", "-100"),
        ("2025-05", "churn", "0"),
        ("2025-08", "reactivation", "120"),
    ],
    hand_written.TWO_SUBSCRIPTIONS: [
        ("2025-01", "new", "100"),
        ("2025-03", "expansion", "50"),
        ("2025-05", "contraction", "-50"),
    ],
    hand_written.INVOLUNTARY: [("2025-01", "new", "100"), ("2025-04", "churn", "-100")],
    hand_written.DISCOUNT_ENDS: [("2025-01", "new", "60"), ("2025-04", "expansion", "40")],
    # 100.01 a year / 12 = 8.334...
    hand_written.ANNUAL: [("2025-01", "new", "8.33")],
    # The mid-period invoice of 69.99 does not count.
    hand_written.PRORATED: [("2025-01", "new", "100"), ("2025-01", "expansion", "100")],
    hand_written.TRIAL_ONLY: [],
    hand_written.FREE_FROM_THE_START: [("2025-03", "new", "100")],
    hand_written.SWITCHED: [("2025-01", "new", "100"), ("2025-03", "expansion", "30")],
    hand_written.LEFT_WHILE_FREE: [
        ("2025-01", "new", "100"),
        ("2025-03", "contraction", "-100"),
        ("2025-05", "churn", "0"),
    ],
    hand_written.LEFT_AND_BACK_IN_A_MONTH: [
        ("2025-01", "new", "100"),
        ("2025-07", "churn", "-100"),
        ("2025-07", "reactivation", "90"),
    ],
    # 10.01 x 50 % = 5.005.
    hand_written.HALF_A_CENT: [("2025-01", "new", "5.01")],
    hand_written.PAST_DUE_RECOVERED: [("2025-01", "new", "100")],
}


@pytest.mark.parametrize("account", LEDGER)
def test_the_ledger_contains_each_movement(marts: Marts, account: int) -> None:
    found = marts.rows(
        "SELECT month, movement, amount FROM fct_mrr_movements"
        f" WHERE account_id = {account} ORDER BY month, movement_no"
    )
    assert [(f"{r['month']:%Y-%m}", r["movement"], r["amount"]) for r in found] == [
        (month, kind, Decimal(amount)) for month, kind, amount in LEDGER[account]
    ]


def _month(marts: Marts, account: int, month: str) -> dict:
    return marts.row(
        f"SELECT * FROM account_months WHERE account_id = {account} AND month = '{month}-01'"
    )


def test_signup_and_churn_in_a_month_are_netted_at_its_end(marts: Marts) -> None:
    row = _month(marts, hand_written.IN_AND_OUT, "2025-06")
    assert (row["opening_mrr"], row["new_mrr"], row["churn_mrr"], row["closing_mrr"]) == (
        0,
        100,
        -100,
        0,
    )
    assert not row["is_churned"]


def test_a_return_in_the_month_is_no_churned_customer(marts: Marts) -> None:
    row = _month(marts, hand_written.LEFT_AND_BACK_IN_A_MONTH, "2025-07")
    assert row["churn_mrr"] == -100
    assert not row["is_churned"]
    assert row["churn_kind"] is None


def test_a_free_period_keeps_the_logo(marts: Marts) -> None:
    row = _month(marts, hand_written.FREE_FOR_A_WHILE, "2025-04")
    assert row["closing_mrr"] == 0
    assert row["closing_list_mrr"] == 100
    assert row["closing_is_customer"]
    assert not row["closing_is_paying"]


def test_a_pause_is_flagged_and_keeps_the_logo_for_90_days(marts: Marts) -> None:
    during, after = (
        _month(marts, hand_written.LONG_PAUSE, "2025-04"),
        _month(marts, hand_written.LONG_PAUSE, "2025-05"),
    )
    assert during["closing_is_paused"]
    assert during["closing_is_customer"]
    assert not after["closing_is_customer"]
    assert after["is_churned"]
    assert after["churn_kind"] == "voluntary"


def test_past_due_counts_until_dunning_ends(marts: Marts) -> None:
    during = _month(marts, hand_written.INVOLUNTARY, "2025-03")
    assert during["closing_mrr"] == 100
    assert during["closing_is_past_due"]
    assert _month(marts, hand_written.INVOLUNTARY, "2025-04")["churn_kind"] == "involuntary"


def test_an_account_that_only_tried_is_no_customer(marts: Marts) -> None:
    account = marts.row(f"SELECT * FROM dim_account WHERE account_id = {hand_written.TRIAL_ONLY}")
    assert account["status"] == "never_paid"
    assert account["first_paid_at"] is None


def test_months_run_from_the_first_account_to_as_of(marts: Marts) -> None:
    row = marts.row(
        "SELECT min(month) AS first, max(month) AS last, count(*) AS n FROM mrr_monthly"
    )
    assert (row["first"], row["last"], row["n"]) == (date(2025, 1, 1), date(2025, 12, 1), 12)


def test_retention_follows_the_closed_cohort(marts: Marts) -> None:
    """In July, the only change is an account that left and came back for 90."""
    row = marts.row("SELECT * FROM mrr_monthly WHERE month = '2025-07-01'")
    start = row["opening_mrr"]
    # The return is a reactivation, which NRR does not count.
    assert row["nrr"] == pytest.approx(float((start - 100) / start))
    assert row["grr"] == pytest.approx(float((start - 10) / start))
    assert row["quick_ratio"] == pytest.approx(0.9)
    assert row["nrr_12m"] is None


def test_churn_rates_name_their_parts(marts: Marts) -> None:
    """In May, the long pause lapses and the free account leaves. Neither had any MRR left."""
    row = marts.row("SELECT * FROM churn_monthly WHERE month = '2025-05-01' AND segment = 'smb'")
    assert row["churned_customers"] == row["voluntary_churned_customers"] == 2
    assert row["logo_churn_rate"] == 2 / row["opening_customers"]
    assert row["churned_mrr"] == 0
    april = marts.row("SELECT * FROM churn_monthly WHERE month = '2025-04-01' AND segment = 'smb'")
    assert (april["involuntary_churned_customers"], april["churned_mrr"]) == (1, 100)


def test_cohorts_count_from_the_first_paid_month(marts: Marts) -> None:
    rows = marts.rows(
        "SELECT * FROM cohort_retention WHERE cohort_month = '2025-01-01'"
        " ORDER BY months_since_first_paid"
    )
    first = rows[0]
    # All accounts but the trial and the two offered accounts that never bought. USERS signed up in October.
    ever = len(LEDGER) - 1 + 4
    assert first["cohort_accounts"] == first["observed_accounts"] == ever
    assert first["retained_accounts"] == ever - 1, "one left in its first month"
    assert first["revenue_retention"] == 1


def test_mrr_does_not_depend_on_bills_or_payments(models: Models) -> None:
    """Therefore no proration, tax or refund can affect it."""
    nodes, found, open_ends = models.manifest["nodes"], set(), ["model.saas_marts.mrr_monthly"]
    while open_ends:
        name = open_ends.pop()
        found.add(name.split(".")[-1])
        open_ends += nodes.get(name, {"depends_on": {"nodes": []}})["depends_on"]["nodes"]
    assert {"subscription_changes", "plans"} < found
    assert not found & {"invoices", "invoice_items", "payments"}


def test_trials_by_cohort(marts: Marts) -> None:
    row = marts.row("SELECT * FROM trial_funnel")
    assert (row["cohort_month"], row["trials"], row["converted_trials"]) == (date(2025, 2, 1), 1, 0)
    assert row["conversion_rate"] == 0
