"""The observable oracle: the part of the true hazards that the source database determines.

Contains: a Bayesian filter. For each account that pays at the start of a month it computes
E[true hazard | content of the source database at that time], which is the best score that any reader of
the source could give. Out of scope: the hazards themselves (hazards.py). The filter reads no latent value;
it knows only the distributions of the latent values. It runs only for the truth, and rows never depend
on it.

For each account, these values are latent, and the filter represents them as follows:

- Fit (static) and health (AR(1) around fit, with shocks): a joint weight for each node of a grid of
  `fit` and `health - fit`, updated from month to month by Bayes' rule (Rabiner 1989, section III A).
- The taste of each user (static, log-normal): weights of a grid, one set for each node of fit.
- Price sensitivity and payment risk (static): weights of Gauss-Hermite nodes.

With the true parameters, the filter conditions on the following observations: plan, seats, tenure, segment,
code in force, complaints and open dunning, as `subscription_hazards` does; the days on which each user
logged in, among the days on which the account had access and the user a login all day; tickets; the
conversion of a trial; added seats and raised tiers; cancellation, pause or renewal at the end of a period;
failed charges; reactivations.

The filter ignores some observations. The effect of these was measured, and each changes the log-loss of
voluntary churn by less than 1e-6: seats and tiers lowered at a renewal, the start of a second subscription,
and the reason for a cancellation. The effect of these was not measured: days of an outage, days on which a
login or an access begins or ends, the time at which a customer requests a cancellation, and on which days
users near the ceiling of activity are active. The filter assumes that it reads the source before erasures.

These parts are approximate:

- The grids (SPACING): with half the spacing the log-loss changes by 2e-5.
- Usage follows health during the month. The counts of a month are compared with the mean activity along a
  path of health, to second order in the change of health. Their days are compared with those that a path
  makes likely, as if activity were rare.
- At the end of a month tastes and health become independent given fit, and price sensitivity becomes
  independent of both (assumed-density filtering: the product of the marginals; Minka 2001, chapter 3). This
  makes the belief slightly overconfident: the lowest hazards are 5 to 10 % too low, their total about 2 %.

Compared on single accounts with a particle filter that makes none of these approximations, the oracle loses
1 to 2 % of the information that the source adds to the base rate (log-loss of voluntary churn;
test_oracle.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.polynomial.hermite_e import hermegauss

from saas_platform.company.columns import Array
from saas_platform.company.hazards import (
    Customers,
    SubscriptionHazards,
    given_up_within,
    hazard_factor,
    known_score,
    list_rise,
    recovered_by,
    subscription_hazards,
    voluntary_chance,
)
from saas_platform.company.offering import Offering, tier_of
from saas_platform.company.parameters import Parameters
from saas_platform.company.promotions import Calendar
from saas_platform.company.randomness import Dice
from saas_platform.company.simulator import MonthRecord, Opening
from saas_platform.company.state import (
    CANCELLATION,
    CHANGE,
    NONE,
    STATUS,
    Latent,
    Subscriptions,
)
from saas_platform.company.support import ticket_means
from saas_platform.company.timestamps import DAY, NEVER, Span
from saas_platform.company.traits import RISK_SIGMA
from saas_platform.company.usage import active_days, up_time
from saas_platform.schema import vocabulary as v

#: Distance between the grid points of health. Those of fit and taste are `_STRIDE` times as far apart.
#: Sums over equidistant points are exact for normal densities wider than that (trapezoidal rule).
SPACING = 0.25
_STRIDE = 2
#: Reach of the grids in standard deviations. It is wide for taste, because a user with an extreme taste must
#: not look like one in an account with extreme health. For an extreme fit, health - fit can compensate.
_FIT_REACH = 2.2
_TASTE_REACH = 4.0
#: Fraction of working days with a login above which a user counts as near the ceiling of activity.
_CEILING = 0.6
_PRICE_NODES = 3
_RISK_NODES = 5
#: Decimals of the hazards in the truth.
_DECIMALS = 7
#: Accounts and users processed at a time, so that their arrays fit into the processor's cache.
_ACCOUNTS = 128
_USERS = 1_024


def _weights(points: Array, sigma: float) -> Array:
    """Return normalised normal weights of the points."""
    density = np.exp(-0.5 * (points / sigma) ** 2)
    return np.asarray(density / density.sum(axis=-1, keepdims=True))


def _matched(points: Array, sigma: float) -> Array:
    """Return normal weights of a few points, with exactly the variance of the density they represent."""
    wide = sigma
    for _ in range(30):
        wide *= sigma / np.sqrt(_weights(points, wide) @ points**2)
    return _weights(points, wide)


def _normal_nodes(count: int) -> tuple[Array, Array]:
    """Return nodes and weights of the standard normal distribution (Gauss-Hermite)."""
    nodes, weights = hermegauss(count)
    return nodes, weights / weights.sum()


@dataclass(frozen=True)
class Grid:
    """The grid points: `fit`, `off` (health - fit), `health` (all sums of both) and `taste` (logarithms)."""

    fit: Array
    off: Array
    health: Array
    taste: Array
    #: Weights by (fit, off) for an account without any observation.
    prior: Array
    taste_prior: Array
    #: Weight of health in the logarithm of activity.
    shows: float
    #: Probability of each `off` after a month (columns), given the one before it (rows).
    steps: Array

    @classmethod
    def of(cls, parameters: Parameters) -> Grid:
        health, usage, wide = parameters.health, parameters.usage, _STRIDE * SPACING
        sigma = health.noise_sigma / np.sqrt(1.0 - health.persistence**2)
        below = int(np.ceil((health.shock_depth + 2.3 * sigma) / SPACING))
        above = int(np.ceil(3.1 * sigma / SPACING))
        off = SPACING * np.arange(-below, above + 1)
        fit = wide * _around(_FIT_REACH * health.fit_sigma / wide)
        # Space taste like fit on the scale of usage, so that sums of the two fall on the same points.
        apart = usage.health * wide
        taste = apart * _around(_TASTE_REACH * usage.user_sigma / apart)
        size = len(off) + _STRIDE * (len(fit) - 1)
        away = off[None, :] - health.persistence * off[:, None]
        shocked = _weights(away + health.shock_depth, health.noise_sigma)
        calm = _weights(away, health.noise_sigma)
        return cls(
            fit=fit,
            off=off,
            health=off[0] + fit[0] + SPACING * np.arange(size),
            taste=taste,
            prior=_matched(fit, health.fit_sigma)[:, None] * _weights(off, health.entry_sigma),
            taste_prior=_matched(taste, usage.user_sigma),
            shows=usage.health,
            steps=calm + health.shock_probability * (shocked - calm),
        )

    def spread(self, by_health: Array) -> Array:
        """Return values by (..., health) as values by (..., fit, off)."""
        return sliding_window_view(by_health, len(self.off), axis=-1)[..., ::_STRIDE, :]

    def by_health(self, belief: Array) -> Array:
        """Return the marginal weights by (account, health) of a belief by (account, fit, off)."""
        total = np.zeros((len(belief), len(self.health)))
        for number in range(len(self.fit)):
            begin = number * _STRIDE
            total[:, begin : begin + len(self.off)] += belief[:, number]
        return total


def _around(reach: float) -> Array:
    """Return the integers from -reach to reach, rounded outwards."""
    most = int(np.ceil(reach))
    return np.arange(-most, most + 1)


@dataclass
class Views:
    """The belief about each account that the filter follows. Rows are ordered by `account`."""

    account: Array
    belief: Array
    price: Array
    risk: Array
    #: Index of the month in which the account churned, NONE while it has a subscription.
    gone: Array

    def take(self, index: Array) -> Views:
        return Views(*(getattr(self, name)[index] for name in vars(self)))


@dataclass
class ObservedOutcomes:
    """What the rows of a month show. Each array has an entry per account, booleans but for the last."""

    canceled: Array
    paused: Array
    lost: Array
    failed: Array
    grown: Array
    raised: Array
    returned: Array
    expired: Array
    #: Seats paid at the end of the month, 0 if none.
    seats_paid: Array


class Observer:
    """Keeps the belief as of a month's start: `hazards` reads it, `observe` moves it to the next month."""

    def __init__(
        self, parameters: Parameters, dice: Dice, offering: Offering, calendar: Calendar
    ) -> None:
        self._parameters = parameters
        self._dice = dice
        self._offering = offering
        self._calendar = calendar
        self._grid = Grid.of(parameters)
        grid = self._grid
        self._price, price_weights = _normal_nodes(_PRICE_NODES)
        nodes, risk_weights = _normal_nodes(_RISK_NODES)
        self._risk = np.exp(RISK_SIGMA * nodes - RISK_SIGMA**2 / 2)
        self._first = Views(
            np.array([NONE]),
            grid.prior[None],
            price_weights[None],
            risk_weights[None],
            np.array([NONE]),
        )
        self._views = self._first.take(np.empty(0, np.int64))
        self._user_id = np.empty(0, np.int64)
        self._tastes = np.empty((0, len(grid.fit), len(grid.taste)))

    def hazards(self, opening: Opening) -> tuple[Array, Array]:
        """Return the voluntary and involuntary hazard of each paying account, in the order of the truth."""
        subs = opening.subs.take(opening.paying())
        hazards = self._neutral_hazards(opening, subs)
        row = self._rows(subs.account)
        chance = self._voluntary(opening, subs, hazards)
        health = self._grid.by_health(self._views.belief[row])
        voluntary = np.einsum("ah,ahp,ap->a", health, chance, self._views.price[row])
        failing = (self._failure(hazards) * self._views.risk[row]).sum(axis=1)
        survives = 1.0 - hazards.dunning_fails
        dunning = self._parameters.dunning
        given_up = given_up_within(dunning, hazards.renewal_at, opening.span)
        given_up = given_up * (1.0 - recovered_by(dunning)[-1])
        ended = survives * (1.0 - voluntary) * (1.0 - hazards.pause) * failing * given_up
        return (
            np.round(survives * voluntary, _DECIMALS),
            np.round(hazards.dunning_fails + ended, _DECIMALS),
        )

    def observe(self, opening: Opening, record: MonthRecord) -> None:
        """Update the belief with everything that happened in a month. `opening` is its starting state."""
        new = np.flatnonzero(record.accounts.signup_month == record.span.index)
        fresh = self._first.take(np.zeros(len(new), np.int64))
        fresh.account = new
        self._views = _joined(self._views, fresh)
        outcomes = _observed_outcomes(opening, record)
        self._update_from_renewals(opening, outcomes)
        seen = self._conversions(record)
        seen += self._changes(opening, outcomes)
        self._weight_health(seen)
        self._raise_health(np.flatnonzero(outcomes.returned[self._views.account]))
        self._drop_gone(record.span, outcomes)
        self._weight_health(self._tickets(record, outcomes))
        self._advance(record)

    def _rows(self, account: Array) -> Array:
        """Return the positions of accounts among those that the filter follows."""
        row = np.searchsorted(self._views.account, account)
        if not np.array_equal(self._views.account[row], account):
            raise ValueError("the observer does not follow one of the paying accounts")
        return row

    # What is known about a subscription.

    def _neutral_hazards(self, opening: Opening, subs: Subscriptions) -> SubscriptionHazards:
        """Return the hazards as far as they are known: those at health 0 and payment risk 1."""
        accounts = opening.accounts.take(np.arange(len(opening.accounts)))
        accounts.payment_risk[:] = 1.0
        accounts.price_sensitivity[:] = 0.0
        latent = Latent.build(
            len(accounts),
            health=0.0,
            complaints=opening.complaints,
            subscriptions=0,
            users=0,
            churned_month=NONE,
            has_access=False,
        )
        second = opening.has_second[subs.account]
        customers = Customers(subs, accounts, latent)
        return subscription_hazards(
            self._parameters, self._offering, customers, second, opening.span
        )

    def _voluntary(
        self, opening: Opening, subs: Subscriptions, hazards: SubscriptionHazards
    ) -> Array:
        """Return the probability of a voluntary end by (subscription, health, price sensitivity).

        An account that kept its old price at a renewal after a rise is grandfathered. For the other
        accounts this is unknown.
        """
        parameters, offering, account = self._parameters, self._offering, subs.account
        churn, segment = parameters.churn, opening.accounts.segment[account]
        complaints, none = opening.complaints[account], np.zeros(len(subs))
        known = known_score(parameters, subs, segment, complaints, none, opening.span)
        latent = churn.price_sensitivity * self._price - churn.health * self._grid.health[:, None]
        score = known[:, None, None] + latent
        factor = hazard_factor(parameters, subs, segment)[:, None, None]
        chance = voluntary_chance(parameters, score, factor)
        rise = list_rise(offering, subs, hazards.renewal_at)
        kept = offering.price_list(subs.period_start) > subs.price_list
        rising = np.flatnonzero((rise != 0.0) & ~kept)
        if len(rising):
            raised = score[rising] + churn.price_rise * rise[rising, None, None]
            paid = voluntary_chance(parameters, raised, factor[rising])
            kept_part = parameters.prices.grandfathered
            chance[rising] = kept_part * chance[rising] + (1.0 - kept_part) * paid
        return np.where(hazards.renews[:, None, None], chance, 0.0)

    def _failure(self, hazards: SubscriptionHazards) -> Array:
        """Return the probability that the renewal's charge fails by (subscription, payment risk)."""
        return np.minimum(hazards.failure[:, None] * self._risk, 0.5)

    # What the month's rows reveal about the state at its start.

    def _weight_health(self, seen: Array) -> None:
        """Weight the health at the start with log-likelihoods by (followed account, health)."""
        likelihood = np.exp(seen - seen.max(axis=1, keepdims=True))
        weighed = self._views.belief * self._grid.spread(likelihood)
        self._views.belief = weighed / weighed.sum(axis=(1, 2), keepdims=True)

    def _update_from_renewals(self, opening: Opening, outcomes: ObservedOutcomes) -> None:
        """Update health, price sensitivity and payment risk of accounts whose period ended."""
        subs = opening.subs.take(opening.paying())
        subs = subs.take(outcomes.failed[subs.account] | ~outcomes.lost[subs.account])
        hazards = self._neutral_hazards(opening, subs)
        subs, hazards = subs.take(hazards.renews), hazards.take(hazards.renews)
        account, views = subs.account, self._views
        row = self._rows(account)
        canceled = outcomes.canceled[account]
        chance = self._voluntary(opening, subs, hazards)
        chance = np.where(canceled[:, None, None], chance, 1.0 - chance)
        health = self._grid.by_health(views.belief[row])
        by_health = np.einsum("ahp,ap->ah", chance, views.price[row])
        by_price = np.einsum("ahp,ah->ap", chance, health)
        views.price[row] = _normalised(views.price[row] * by_price)
        seen = np.zeros((len(views.account), len(self._grid.health)))
        seen[row] = np.log(by_health)
        self._weight_health(seen)

        charged = ~canceled & ~outcomes.paused[account] & (hazards.failure > 0.0)
        failing = self._failure(hazards)
        failing = np.where(outcomes.failed[account][:, None], failing, 1.0 - failing)
        views.risk[row[charged]] = _normalised((views.risk[row] * failing)[charged])

    def _conversions(self, record: MonthRecord) -> Array:
        """Return the log-likelihood of trials that were bought.

        An account whose trial was not bought never pays, so it needs none.
        """
        conversion, changes = self._parameters.conversion, record.changes
        bought = (changes.change == CHANGE["activated"]) & ~changes.second
        subs = changes.take(bought & (changes.trial_started_at != NEVER))
        lift = np.ones(len(subs))
        for offer in np.unique(subs.offer[subs.treated]):
            treated = subs.treated & (subs.offer == offer)
            lift[treated] = self._calendar.code(int(offer)).terms.conversion_lift
        base = np.where(subs.with_card, conversion.with_card, conversion.without_card) * lift
        chance = base[:, None] * np.exp(conversion.health * self._grid.health)
        return self._for_all_views(subs.account, np.log(np.minimum(chance, conversion.highest)))

    def _changes(self, opening: Opening, outcomes: ObservedOutcomes) -> Array:
        """Return the log-likelihood of added seats, raised tiers, or neither where they were possible."""
        expansion, grid, span = self._parameters.expansion, self._grid, opening.span
        subs = opening.subs.take(opening.paying())
        hazards = self._neutral_hazards(opening, subs)
        account = subs.account
        trouble = outcomes.canceled | outcomes.paused | outcomes.failed | outcomes.lost
        calm = (subs.status == STATUS["active"]) & ~trouble[account]
        well = np.exp(expansion.health * grid.health)
        young = 1.0 + expansion.early * np.exp(
            -(span.index - subs.first_month) / expansion.early_months
        )
        grows = np.array(expansion.seats)[opening.accounts.segment[account]] * young
        grows = np.where(subs.seats < self._parameters.mix.seats_cap, grows, 0.0)
        rises = np.where(tier_of(subs.plan) < len(v.TIERS) - 1, expansion.upgrade, 0.0)
        # Nobody expands within a day of a renewal.
        room = np.where(hazards.renews, 1.0 - 2 * DAY / (span.end - span.start), 1.0)
        seen = _of_one_draw(
            outcomes.grown[account] | outcomes.raised[account], calm * room * (grows + rises), well
        )
        return self._for_all_views(account, seen)

    def _tickets(self, record: MonthRecord, outcomes: ObservedOutcomes) -> Array:
        """Return the log-likelihood of the number of tickets: Poisson, with more of them at low health."""
        support, presence, account = self._parameters.support, record.presence, self._views.account
        usual, complaints = ticket_means(
            self._parameters,
            record.span,
            presence.access_from,
            presence.access_until,
            outcomes.seats_paid,
            record.accounts.trial_users,
        )
        opened = np.searchsorted(record.accounts.account_id, record.tickets.account_id)
        count = np.bincount(opened, minlength=len(usual))[account, None]
        sick = -support.health * self._grid.health
        return count * sick - (usual + complaints)[account, None] * np.exp(sick)

    def _for_all_views(self, account: Array, seen: Array) -> Array:
        """Return the log-likelihoods of some accounts as rows for all followed accounts, 0 for the others."""
        total = np.zeros((len(self._views.account), len(self._grid.health)))
        total[self._rows(account)] = seen
        return total

    def _raise_health(self, row: Array) -> None:
        """Raise the health of accounts that come back to at least `reactivated`."""
        grid, least = self._grid, self._parameters.health.reactivated
        self._views.gone[row] = NONE
        for number, fit in enumerate(grid.fit):
            at = (least - fit - grid.off[0]) / SPACING
            low = int(np.clip(np.floor(at), 0, len(grid.off) - 2))
            part = float(np.clip(at - low, 0.0, 1.0))
            belief = self._views.belief[row, number]
            below = belief[:, : low + 1].sum(axis=1)
            belief[:, : low + 1] = 0.0
            belief[:, low] += (1.0 - part) * below
            belief[:, low + 1] += part * below
            self._views.belief[row, number] = belief

    # From the start of the month to its end.

    def _advance(self, record: MonthRecord) -> None:
        """Move the belief from the health at the start to that at the end, given the usage in between."""
        present = record.people.present
        counts = _count_days(self._parameters, self._dice, record)
        # Tastes of all users present: the belief for known users, and the prior for the others.
        known = np.searchsorted(self._user_id, present.user_id)
        known = np.minimum(known, max(len(self._user_id) - 1, 0))
        tastes = np.empty((len(present), *self._tastes.shape[1:]))
        tastes[:] = self._grid.taste_prior
        if len(self._user_id):
            old = self._user_id[known] == present.user_id
            tastes[old] = self._tastes[known[old]]

        views, followed = self._views, np.zeros(len(record.accounts), np.bool_)
        followed[views.account] = True
        seen = counts.user[followed[present.account[counts.user]]]
        counts = counts.take(np.searchsorted(counts.user, seen))
        account = present.account[seen]
        with_usage, begin = np.unique(account, return_index=True)
        row = np.searchsorted(views.account, with_usage)
        idle = np.ones(len(views.account), np.bool_)
        idle[row] = False
        views.belief[idle] = views.belief[idle] @ self._grid.steps
        table = _day_table(self._parameters, self._grid, record.span)
        bounds = np.append(begin, len(seen))
        for accounts in _chunks(bounds):
            users = slice(bounds[accounts.start], bounds[accounts.stop])
            views.belief[row[accounts]], tastes[seen[users]] = _through(
                self._grid,
                views.belief[row[accounts]],
                tastes[seen[users]],
                counts.take(users),
                bounds[accounts] - bounds[accounts.start],
                table,
            )
        kept = followed[present.account]
        self._user_id, self._tastes = present.user_id[kept], tastes[kept]

    def _drop_gone(self, span: Span, outcomes: ObservedOutcomes) -> None:
        """Drop accounts that can no longer become customers, or customers again."""
        views, months = self._views, self._parameters.expansion.reactivation_months
        ended = outcomes.canceled[views.account] | outcomes.lost[views.account]
        views.gone[ended] = span.index
        over = (views.gone != NONE) & (span.index - views.gone >= months)
        self._views = views.take(~(over | outcomes.expired[views.account]))


def _normalised(weights: Array) -> Array:
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _joined(views: Views, more: Views) -> Views:
    return Views(
        *(np.concatenate([getattr(views, name), getattr(more, name)]) for name in vars(views))
    )


def _of_one_draw(happened: Array, rate: Array, factor: Array) -> Array:
    """Return log-likelihoods, up to a constant, of an event with probability rate x factor; 0 at rate 0."""
    chance = rate[:, None] * factor
    happens = np.broadcast_to(np.log(factor), chance.shape)
    not_so = np.log1p(-np.minimum(chance, 0.95))
    return np.where(happened[:, None], happens, not_so)


def _observed_outcomes(opening: Opening, record: MonthRecord) -> ObservedOutcomes:
    """Return what the changes of the first subscriptions show."""
    size, changes = len(record.accounts), record.changes
    changes = changes.take(~changes.second)
    first = opening.subs.take(~opening.subs.second)
    account, at, kind = changes.account, changes.updated_at, changes.change
    renewal_at = np.full(size, NEVER)
    seats, status = np.zeros(size, np.int64), np.full(size, NONE)
    renewal_at[first.account] = opening.renewal_at()[~opening.subs.second]
    # If an account has several changes, the last one remains.
    seats[first.account], status[first.account] = first.seats, first.status
    seats[account], status[account] = changes.seats, changes.status
    paying = (status == STATUS["active"]) | (status == STATUS["past_due"])

    def where(rows: Array) -> Array:
        flags = np.zeros(size, np.bool_)
        flags[account[rows]] = True
        return flags

    within = at != renewal_at[account]
    canceled = kind == CHANGE["canceled"]
    voluntary = changes.cancellation == CANCELLATION["voluntary"]
    reseated, replanned = kind == CHANGE["seats_changed"], kind == CHANGE["plan_changed"]
    return ObservedOutcomes(
        canceled=where(canceled & voluntary),
        paused=where(kind == CHANGE["paused"]),
        lost=where(canceled & ~voluntary),
        failed=where(kind == CHANGE["payment_failed"]),
        grown=where(reseated & within),
        raised=where(replanned & within),
        returned=where(kind == CHANGE["reactivated"]),
        expired=where(kind == CHANGE["trial_expired"]),
        seats_paid=np.where(paying, seats, 0),
    )


@dataclass
class Counts:
    """Counts of observable days by kind (see `_kinds`), for users with at least one such day."""

    #: Position of each user among the users present.
    user: Array
    trial: Array
    #: Days with a login and days without one, by (user, kind).
    active: Array
    still: Array
    #: Sums over a user's days of w, w t and w t^2, where w is the weight of the day's kind and t the
    #: position of the day in the month (0 to 1).
    moments: Array
    #: Sums of 1 and of t over the days with a login. They are 0 for users near the ceiling of activity,
    #: because health does not influence their timing.
    timing: Array

    def take(self, index: Array | slice) -> Counts:
        return Counts(*(getattr(self, name)[index] for name in vars(self)))


def _kinds(parameters: Parameters) -> Array:
    """Return the factors of activity: working day, weekend day, and both after a request to cancel."""
    usage = parameters.usage
    return np.outer([1.0, usage.leaving], [1.0, usage.weekend]).ravel()


def _count_days(parameters: Parameters, dice: Dice, record: MonthRecord) -> Counts:
    """Count the days with and without a login, for users who could log in on at least one whole day."""
    span, users, presence = record.span, record.people.present, record.presence
    account = users.account
    begin = np.maximum(presence.access_from[account], users.created_at)
    end = np.where(users.deactivated_at == NEVER, span.end, users.deactivated_at)
    end = np.minimum(end, presence.access_until[account])
    first = np.maximum(-(-(begin - span.start) // DAY), 0)
    last = np.minimum((end - span.start) // DAY, span.days)
    seen = np.flatnonzero((presence.access_from[account] != NEVER) & (last > first))
    users, account, first, last = users.take(seen), account[seen], first[seen], last[seen]
    leaving = presence.leaving_from[account]
    leaves = np.where(leaving == NEVER, span.days, -(-(leaving - span.start) // DAY))
    leaves = np.clip(leaves, first, last)

    day = np.arange(span.days)
    weekend = (span.start // DAY + 3 + day) % 7 >= 5
    usual = up_time(parameters.outages, span) == 1.0
    position, kinds = day / span.days, _kinds(parameters)
    days = np.zeros((len(seen), len(kinds)))
    moments = np.zeros((len(seen), 3))
    for part, (since, until) in enumerate(((first, leaves), (leaves, last))):
        for kind, those in ((2 * part, ~weekend), (2 * part + 1, weekend)):
            counted = those & usual
            sums = [np.append(0.0, np.cumsum(counted * position**power)) for power in range(3)]
            days[:, kind] = sums[0][until] - sums[0][since]
            for power, total in enumerate(sums):
                moments[:, power] += kinds[kind] * (total[until] - total[since])

    active, timing = np.zeros(days.shape), np.zeros((len(seen), 2))
    for chunk in range(0, len(seen), 50_000):
        who, on = active_days(
            dice,
            parameters,
            span,
            users.take(np.arange(chunk, min(chunk + 50_000, len(seen)))),
            presence,
        )
        who = who + chunk
        counts = (on >= first[who]) & (on < last[who]) & usual[on]
        who, on = who[counts], on[counts]
        kind = 2 * (on >= leaves[who]) + weekend[on]
        found = np.bincount(who * len(kinds) + kind, minlength=active.size)
        active += found.reshape(active.shape)
        timing[:, 1] += np.bincount(who, position[on], minlength=len(seen))
    working = np.flatnonzero(kinds == 1.0)
    ceiling = active[:, working].sum(axis=1) > _CEILING * days[:, working].sum(axis=1)
    timing[:, 0] = active.sum(axis=1)
    timing[ceiling] = 0.0
    return Counts(
        seen, presence.is_trial[account].astype(np.int64), active, days - active, moments, timing
    )


def _day_table(parameters: Parameters, grid: Grid, span: Span) -> Array:
    """Return the log-likelihood of a day by (trial or not; active x kind, still x kind; rate).

    The logarithms of the rates are equidistant: they are the sums of the points of fit, off and taste.
    """
    usage = parameters.usage
    count = len(grid.health) + _STRIDE * (len(grid.taste) - 1)
    log_rate = grid.shows * (grid.health[0] + SPACING * np.arange(count)) + grid.taste[0]
    log_rate += np.log(usage.daily) + np.log(usage.season[span.month.number - 1])
    rates = np.exp(log_rate) * np.array([1.0, usage.trial])[:, None]
    chance = np.minimum(rates[:, None, :] * _kinds(parameters)[:, None], usage.highest)
    return np.concatenate([np.log(chance), np.log1p(-chance)], axis=1)


def _chunks(bounds: Array) -> Iterator[slice]:
    """Yield runs of accounts, each with a limited number of accounts and of users.

    `bounds` has the first user of each account, and at the end the number of users.
    """
    start, count = 0, len(bounds) - 1
    while start < count:
        stop = int(np.searchsorted(bounds, bounds[start] + _USERS, side="right")) - 1
        stop = min(max(stop, start + 1), start + _ACCOUNTS)
        yield slice(start, stop)
        start = stop


def _through(
    grid: Grid, belief: Array, tastes: Array, counts: Counts, begin: Array, table: Array
) -> tuple[Array, Array]:
    """Return the belief about some accounts at the end of the month, and the tastes of their users.

    Args:
        grid: the grid points.
        belief: the belief at the start of the month, by (account, fit, off).
        tastes: weights of the tastes, by (user, fit, taste).
        counts: the counts of the users' days.
        begin: the first user of each account.
        table: log-likelihoods of a day (see `_day_table`).
    """
    size, fits = len(grid.off), len(grid.fit)
    days = np.concatenate([counts.active, counts.still], axis=1)
    logs = np.where(counts.trial[:, None] == 1, days @ table[1], days @ table[0])
    likelihood = np.exp(logs - logs.max(axis=1, keepdims=True))
    # By (user, fit + taste, off): every sum of the three is a rate in the table.
    windows = sliding_window_view(likelihood, size, axis=1)[:, ::_STRIDE]
    by_user = np.zeros((len(tastes), fits, size))
    for number in range(len(grid.taste)):
        by_user += tastes[:, :, number, None] * windows[:, number : number + fits]
    by_user = np.maximum(by_user, 1e-300)
    of_account = np.add.reduceat(np.log(by_user), begin, axis=0)
    moments = np.add.reduceat(counts.moments, begin, axis=0)
    timing = np.add.reduceat(counts.timing, begin, axis=0)

    after, level = _over_paths(grid, belief, of_account, moments, timing)
    owner = np.repeat(np.arange(len(begin)), np.diff(np.append(begin, len(tastes))))
    cavity = level[owner] / by_user
    learned = np.empty_like(tastes)
    for number in range(len(grid.taste)):
        learned[:, :, number] = np.einsum("nfu,nfu->nf", cavity, windows[:, number : number + fits])
    learned *= tastes
    whole = learned.sum(axis=2, keepdims=True)
    # A fit that is ruled out keeps its tastes, because nothing is learned about them.
    return after, np.divide(learned, whole, out=tastes.copy(), where=whole > 0.0)


def _over_paths(
    grid: Grid, belief: Array, usage: Array, moments: Array, timing: Array
) -> tuple[Array, Array]:
    """Return the belief at the end of the month, and the level of health behind its usage, given fit.

    Along a path from health h to h + d the mean activity is, to second order, that of the level
    h + t d + w s d^2 / 2. Here t and s are the mean and the variance of the positions of the observable
    days in the month, and w is the weight of health (`Grid.shows`). Given the counts, their days have the
    likelihood exp(w (d sum(position) - logins (t d + w s d^2 / 2))), as long as activity is rare.

    Args:
        grid: the grid points.
        belief: the belief at the start of the month, by (account, fit, off).
        usage: log-likelihood of the counts, by (account, fit, level).
        moments: sums over the accounts' days (see `Counts.moments`).
        timing: sums over the accounts' days with a login (see `Counts.timing`).
    """
    size, count = len(grid.off), len(belief)
    fine = _halved(usage - usage.max(axis=(1, 2), keepdims=True))
    change = SPACING * np.arange(1 - size, size)
    exposed = np.maximum(moments[:, 0], 1e-300)
    mean = moments[:, 1] / exposed
    variance = moments[:, 2] / exposed - mean**2
    ahead = mean[:, None] * change + 0.5 * grid.shows * variance[:, None] * change**2
    when = grid.shows * (timing[:, 1:] * change - timing[:, :1] * ahead)
    when = np.exp(when - when.max(axis=1, keepdims=True))
    half_steps = np.rint(ahead / (SPACING / 2)).astype(np.int64)

    start = np.arange(size)
    by_change = start[None, :] - start[:, None] + size - 1
    levels = fine.shape[2]
    at = np.clip(2 * start[:, None] + half_steps[:, by_change], 0, levels - 1)
    paths = grid.steps * when[:, by_change]
    flat = at.reshape(count, 1, -1)
    weighed = np.take_along_axis(fine, flat, axis=2).reshape(count, -1, size, size)
    weighed *= paths[:, None]
    after = np.matmul(belief[:, :, None, :], weighed)[:, :, 0, :]

    key = (np.arange(count)[:, None, None] * size + start[:, None]) * levels + at
    reached = np.bincount(key.ravel(), paths.ravel(), minlength=count * size * levels)
    level = np.matmul(belief, reached.reshape(count, size, levels)) * fine
    return after / after.sum(axis=(1, 2), keepdims=True), _on_whole_levels(level)


def _halved(logs: Array) -> Array:
    """Return the exp of log-likelihoods at twice as many levels, with cubic interpolation."""
    fine = np.empty((*logs.shape[:2], 2 * logs.shape[2] - 1))
    fine[:, :, ::2] = logs
    fine[:, :, 1::2] = 0.5 * (logs[:, :, :-1] + logs[:, :, 1:])
    outer = logs[:, :, :-3] + logs[:, :, 3:]
    fine[:, :, 3:-3:2] = (9.0 * (logs[:, :, 1:-2] + logs[:, :, 2:-1]) - outer) / 16.0
    return np.exp(np.minimum(fine, 50.0, out=fine), out=fine)


def _on_whole_levels(weights: Array) -> Array:
    """Return the weights with half levels divided between whole levels, normalised given fit."""
    whole = weights[:, :, ::2].copy()
    whole[:, :, 1:] += 0.5 * weights[:, :, 1::2]
    whole[:, :, :-1] += 0.5 * weights[:, :, 1::2]
    return np.asarray(whole / np.maximum(whole.sum(axis=2, keepdims=True), 1e-300))
