"""The second subscription of an account, which starts next to a healthy first one on its billing day.

Contains: this step of a month. Out of scope: the first subscription. A second subscription ends with
the first, so that the account's churn is the churn of the first, or earlier on its own, which is
contraction. Its charges never fail.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saas_platform.company.columns import Array
from saas_platform.company.month_state import MonthState
from saas_platform.company.offering import plan_id, tier_of
from saas_platform.company.outcomes import Outcomes
from saas_platform.company.renewals import start_period
from saas_platform.company.signups import activate, new_subscriptions
from saas_platform.company.state import CANCELLATION, NONE, REASON, STATUS, Subscriptions
from saas_platform.company.timestamps import HOUR, NEVER, billing_timestamps


def carry_second_subscriptions(state: MonthState, subs: Subscriptions) -> None:
    """Renew the second subscriptions or end them, either on their own or with the first one."""
    dice, span = state.dice, state.span
    size = len(state.accounts)
    first = np.flatnonzero(~subs.second)
    ended, asked = np.full(size, NEVER), np.full(size, NEVER)
    kind, reason = np.full(size, NONE), np.full(size, NONE)
    ended[subs.account[first]] = subs.ended_at[first]
    asked[subs.account[first]] = subs.cancel_requested_at[first]
    kind[subs.account[first]] = subs.cancellation[first]
    reason[subs.account[first]] = subs.reason[first]

    live = subs.second & (subs.status == STATUS["active"])
    at = billing_timestamps(span.index, subs.anchor_day, subs.anchor_second)
    with_first = ended[subs.account]
    reaches = live & ((with_first == NEVER) | (with_first > at))
    leaves = reaches & dice.happens(
        state.parameters.expansion.second_end, "second ends", subs.subscription_id, span.index
    )
    index = np.flatnonzero(leaves)
    opened = np.maximum(span.start, subs.updated_at[index] + HOUR)
    asked_at = opened + dice.index(at[index] - opened, "second asked", subs.subscription_id[index])
    too_dear = REASON["too_expensive"]
    _end(state, subs, index, _Ends(at[index], asked_at, CANCELLATION["voluntary"], too_dear))

    index = np.flatnonzero(reaches & ~leaves)
    start_period(state, subs, index, at[index], np.zeros(len(index), np.int64))

    index = np.flatnonzero(live & ~leaves & (with_first != NEVER))
    account = subs.account[index]
    # A customer who did not request the end of the first did not request the end of the second either.
    ends = _Ends(with_first[index], asked[account], kind[account], reason[account])
    _end(state, subs, index, ends)


@dataclass(frozen=True)
class _Ends:
    """How subscriptions end. Each array has one entry for each of them; `asked_at` is NEVER without a request."""

    at: Array
    asked_at: Array
    cancellation: Array | int
    reason: Array | int


def _end(state: MonthState, subs: Subscriptions, index: Array, ends: _Ends) -> None:
    """End the second subscriptions at `index`, with the cancellation request where there was one."""
    voluntary = np.flatnonzero(ends.asked_at != NEVER)
    asked_at = ends.asked_at[voluntary]
    state.record(subs, index[voluntary], asked_at, None, cancel_requested_at=asked_at)
    state.record(
        subs,
        index,
        ends.at,
        "canceled",
        status=STATUS["canceled"],
        ended_at=ends.at,
        cancellation=ends.cancellation,
        reason=ends.reason,
    )


def begin_second_subscriptions(
    state: MonthState, subs: Subscriptions, outcomes: Outcomes, has_second: Array
) -> Subscriptions:
    """Return new second subscriptions, begun on the billing day of a first one paid without trouble."""
    expansion, span = state.parameters.expansion, state.span
    chance = np.array(expansion.second)[state.accounts.segment[subs.account]]
    chance = chance * np.exp(expansion.health * state.latent.health[subs.account])
    at = billing_timestamps(span.index, subs.anchor_day, subs.anchor_second)
    begins = (
        ~subs.second
        & ~has_second
        & (subs.status == STATUS["active"])
        & (outcomes.retries == 0)
        & (subs.activated_at < span.start)
        & (subs.period_start <= at)
        & state.dice.happens(chance, "second", subs.subscription_id, span.index)
    )
    index = np.flatnonzero(begins)
    account = subs.account[index]
    new = new_subscriptions(
        state,
        account,
        at[index],
        plan=plan_id(np.maximum(tier_of(subs.plan[index]) - 1, 0), 0),
        seats=np.maximum(1, subs.seats[index] * 3 // 10),
        second=True,
    )
    activate(state, new, np.arange(len(new)), at[index], "activated", subs.anchor_day[index])
    return new
