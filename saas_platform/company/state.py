"""The records that the simulator carries from month to month and passes to the renderers.

Contains: their columns. Out of scope: how they change (the simulator and its step modules) and how they
become rows (billing, people, support, usage, promotions). A choice is a position in a list of
schema/vocabulary.py, a timestamp is a number of seconds, and -1 means "none".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from saas_platform.company.columns import Array, Booleans, Columns, Integers, Reals
from saas_platform.schema import vocabulary as v


def codes(values: Sequence[str]) -> dict[str, int]:
    """Return the position of each choice in its list."""
    return {value: position for position, value in enumerate(values)}


STATUS = codes(v.SUBSCRIPTION_STATUSES)
CHANGE = codes(v.CHANGE_KINDS)
METHOD = codes(v.PAYMENT_METHODS)
CANCELLATION = codes(v.CANCELLATION_KINDS)
REASON = codes(v.CANCELLATION_REASONS)
ITEM = codes(v.ITEM_KINDS)
TICKET = codes(v.TICKET_CATEGORIES)
#: How an account starts.
ENTRY = codes(("trial", "card_trial", "direct"))
NONE = -1


@dataclass(eq=False)
class Accounts(Columns):
    """What never changes about an account: one row each, ordered by (signup month, ordinal)."""

    account_id: Integers
    signup_month: Integers
    signed_up_at: Integers
    segment: Integers
    industry: Integers
    country: Integers
    language: Integers
    channel: Integers
    employees: Integers
    seats: Integers
    tier: Integers
    annual: Booleans
    entry: Integers
    method: Integers
    negotiated_percent: Integers
    grandfathered: Booleans
    price_sensitivity: Reals
    payment_risk: Reals
    adoption: Reals
    trial_users: Integers
    fit: Reals


@dataclass(eq=False)
class Latent(Columns):
    """What changes about an account. The rows are those of Accounts."""

    health: Reals
    complaints: Reals
    subscriptions: Integers
    users: Integers
    churned_month: Integers
    has_access: Booleans


@dataclass(eq=False)
class Subscriptions(Columns):
    """A subscription and its hidden state, or a snapshot of both after a change (`change`).

    `account` is the row in Accounts. `second` marks the second subscription of an account.
    """

    subscription_id: Integers
    account: Integers
    second: Booleans
    plan: Integers
    promo: Integers
    status: Integers
    seats: Integers
    unit_price: Integers
    discount: Integers
    method: Integers
    trial_started_at: Integers
    trial_ends_at: Integers
    with_card: Booleans
    activated_at: Integers
    period_start: Integers
    period_end: Integers
    cancel_requested_at: Integers
    ended_at: Integers
    cancellation: Integers
    reason: Integers
    created_at: Integers
    updated_at: Integers
    change_no: Integers
    change: Integers
    invoices: Integers
    anchor_day: Integers
    anchor_second: Integers
    anchor_month: Integers
    first_month: Integers
    discount_until: Integers
    price_list: Integers
    hazard_ratio: Reals
    failed_at: Integers
    retries: Integers
    paused_at: Integers
    offer: Integers
    offered_at: Integers
    treated: Booleans


@dataclass(eq=False)
class Users(Columns):
    """A person with a login. `account` is the row in Accounts."""

    user_id: Integers
    account: Integers
    created_at: Integers
    deactivated_at: Integers
    erased_at: Integers

    @property
    def is_owner(self) -> Array:
        return self.user_id % 1000 == 1


@dataclass(eq=False)
class Invoices(Columns):
    """An invoice with its whole course, which is planned when it is issued.

    Where `credit_unit` is not 0, a `credit_*` line precedes the charged line. `failures` counts the
    charges that failed before `paid_at`, or before the invoice was given up at `given_up_at`.
    """

    invoice_id: Integers
    subscription_id: Integers
    account: Integers
    issued_at: Integers
    due_at: Integers
    period_start: Integers
    period_end: Integers
    item: Integers
    plan: Integers
    quantity: Integers
    unit: Integers
    credit_plan: Integers
    credit_unit: Integers
    discount: Integers
    method: Integers
    first_charge_at: Integers
    failures: Integers
    paid_at: Integers
    given_up_at: Integers
    refund_at: Integers


@dataclass(eq=False)
class Redemptions(Columns):
    """An account's part in a campaign, as it is after a change."""

    account_id: Integers
    promo: Integers
    treated: Booleans
    assigned_at: Integers
    redeemed_at: Integers
    subscription_id: Integers
    updated_at: Integers


@dataclass(eq=False)
class Tickets(Columns):
    """A ticket with all its timestamps, which are planned when it is opened."""

    ticket_id: Integers
    account_id: Integers
    user_id: Integers
    category: Integers
    opened_at: Integers
    responded_at: Integers
    resolved_at: Integers


@dataclass(eq=False)
class Presence(Columns):
    """What decides the usage of a month, with access in [from, until). The rows are those of Accounts."""

    access_from: Integers
    access_until: Integers
    leaving_from: Integers
    is_trial: Booleans
    health_before: Reals
    health_after: Reals


@dataclass(eq=False)
class TrueHazards(Columns):
    """The truth of a month: one row per account that pays at its start (see truth.py)."""

    account: Integers
    account_id: Integers
    voluntary: Reals
    involuntary: Reals
    health: Reals
    mrr_cents: Integers
    segment: Integers
    remaining_cents: Integers
