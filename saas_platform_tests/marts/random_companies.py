"""Hypothesis strategies for small companies: subscriptions, bills, offers and use in any legal order."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from saas_platform_tests.marts.conftest import AS_OF
from saas_platform_tests.marts.raw import MONTHLY, YEARLY, Change, RawCompany, timestamp

#: The first day of a company, early enough for 12-month retention.
_FIRST = datetime(2024, 8, 2)
_DAYS = (AS_OF - _FIRST).days
_ACQUISITION, _LOYALTY = 1, 2

#: The changes that may follow each status, as pairs of the kind of change and the status after it.
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
def _history(draw: st.DrawFn, signup: int) -> list[Change]:
    hours = st.builds(
        lambda day, hour: 24 * day + hour, st.integers(signup, _DAYS - 1), st.sampled_from([0, 9])
    )
    status = draw(st.sampled_from(["trialing", "active"]))
    kind = "trial_started" if status == "trialing" else "activated"
    changes: list[Change] = []
    for hour in sorted(draw(st.lists(hours, min_size=1, max_size=6))):
        if changes:
            following = _NEXT[status]
            if not following:
                break
            kind, status = draw(st.sampled_from(following))
        changes.append(
            Change(
                str(_FIRST + timedelta(hours=hour)),
                kind,
                status,
                seats=draw(st.integers(1, 4)),
                price=draw(st.integers(1, 30_001)),
                discount=draw(st.sampled_from([0, 0, 33, 100])),
                plan=draw(st.sampled_from([MONTHLY, YEARLY])),
            )
        )
    return changes


def _timestamp(draw: st.DrawFn, low: int, high: int) -> str:
    return str(_FIRST + timedelta(days=draw(st.integers(low, high))))


def _bill(draw: st.DrawFn, company: RawCompany, subscription: int, signup: int) -> None:
    day = draw(st.integers(signup, _DAYS - 40))
    tries = [
        (str(_FIRST + timedelta(days=day + n * 9)), "failed")
        for n in range(draw(st.integers(0, 3)))
    ]
    outcome = draw(st.sampled_from(["paid", "paid", "open", "uncollectible"]))
    paid_at = _timestamp(draw, day + 28, day + 39) if outcome == "paid" else None
    stamps = {}
    if outcome == "uncollectible":
        stamps = {"updated_at": _FIRST + timedelta(days=day + 35)}
    amount = draw(st.integers(100, 50_000))
    company.invoice(
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


def _ending(draw: st.DrawFn, changes: list[Change]) -> dict[str, Any]:
    """Return how a subscription ended. A request to cancel alone does not end it."""
    if changes[-1].status != "canceled":
        return {}
    return {
        "cancellation_kind": draw(st.sampled_from(["voluntary", "involuntary"])),
        "cancel_requested_at": timestamp(changes[-1].at) - timedelta(days=draw(st.integers(0, 20))),
    }


def _trial(draw: st.DrawFn, changes: list[Change]) -> dict[str, Any]:
    if changes[0].status != "trialing":
        return {}
    started = timestamp(changes[0].at)
    return {
        "trial_started_at": started,
        "trial_ends_at": started + timedelta(days=14),
        "trial_with_card": draw(st.booleans()),
    }


def _offers(draw: st.DrawFn, company: RawCompany, account: int, signup: int) -> None:
    for promo in draw(st.sets(st.sampled_from([_ACQUISITION, _LOYALTY]))):
        at = _timestamp(draw, signup, _DAYS - 1)
        used = (at, account * 100 + 1) if draw(st.booleans()) else None
        company.offer(promo, account, draw(st.sampled_from(["treated", "holdout"])), at, used)


def _use(draw: st.DrawFn, company: RawCompany, account: int, signup: int) -> None:
    """Add usage events, mostly in the first days, where the activation period and the windows end."""
    users = [company.user(account, n) for n in range(1, draw(st.integers(1, 2)) + 1)]
    days = st.one_of(st.integers(0, 9), st.integers(0, _DAYS - 1 - signup))
    for day in draw(st.lists(days, max_size=6)):
        hour = draw(st.sampled_from([0, 9]))
        used_at = _FIRST + timedelta(days=min(signup + day, _DAYS - 1), hours=hour)
        user = draw(st.sampled_from([*users, None]))
        company.use(account, user, str(used_at), draw(st.sampled_from([None, 1, 1, 2])))


@st.composite
def companies(draw: st.DrawFn) -> RawCompany:
    """Draw a company of one to six accounts, each with up to two subscriptions, bills, offers and users."""
    company = RawCompany()
    company.promo_code(_ACQUISITION, "acquisition", 40)
    company.promo_code(_LOYALTY, "loyalty", 20)
    for account in range(1, draw(st.integers(1, 6)) + 1):
        signup = draw(st.integers(0, 300))
        company.account(
            account, _timestamp(draw, signup, signup), draw(st.sampled_from(["smb", "enterprise"]))
        )
        for ordinal in range(1, draw(st.integers(1, 2)) + 1):
            changes = draw(_history(signup))
            columns = _ending(draw, changes) | _trial(draw, changes)
            subscription = company.subscription(account, *changes, ordinal=ordinal, **columns)
            for _ in range(draw(st.integers(0, 2))):
                _bill(draw, company, subscription, signup)
        _offers(draw, company, account, signup)
        _use(draw, company, account, signup)
    return company
