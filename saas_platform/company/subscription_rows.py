"""Rows of `subscriptions` and `subscription_changes`, made from the simulator's snapshots.

Contains: the rendering. Out of scope: every decision.
"""

from __future__ import annotations

import numpy as np

from saas_platform.company.rendering import Versions, choices
from saas_platform.company.state import NONE, Accounts, Subscriptions
from saas_platform.schema import vocabulary as v


def subscription_rows(changes: Subscriptions, accounts: Accounts) -> Versions:
    """Return the versions of `subscriptions`: the state after each change."""
    return Versions(
        key=changes.subscription_id,
        updated_at=changes.updated_at,
        values={
            "subscription_id": changes.subscription_id,
            "account_id": accounts.account_id[changes.account],
            "plan_id": changes.plan,
            "promo_code_id": changes.promo,
            "status": choices(v.SUBSCRIPTION_STATUSES, changes.status),
            "seats": changes.seats,
            "unit_price_cents": changes.unit_price,
            "discount_percent": changes.discount,
            "payment_method": choices(v.PAYMENT_METHODS, changes.method),
            "trial_started_at": changes.trial_started_at,
            "trial_ends_at": changes.trial_ends_at,
            "trial_with_card": changes.with_card,
            "activated_at": changes.activated_at,
            "current_period_start": changes.period_start,
            "current_period_end": changes.period_end,
            "cancel_requested_at": changes.cancel_requested_at,
            "ended_at": changes.ended_at,
            "cancellation_kind": choices(v.CANCELLATION_KINDS, changes.cancellation),
            "cancellation_reason": choices(v.CANCELLATION_REASONS, changes.reason),
            "created_at": changes.created_at,
        },
    )


def change_rows(changes: Subscriptions) -> Versions:
    """Return the rows of `subscription_changes`: only the commercial changes."""
    commercial = changes.take(np.flatnonzero(changes.change != NONE))
    key = commercial.subscription_id * 1000 + commercial.change_no
    return Versions(
        key=key,
        updated_at=commercial.updated_at,
        values={
            "change_id": key,
            "subscription_id": commercial.subscription_id,
            "change_no": commercial.change_no,
            "kind": choices(v.CHANGE_KINDS, commercial.change),
            "effective_at": commercial.updated_at,
            "status": choices(v.SUBSCRIPTION_STATUSES, commercial.status),
            "plan_id": commercial.plan,
            "seats": commercial.seats,
            "unit_price_cents": commercial.unit_price,
            "discount_percent": commercial.discount,
            "created_at": commercial.updated_at,
        },
    )
