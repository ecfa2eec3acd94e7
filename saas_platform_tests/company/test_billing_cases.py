"""Every billing case that the marts must handle occurs in the default company."""

from __future__ import annotations

import pandas as pd
import pytest

from saas_platform.company import Batch
from saas_platform.schema import vocabulary as v
from saas_platform_tests.company.measures import World

Frames = dict[str, pd.DataFrame]


@pytest.mark.parametrize("kind", v.CHANGE_KINDS)
def test_every_kind_of_change(default_tables: Frames, kind: str) -> None:
    assert (default_tables["subscription_changes"]["kind"] == kind).sum() >= 3


def test_every_status_and_both_intervals(default_tables: Frames) -> None:
    subs = default_tables["subscriptions"].merge(
        default_tables["plans"][["plan_id", "billing_interval"]]
    )
    assert set(subs["status"]) == set(v.SUBSCRIPTION_STATUSES)
    assert set(subs["billing_interval"]) == set(v.BILLING_INTERVALS)
    assert set(subs["payment_method"].dropna()) == set(v.PAYMENT_METHODS)


def test_trials_with_and_without_card_and_direct_purchases(default_tables: Frames) -> None:
    subs = default_tables["subscriptions"]
    assert set(subs["trial_with_card"]) == {True, False}
    first = default_tables["subscription_changes"].query("change_no == 1")
    assert {"trial_started", "activated", "reactivated"} == set(first["kind"])


def test_proration_on_an_upgrade_mid_period(default_tables: Frames) -> None:
    items = default_tables["invoice_items"]
    credits = items[items["kind"] == "credit"]
    assert len(credits) >= 10
    lines = items[items["invoice_id"].isin(credits["invoice_id"])]
    assert (lines.groupby("invoice_id")["amount_cents"].sum() > 0).all()
    assert (items["kind"] == "proration").sum() > len(credits)


def test_items_add_up_to_the_invoice(default_tables: Frames) -> None:
    total = default_tables["invoice_items"].groupby("invoice_id")["amount_cents"].sum()
    invoices = default_tables["invoices"].set_index("invoice_id")
    assert (total.reindex(invoices.index) == invoices["subtotal_cents"]).all()


def test_invoices_are_paid_by_their_payments(default_tables: Frames) -> None:
    payments = default_tables["payments"]
    charged = payments[(payments["kind"] == "charge") & (payments["status"] == "succeeded")]
    charged = charged.set_index("invoice_id")
    assert charged.index.is_unique
    invoices = default_tables["invoices"].set_index("invoice_id")
    paid = invoices[(invoices["status"] == "paid") & (invoices["total_cents"] > 0)]
    assert set(paid.index) == set(charged.index)
    assert (charged["amount_cents"].reindex(paid.index) == paid["total_cents"]).all()
    assert (charged["attempted_at"].reindex(paid.index) == paid["paid_at"]).all()


def test_failed_payments_recovered_within_30_days_or_given_up(default_tables: Frames) -> None:
    payments, invoices = default_tables["payments"], default_tables["invoices"]
    assert set(payments["failure_code"].dropna()) == set(v.FAILURE_CODES)
    first = payments[payments["status"] == "failed"].groupby("invoice_id")["attempted_at"].min()
    settled = invoices.set_index("invoice_id").loc[first.index]
    paid = settled["paid_at"].dropna()
    assert len(paid) >= 10
    assert (paid - first.reindex(paid.index) <= pd.Timedelta(days=30)).all()
    assert (settled["status"] == "uncollectible").sum() >= 10
    subs = default_tables["subscriptions"]
    assert (subs["cancellation_kind"] == "involuntary").sum() >= 10


def test_refunds(default_tables: Frames) -> None:
    refunds = default_tables["payments"].query("kind == 'refund'")
    assert len(refunds) >= 10
    paid = refunds["invoice_id"].map(default_tables["invoices"].set_index("invoice_id")["paid_at"])
    assert (refunds["attempted_at"] > paid).all()


def test_voluntary_ends_are_requested_before_the_end_of_the_period(default_tables: Frames) -> None:
    subs = default_tables["subscriptions"]
    asked = subs.dropna(subset=["cancel_requested_at", "ended_at"])
    assert len(asked) >= 50
    assert (asked["cancel_requested_at"] < asked["ended_at"]).all()
    voluntary = asked[asked["cancellation_kind"] == "voluntary"]
    assert (voluntary["ended_at"] == voluntary["current_period_end"]).all()


def test_pauses_end_by_resuming_or_after_90_days(default_tables: Frames) -> None:
    changes = default_tables["subscription_changes"].sort_values("change_id")
    following = changes.groupby("subscription_id")["kind"].shift(-1)
    after = following[changes["kind"] == "paused"].dropna()
    assert set(after) == {"resumed", "canceled"}


@pytest.mark.slow
def test_second_subscriptions_end_with_the_first_or_earlier(default_world: World) -> None:
    months = default_world.account_months
    assert (months["subscriptions"] > 1).sum() >= 20
    assert ((months["ended"] > 0) & ~months["churned"]).any()
    assert ((months["subscriptions"] > 1) & months["churned"]).any()


def test_reactivation_after_churn(default_tables: Frames) -> None:
    changes = default_tables["subscription_changes"].query("kind == 'reactivated'")
    subs = default_tables["subscriptions"].set_index("subscription_id")
    account = changes["subscription_id"].map(subs["account_id"])
    ended = subs[subs["cancellation_kind"].notna()].groupby("account_id")["ended_at"].min()
    assert len(account) >= 10
    assert (changes["effective_at"] > account.map(ended)).all()


def test_promo_codes(default_tables: Frames) -> None:
    codes = default_tables["promo_codes"].set_index("promo_code_id")
    assert set(codes["kind"]) == set(v.PROMO_KINDS)
    assert 100 in set(codes["discount_percent"])
    assert codes["duration_months"].isna().any()
    # A code that ran out was updated at its end, which was before the planned end.
    ran_out = codes[codes["updated_at"] > codes["created_at"]]
    assert (ran_out["ends_at"] == ran_out["updated_at"]).all()
    assert len(ran_out) == 2
    redemptions = default_tables["promo_redemptions"]
    assert set(redemptions["arm"]) == set(v.PROMO_ARMS)
    used = redemptions.dropna(subset=["redeemed_at"])
    assert set(used["promo_code_id"].map(codes["kind"])) == set(v.PROMO_KINDS)
    free = used[used["promo_code_id"].map(codes["discount_percent"]) == 100]
    invoices = default_tables["invoices"]
    assert (
        invoices[invoices["subscription_id"].isin(free["subscription_id"])]["total_cents"] == 0
    ).any()
    assigned = redemptions["assigned_at"]
    assert (assigned < redemptions["promo_code_id"].map(codes["ends_at"])).all()


def test_a_list_price_rises_on_a_date(default_batches: list[Batch]) -> None:
    months = [str(b.month) for b in default_batches if b.rows["plans"].num_rows]
    assert months == ["2024-01", "2025-04"]


def test_deactivations_and_erasures(default_tables: Frames, default_batches: list[Batch]) -> None:
    assert default_tables["users"]["deactivated_at"].notna().sum() > 100
    assert sum(batch.erasures.num_rows for batch in default_batches) > 20
