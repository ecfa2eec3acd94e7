"""Whole small companies drawn by hypothesis: subscription histories and bills in any order they may take."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import strategies as st

from saas_platform_tests.marts.conftest import AS_OF
from saas_platform_tests.marts.raw import MONTHLY, YEARLY, Change, Story

_FIRST = datetime(2025, 1, 2)
_DAYS = (AS_OF - _FIRST).days

#: What may follow a status, as (kind of change, status after it).
_NEXT = {
    "trialing": [("activated", "active"), ("trial_expired", "expired")],
    "active": [
        ("seats_changed", "active"),
        ("plan_changed", "active"),
        ("discount_started", "active"),
        ("paused", "paused"),
        ("payment_failed", "past_due"),
        ("canceled", "canceled"),
    ],
    "paused": [("resumed", "active"), ("price_changed", "paused"), ("canceled", "canceled")],
    "past_due": [("payment_recovered", "active"), ("canceled", "canceled")],
    "canceled": [],
    "expired": [],
}


@st.composite
def _history(draw: st.DrawFn) -> list[Change]:
    days = sorted(draw(st.lists(st.integers(0, _DAYS - 1), min_size=1, max_size=6)))
    status = draw(st.sampled_from(["trialing", "active"]))
    kind = "trial_started" if status == "trialing" else "activated"
    changes: list[Change] = []
    for day in days:
        if changes:
            following = _NEXT[status]
            if not following:
                break
            kind, status = draw(st.sampled_from(following))
        changes.append(
            Change(
                str(_FIRST + timedelta(days=day, hours=draw(st.sampled_from([0, 9])))),
                kind,
                status,
                seats=draw(st.integers(1, 4)),
                price=draw(st.integers(1, 30_001)),
                discount=draw(st.sampled_from([0, 0, 33, 100])),
                plan=draw(st.sampled_from([MONTHLY, YEARLY])),
            )
        )
    return changes


def _moment(draw: st.DrawFn, low: int, high: int) -> str:
    return str(_FIRST + timedelta(days=draw(st.integers(low, high))))


def _bill(draw: st.DrawFn, story: Story, subscription: int) -> None:
    day = draw(st.integers(0, _DAYS - 40))
    tries = [
        (str(_FIRST + timedelta(days=day + n * 9)), "failed")
        for n in range(draw(st.integers(0, 3)))
    ]
    outcome = draw(st.sampled_from(["paid", "paid", "open", "uncollectible"]))
    paid_at = _moment(draw, day + 28, day + 39) if outcome == "paid" else None
    stamps = {}
    if outcome == "uncollectible":
        stamps = {"updated_at": _FIRST + timedelta(days=day + 35)}
    amount = draw(st.integers(100, 50_000))
    story.invoice(
        subscription,
        (str(_FIRST + timedelta(days=day)), str(_FIRST + timedelta(days=day + 30))),
        [("seats", amount)],
        discount=draw(st.integers(0, 99)),
        tax=draw(st.integers(0, 5_000)),
        paid_at=paid_at,
        charges=[*tries, *([(paid_at, "succeeded")] if paid_at else [])],
        refunds={paid_at: draw(st.integers(1, 100))} if paid_at and draw(st.booleans()) else None,
        status=outcome,
        **stamps,
    )


@st.composite
def companies(draw: st.DrawFn) -> Story:
    """One to six accounts of up to two subscriptions each, with bills."""
    story = Story()
    for account in range(1, draw(st.integers(1, 6)) + 1):
        story.account(account, segment=draw(st.sampled_from(["smb", "enterprise"])))
        for ordinal in range(1, draw(st.integers(1, 2)) + 1):
            changes = draw(_history())
            kind = {}
            if changes[-1].status == "canceled":
                kind = {"cancellation_kind": draw(st.sampled_from(["voluntary", "involuntary"]))}
            subscription = story.subscription(account, *changes, ordinal=ordinal, **kind)
            for _ in range(draw(st.integers(0, 2))):
                _bill(draw, story, subscription)
    return story
