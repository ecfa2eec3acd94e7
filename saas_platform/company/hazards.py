"""The hazards of a month as of its start: what the simulator draws from, and what the truth reports.

Contains: the probabilities of a voluntary end, a pause, a failed payment and a failed dunning, and how
they combine. Out of scope: the draws (outcomes.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saas_platform.company.columns import Array
from saas_platform.company.offering import Offering, is_yearly
from saas_platform.company.parameters import Dunning, Parameters
from saas_platform.company.state import STATUS, Accounts, Latent, Subscriptions
from saas_platform.company.timestamps import DAY, Span, billing_timestamps

#: Seconds between an invoice and its first charge.
CHARGE_DELAY = 1_800


def retry_seconds(dunning: Dunning) -> Array:
    """Return the seconds from the first charge of an invoice to each retry."""
    return np.array(dunning.retry_days, np.int64) * DAY


def recovered_by(dunning: Dunning) -> Array:
    """Return the probability that a failed invoice is collected by each retry or an earlier one."""
    return np.round(np.cumsum(dunning.recovered), 9)


def mrr_cents(subs: Subscriptions) -> Array:
    """Return the MRR of each subscription in cents, rounded half up (docs/metrics.md)."""
    months = np.where(is_yearly(subs.plan), 12, 1)
    paying = (subs.status == STATUS["active"]) | (subs.status == STATUS["past_due"])
    hundredths = subs.seats * subs.unit_price * (100 - subs.discount)
    return np.where(paying, (2 * hundredths + 100 * months) // (200 * months), 0)


def renewals(subs: Subscriptions, span: Span) -> tuple[Array, Array]:
    """Return whether a period of each subscription ends in the month, and when it would end."""
    since = span.index - subs.anchor_month
    due = (since > 0) & (~is_yearly(subs.plan) | (since % 12 == 0))
    return due, billing_timestamps(span.index, subs.anchor_day, subs.anchor_second)


def _logit(probability: Array) -> Array:
    return np.log(probability / (1.0 - probability))


def list_rise(offering: Offering, subs: Subscriptions, renewal_at: Array) -> Array:
    """Return the relative rise of the list price (negative: fall) since the price each customer pays."""
    now = offering.price_list(renewal_at)
    old, new = (
        offering.seat_price(subs.plan, subs.price_list),
        offering.seat_price(subs.plan, now),
    )
    return np.where(old == 0, 0.0, new / np.maximum(old, 1) - 1)


def known_score(
    parameters: Parameters,
    subs: Subscriptions,
    segment: Array,
    complaints: Array,
    rise: Array,
    span: Span,
) -> Array:
    """Return the log-odds of a voluntary end at a renewal, without the latent terms.

    Args:
        parameters: the company's parameters.
        subs: the subscriptions; each array has one entry for each of them.
        segment: segment of each subscription's account.
        complaints: weighted number of recent complaints of the account.
        rise: relative rise of the list price (see `list_rise`).
        span: the month.
    """
    churn = parameters.churn
    yearly = is_yearly(subs.plan)
    base = np.where(yearly, np.array(churn.yearly)[segment], np.array(churn.monthly)[segment])
    tenure = span.index - subs.first_month
    early = churn.early * np.exp(-(tenure - 1) / churn.early_months)
    return (
        _logit(base)
        - churn.size * np.log(subs.seats / np.array(parameters.mix.seats_median)[segment])
        + np.where(yearly, 0.0, early)
        + churn.price_rise * rise
        + np.log(churn.complaint_odds) * complaints
    )


def voluntary_chance(parameters: Parameters, score: Array, factor: Array) -> Array:
    """Return the probability of a voluntary end from its log-odds and a factor (see `hazard_factor`)."""
    return np.minimum(factor / (1.0 + np.exp(-score)), parameters.churn.highest)


def hazard_factor(parameters: Parameters, subs: Subscriptions, segment: Array) -> Array:
    """Return the factor on the hazard: the promo code's ratio times the segment's knob."""
    return np.array(parameters.churn.level)[segment] * subs.hazard_ratio


@dataclass(frozen=True)
class Customers:
    """Some subscriptions, with all accounts and the latent state of all accounts."""

    subs: Subscriptions
    accounts: Accounts
    latent: Latent


def _voluntary(parameters: Parameters, customers: Customers, rise: Array, span: Span) -> Array:
    """Return the probability that each subscription is canceled at a renewal."""
    subs, accounts, latent = customers.subs, customers.accounts, customers.latent
    churn, account = parameters.churn, subs.account
    segment = accounts.segment[account]
    score = (
        known_score(parameters, subs, segment, latent.complaints[account], rise, span)
        - churn.health * latent.health[account]
        + churn.price_sensitivity * accounts.price_sensitivity[account]
    )
    return np.round(
        voluntary_chance(parameters, score, hazard_factor(parameters, subs, segment)), 9
    )


def given_up_within(dunning: Dunning, renewal_at: Array, span: Span) -> Array:
    """Return whether dunning that opens at a renewal is given up before the end of the month."""
    return renewal_at + CHARGE_DELAY + dunning.end_days * DAY < span.end


@dataclass
class SubscriptionHazards:
    """Probabilities for each subscription as of the month's start, 0 for what cannot happen."""

    renews: Array
    renewal_at: Array
    #: Dunning that is open at the start fails within the month.
    dunning_fails: Array
    #: At the renewal, provided that no dunning failed before it.
    voluntary: Array
    pause: Array
    failure: Array
    #: For the whole month: the true hazards.
    voluntary_hazard: Array
    involuntary_hazard: Array

    def take(self, index: Array) -> SubscriptionHazards:
        return SubscriptionHazards(*(getattr(self, name)[index] for name in vars(self)))


def subscription_hazards(
    parameters: Parameters,
    offering: Offering,
    customers: Customers,
    has_second: Array,
    span: Span,
) -> SubscriptionHazards:
    """Return the hazards of the subscriptions as of the month's start.

    Args:
        parameters: the company's parameters.
        offering: the company's price list.
        customers: the subscriptions and their accounts.
        has_second: whether the account of each subscription has a second subscription.
        span: the month.
    """
    subs, accounts = customers.subs, customers.accounts
    dunning, churn = parameters.dunning, parameters.churn
    paying = (subs.status == STATUS["active"]) | (subs.status == STATUS["past_due"])
    due, renewal_at = renewals(subs, span)
    renews = due & paying
    yearly = is_yearly(subs.plan)
    recovery = recovered_by(dunning)

    open_case = subs.failed_at > 0
    retried = (subs.failed_at[:, None] + retry_seconds(dunning) < span.start).sum(axis=1)
    already = np.concatenate([[0.0], recovery])[retried]
    dunning_fails = np.where(open_case, (1.0 - recovery[-1]) / (1.0 - already), 0.0)

    kept = accounts.grandfathered[subs.account]
    rise = np.where(kept, 0.0, list_rise(offering, subs, renewal_at))
    chance = _voluntary(parameters, customers, rise, span)
    voluntary = np.where(renews, chance, 0.0)
    pause = np.where(renews & ~yearly & ~has_second, churn.pause, 0.0)
    free = np.where(span.index >= subs.discount_until, 0, subs.discount) == 100
    failure = (
        np.array(dunning.failure)[subs.method]
        * np.where(yearly, dunning.yearly_factor, 1.0)
        * np.array(dunning.by_segment)[accounts.segment[subs.account]]
        * accounts.payment_risk[subs.account]
    )
    failure = np.where(renews & ~free & ~subs.second, np.minimum(failure, 0.5), 0.0)

    # Two cases end within the month: dunning that is open, and dunning that opens and is given up in it.
    given_up = given_up_within(dunning, renewal_at, span)
    opens_and_fails = np.where(given_up, failure * (1.0 - recovery[-1]), 0.0)
    survives = 1.0 - dunning_fails
    involuntary = dunning_fails + survives * (1.0 - voluntary) * (1.0 - pause) * opens_and_fails
    return SubscriptionHazards(
        renews=renews,
        renewal_at=renewal_at,
        dunning_fails=np.round(dunning_fails, 9),
        voluntary=voluntary,
        pause=pause,
        failure=np.round(failure, 9),
        voluntary_hazard=np.round(survives * voluntary, 9),
        involuntary_hazard=np.round(involuntary, 9),
    )


def remaining_cents(
    parameters: Parameters, customers: Customers, hazards: SubscriptionHazards
) -> Array:
    """Return the expected revenue of the next 36 months, in cents.

    The value is MRR x (1 - (1 - h)**36) / h. h is the account's monthly hazard as a settled customer at
    its current latent health: the voluntary hazard (a yearly one is spread over 12 months) plus the
    failures that dunning does not collect. It is an approximation, because the health is kept constant.
    """
    subs, accounts, latent = customers.subs, customers.accounts, customers.latent
    churn, dunning = parameters.churn, parameters.dunning
    yearly = is_yearly(subs.plan)
    segment = accounts.segment[subs.account]
    base = np.where(yearly, np.array(churn.yearly)[segment], np.array(churn.monthly)[segment])
    # Health reverts to the fit within months, so take the middle between the two.
    health = 0.5 * (latent.health[subs.account] + accounts.fit[subs.account])
    level = np.array(churn.level)[segment] * subs.hazard_ratio
    settled = level / (1.0 + np.exp(-(_logit(base) - churn.health * health)))
    settled = np.where(yearly, 1.0 - (1.0 - np.minimum(settled, 0.9)) ** (1.0 / 12.0), settled)
    failing = np.array(dunning.failure)[subs.method] * (1.0 - recovered_by(dunning)[-1])
    failing = failing * np.where(yearly, dunning.yearly_factor / 12.0, 1.0)
    failing = failing * np.array(dunning.by_segment)[segment]
    hazard = np.clip(settled + failing * accounts.payment_risk[subs.account], 0.001, 0.9)
    pending = 1.0 - hazards.dunning_fails
    months = (1.0 - (1.0 - hazard) ** 36) / hazard
    return np.floor(mrr_cents(subs) * np.round(pending * months, 6) + 0.5).astype(np.int64)
