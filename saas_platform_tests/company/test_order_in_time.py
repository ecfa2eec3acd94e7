"""No row in the default company precedes its cause."""

from __future__ import annotations

import pandas as pd
import pytest

from saas_platform.schema import TABLES
from saas_platform_tests.company.measures import CAUSES, before_cause
from saas_platform_tests.company.world import key_of

Frames = dict[str, pd.DataFrame]


@pytest.mark.parametrize(("child", "at", "parent", "since"), CAUSES)
def test_no_row_before_its_cause(
    default_tables: Frames, child: str, at: str, parent: str, since: str
) -> None:
    assert key_of(parent) in TABLES[child].columns
    assert before_cause(default_tables, child, at, parent, since) == 0


def test_no_event_after_the_user_was_deactivated(default_tables: Frames) -> None:
    left = default_tables["users"].set_index("user_id")["deactivated_at"].dropna()
    events = default_tables["usage_events"]
    events = events[events["user_id"].isin(left.index)]
    assert len(events)
    assert (events["occurred_at"] < events["user_id"].map(left)).all()


def test_events_are_numbered_in_order_of_time(default_tables: Frames) -> None:
    events = default_tables["usage_events"].sort_values("event_id")
    same = (events["event_id"] // 10**5).diff() == 0
    assert (events["occurred_at"].diff()[same] >= pd.Timedelta(0)).all()
    ordinal = events["event_id"] % 10**5
    assert (ordinal[~same] == 1).all()
    assert (ordinal.diff()[same] == 1).all()


def test_changes_are_numbered_in_order_of_effect(default_tables: Frames) -> None:
    changes = default_tables["subscription_changes"].sort_values("change_id")
    same = changes["subscription_id"].diff() == 0
    assert (changes["effective_at"].diff()[same] >= pd.Timedelta(0)).all()
    assert (changes["change_no"].diff()[same] == 1).all()
    assert (changes["change_no"][~same] == 1).all()


def test_no_invoice_is_issued_after_the_subscription_ended(default_tables: Frames) -> None:
    invoices = default_tables["invoices"].merge(
        default_tables["subscriptions"][["subscription_id", "ended_at"]], on="subscription_id"
    )
    ended = invoices.dropna(subset=["ended_at"])
    assert (ended["issued_at"] < ended["ended_at"]).all()


def test_periods_follow_each_other(default_tables: Frames) -> None:
    invoices, items = default_tables["invoices"], default_tables["invoice_items"]
    seats = invoices[invoices["invoice_id"].isin(items[items["kind"] == "seats"]["invoice_id"])]
    seats = seats.sort_values("invoice_id")
    following = seats.groupby("subscription_id")["period_start"].shift(-1)
    gap = (following - seats["period_end"]).dropna()
    paused = default_tables["subscription_changes"].query("kind == 'paused'")["subscription_id"]
    without_pause = ~seats.loc[gap.index, "subscription_id"].isin(paused)
    assert (gap[without_pause] == pd.Timedelta(0)).all()
