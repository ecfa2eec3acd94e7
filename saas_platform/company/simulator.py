"""The simulator: steps the state of every account and subscription from month to month.

Contains: the order of the steps within a month, the latent health, and the record of a month that the
renderers read. Out of scope: the steps themselves and the rows. The simulator knows no `as_of`: it
always simulates a whole month, and the renderers cut it off.

The steps follow the order of events within each subscription: dunning of the month before, trials,
changes before the renewal, the renewal, changes after it, dunning of this month.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saas_platform.clock import Month
from saas_platform.company import expansion, people, renewals, second_subscriptions
from saas_platform.company.columns import Array
from saas_platform.company.dunning import settle_failures
from saas_platform.company.hazards import (
    Customers,
    SubscriptionHazards,
    mrr_cents,
    remaining_cents,
    subscription_hazards,
)
from saas_platform.company.hazards import renewals as billing_renewals
from saas_platform.company.month_state import MonthState
from saas_platform.company.offering import Offering
from saas_platform.company.outcomes import draw_outcomes
from saas_platform.company.parameters import Parameters
from saas_platform.company.promotions import Calendar, offer_to_trials
from saas_platform.company.randomness import Dice
from saas_platform.company.signups import come_back, end_trials, sign_up
from saas_platform.company.state import (
    NONE,
    STATUS,
    Accounts,
    Invoices,
    Latent,
    Presence,
    Redemptions,
    Subscriptions,
    Tickets,
    TrueHazards,
    Users,
)
from saas_platform.company.support import draw_counts, open_tickets
from saas_platform.company.timestamps import Span
from saas_platform.company.traits import accounts_of, signups

_LIVE = [STATUS[s] for s in ("trialing", "active", "past_due", "paused")]


@dataclass(frozen=True)
class MonthRecord:
    """The record of a simulated month: everything its rows are rendered from, and its truth.

    `accounts` holds all accounts up to and including the month. The other fields refer to its rows.
    """

    span: Span
    accounts: Accounts
    changes: Subscriptions
    invoices: Invoices
    redemptions: Redemptions
    tickets: Tickets
    people: people.People
    presence: Presence
    hazards: TrueHazards


@dataclass(frozen=True)
class Opening:
    """The state of the source when a month begins. It stays valid while the simulator goes on.

    `accounts` also has latent traits, which an observer must not read.
    """

    span: Span
    accounts: Accounts
    subs: Subscriptions
    complaints: Array
    has_second: Array

    def paying(self) -> Array:
        """Return the positions of the first subscriptions that pay: the rows of `MonthRecord.hazards`."""
        return np.flatnonzero(_paying(self.subs))

    def renewal_at(self) -> Array:
        """Return when the current period of each subscription would end in the month."""
        return billing_renewals(self.subs, self.span)[1]


def _paying(subs: Subscriptions) -> Array:
    paying = (subs.status == STATUS["active"]) | (subs.status == STATUS["past_due"])
    return paying & ~subs.second


class Simulator:
    """The state at the start of `month`. `advance` simulates that month."""

    def __init__(self, seed: int, accounts: int, start: Month, parameters: Parameters) -> None:
        self.month = start
        self._start = start
        self._size = accounts
        self._parameters = parameters
        self._dice = Dice(seed)
        self._offering = Offering(parameters.prices, start)
        self._calendar = Calendar(self._dice, parameters.promotions, start)
        self._accounts = Accounts.empty()
        self._latent = Latent.empty()
        self._subs = Subscriptions.empty()
        self._users = Users.empty()

    def opening(self) -> Opening:
        """Return the state at the start of the month, for an observer."""
        return Opening(
            span=Span.of(self.month),
            accounts=self._accounts,
            subs=self._subs.take(np.arange(len(self._subs))),
            complaints=self._latent.complaints,
            has_second=self._has_second(),
        )

    def advance(self) -> MonthRecord:
        """Simulate the month and return its record."""
        span = Span.of(self.month)
        newcomers = self._sign_up(span)
        dice, parameters = self._dice, self._parameters
        state = MonthState(dice, parameters, span, self._offering, self._accounts, self._latent)
        has_second = self._has_second()
        customers = Customers(self._subs, self._accounts, self._latent)
        hazards = subscription_hazards(
            parameters, self._offering, customers, has_second[self._subs.account], span
        )
        truth = self._truth(customers, hazards)
        outcomes = draw_outcomes(dice, parameters.dunning, span, self._subs, hazards)

        olds = self._subs
        planned = expansion.plan_expansions(state, olds, outcomes)
        loyalties = renewals.offer_loyalty(
            state, olds, outcomes, self._calendar.open_in(span, "loyalty")
        )
        settle_failures(state, olds)
        news = sign_up(state, newcomers)
        for subs in (olds, news):
            trial = subs.account[subs.status == STATUS["trialing"]]
            state.is_trial[trial] = True
            for code in self._calendar.open_in(span, "acquisition"):
                ids = self._accounts.account_id[subs.account]
                offers = offer_to_trials(dice, parameters.promotions, span, code, subs, ids)
                state.redemptions.append(offers)
            end_trials(state, subs, self._calendar)

        before = outcomes.renews & (planned.at < outcomes.renewal_at)
        expansion.expand(state, olds, planned.among(before))
        renewals.end_pauses(state, olds)
        renewals.cancel_at_period_end(state, olds, outcomes)
        renewals.pause(state, olds, outcomes)
        renewals.renew(state, olds, outcomes, loyalties)
        expansion.expand(state, olds, planned.among(~before))
        settle_failures(state, olds)
        second_subscriptions.carry_second_subscriptions(state, olds)
        further = second_subscriptions.begin_second_subscriptions(
            state, olds, outcomes, has_second[olds.account]
        )
        returned = come_back(state)

        everything = Subscriptions.concat([olds, news, further, returned])
        self._subs = everything.take(np.isin(everything.status, _LIVE))
        return self._close(state, truth)

    def _close(self, state: MonthState, truth: TrueHazards) -> MonthRecord:
        """Simulate users, tickets and health up to the end of the month and return the record."""
        span, latent = state.span, self._latent
        people.note_seats(state, self._subs)
        moved = people.move_people(state, self._users)
        self._users = people.remaining(moved, span.end)
        others, complaints = draw_counts(state)
        tickets = open_tickets(state, moved.present, others, complaints)
        before = latent.health.copy()
        latent.health = self._next_health(span)
        latent.complaints = complaints + 0.5 * latent.complaints
        latent.has_access = (state.access_from != NONE) & (state.access_until == span.end)
        self.month = self.month.next()
        return MonthRecord(
            span=span,
            accounts=self._accounts,
            changes=Subscriptions.concat(state.changes),
            invoices=Invoices.concat(state.invoices),
            redemptions=Redemptions.concat(state.redemptions),
            tickets=tickets,
            people=moved,
            presence=Presence.build(
                len(before),
                access_from=state.access_from,
                access_until=state.access_until,
                leaving_from=state.leaving_from,
                is_trial=state.is_trial,
                health_before=before,
                health_after=latent.health,
            ),
            hazards=truth,
        )

    def _sign_up(self, span: Span) -> Array:
        """Add the accounts that sign up in the month and return their rows in `Accounts`."""
        parameters = self._parameters
        count = signups(parameters.growth, self._size, self._start, span.month)
        new = accounts_of(self._dice, parameters, span, count)
        known = len(self._accounts)
        spread = parameters.health.entry_sigma * self._dice.normal("entry health", new.account_id)
        latent = Latent.build(
            count,
            health=np.round(new.fit + spread, 6),
            complaints=0.0,
            subscriptions=0,
            users=0,
            churned_month=NONE,
            has_access=False,
        )
        self._accounts = Accounts.concat([self._accounts, new])
        self._latent = Latent.concat([self._latent, latent])
        return np.arange(known, known + count)

    def _has_second(self) -> Array:
        """Return whether each account has a live second subscription."""
        second = np.zeros(len(self._accounts), np.bool_)
        second[self._subs.account[self._subs.second]] = True
        return second

    def _truth(self, customers: Customers, hazards: SubscriptionHazards) -> TrueHazards:
        """Return the truth of the month, as it is before anything happens in the month."""
        subs = customers.subs
        worth = mrr_cents(subs)
        total = np.bincount(subs.account, worth, minlength=len(self._accounts)).astype(np.int64)
        index = np.flatnonzero(_paying(subs))
        account = subs.account[index]
        remaining = remaining_cents(self._parameters, customers, hazards)
        value = np.bincount(subs.account, remaining, minlength=len(self._accounts))
        return TrueHazards.build(
            len(index),
            account=account,
            account_id=self._accounts.account_id[account],
            voluntary=hazards.voluntary_hazard[index],
            involuntary=hazards.involuntary_hazard[index],
            health=self._latent.health[account],
            mrr_cents=total[account],
            segment=self._accounts.segment[account],
            remaining_cents=value[account].astype(np.int64),
        )

    def _next_health(self, span: Span) -> Array:
        """Return the health at the end of the month: AR(1) around the account's fit, with rare shocks."""
        health, dice, ids = self._parameters.health, self._dice, self._accounts.account_id
        fit = self._accounts.fit
        kept = health.persistence * (self._latent.health - fit)
        noise = health.noise_sigma * dice.normal("health", ids, span.index)
        shock = dice.happens(health.shock_probability, "shock", ids, span.index)
        return np.round(fit + kept + noise - health.shock_depth * shock, 6)
