"""A company as the observer sees it: hazards, outcomes and usage features of each account-month.

Contains: the run that the oracle's tests evaluate, and a particle filter as an independent reference. Out of
scope: expectations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from saas_platform.clock import Month
from saas_platform.company.hazards import known_score, list_rise, renewals
from saas_platform.company.offering import Offering, is_yearly, tier_of
from saas_platform.company.oracle import Observer
from saas_platform.company.promotions import Calendar
from saas_platform.company.randomness import Dice
from saas_platform.company.simulator import MonthRecord, Opening, Simulator
from saas_platform.company.state import CANCELLATION, CHANGE, STATUS, Subscriptions
from saas_platform.company.support import ticket_means
from saas_platform.company.timestamps import DAY, NEVER
from saas_platform.company.usage import active_days
from saas_platform.schema import vocabulary
from saas_platform_tests.company.world import DEFAULT, START

PARAMETERS = DEFAULT.parameters


@dataclass
class Watched:
    """A simulator and its observer, both at the same month."""

    dice: Dice
    offering: Offering
    calendar: Calendar
    simulator: Simulator
    observer: Observer

    @classmethod
    def of(cls, seed: int, accounts: int, start: Month = START) -> Watched:
        dice = Dice(seed)
        calendar = Calendar(dice, PARAMETERS.promotions, start)
        offering = Offering(PARAMETERS.prices, start)
        observer = Observer(PARAMETERS, dice, offering, calendar)
        return cls(dice, offering, calendar, Simulator(seed, accounts, start, PARAMETERS), observer)

    def step(self) -> tuple[Opening, MonthRecord, tuple[np.ndarray, np.ndarray]]:
        """Advance by a month. Return its opening, its record and its observable hazards."""
        opening = self.simulator.opening()
        hazards = self.observer.hazards(opening)
        record = self.simulator.advance()
        self.observer.observe(opening, record)
        return opening, record, hazards


def watch(seed: int, accounts: int = 5000, months: int = 24) -> pd.DataFrame:
    """Return a row per account-month: true and observable hazards, churn by kind, usage features."""
    watched, frames = Watched.of(seed, accounts), []
    logins: list[np.ndarray] = []
    for _ in range(months):
        opening, record, (voluntary, involuntary) = watched.step()
        subs = opening.subs.take(opening.paying())
        account, truth = subs.account, record.hazards
        changes = record.changes
        ends = changes.take((changes.change == CHANGE["canceled"]) & ~changes.second)
        kind = np.full(len(record.accounts), -1)
        kind[ends.account] = ends.cancellation
        before = [np.append(m, np.zeros(len(record.accounts) - len(m))) for m in logins[-2:]]
        before = [np.zeros(len(record.accounts))] * (2 - len(before)) + before
        frames.append(
            pd.DataFrame(
                {
                    "account": account,
                    "month": record.span.index,
                    "voluntary": truth.voluntary,
                    "involuntary": truth.involuntary,
                    "seen_voluntary": voluntary,
                    "seen_involuntary": involuntary,
                    "left": kind[account] == CANCELLATION["voluntary"],
                    "lost": kind[account] == CANCELLATION["involuntary"],
                    "log_last": np.log1p(before[1][account]),
                    "trend": np.log1p(before[1][account]) - np.log1p(before[0][account]),
                    "log_tenure": np.log1p(record.span.index - subs.first_month),
                    "log_seats": np.log(subs.seats),
                    "yearly": is_yearly(subs.plan).astype(float),
                    "due": (truth.voluntary > 0).astype(float),
                    "tier": tier_of(subs.plan).astype(float),
                    "past_due": (subs.status == STATUS["past_due"]).astype(float),
                    "segment": truth.segment.astype(float),
                }
            )
        )
        present = record.people.present
        access = record.presence.access_from[present.account] != NEVER
        users = present.take(access)
        who, _ = active_days(watched.dice, PARAMETERS, record.span, users, record.presence)
        logins.append(np.bincount(users.account[who], minlength=len(record.accounts)))
    return pd.concat(frames, ignore_index=True)


class Particles:
    """The belief about one account as many draws of its latent values, resampled after each observation.

    The filter follows the simulator's rules day by day, without a grid, a monthly level or an assumed
    density. It is valid for accounts that never failed to pay, paused, left or came back.
    """

    def __init__(self, row: int, count: int, watched: Watched) -> None:
        self.row, self.count, self.watched = row, count, watched
        self.random = np.random.default_rng(row)
        health = PARAMETERS.health
        self.fit = health.fit_sigma * self.random.standard_normal(count)
        self.health = self.fit + health.entry_sigma * self.random.standard_normal(count)
        self.price = self.random.standard_normal(count)
        self.taste: dict[int, np.ndarray] = {}

    def month(self, opening: Opening, record: MonthRecord) -> float:
        """Process a month. Return its voluntary hazard as of its start, NaN if no renewal was due."""
        mine = opening.paying()
        subs = opening.subs.take(mine[opening.subs.account[mine] == self.row])
        hazard = float("nan")
        if len(subs):
            due = bool(renewals(subs, opening.span)[0][0])
            if due:
                chance = self._chance(opening, subs)
                hazard = float(chance.mean())
                self._resample(np.log1p(-chance))
            self._see_expansion(opening, record, subs, due)
        self._see_conversion(record)
        self._see_tickets(record, subs)
        self._live(record)
        return hazard

    def _chance(self, opening: Opening, subs: Subscriptions) -> np.ndarray:
        churn, segment = PARAMETERS.churn, opening.accounts.segment[subs.account]
        offering, span = self.watched.offering, opening.span
        rise = list_rise(offering, subs, renewals(subs, span)[1])
        # An account that kept its old price at an earlier renewal is grandfathered. One without such a
        # renewal may be.
        kept = offering.price_list(subs.period_start) > subs.price_list
        part = 1.0 if kept[0] else PARAMETERS.prices.grandfathered

        def chance(rise: np.ndarray) -> np.ndarray:
            complaints = opening.complaints[subs.account]
            known = known_score(PARAMETERS, subs, segment, complaints, rise, span)
            score = known - churn.health * self.health + churn.price_sensitivity * self.price
            return np.minimum(subs.hazard_ratio / (1.0 + np.exp(-score)), churn.highest)

        return part * chance(0.0 * rise) + (1.0 - part) * chance(rise)

    def _resample(self, log_likelihood: np.ndarray) -> None:
        """Weight the draws with a log-likelihood and resample them."""
        weight = np.exp(log_likelihood - log_likelihood.max())
        bounds = np.cumsum(weight / weight.sum())
        drawn = (np.arange(self.count) + self.random.random()) / self.count
        index = np.minimum(np.searchsorted(bounds, drawn), self.count - 1)
        self.fit, self.health, self.price = (x[index] for x in (self.fit, self.health, self.price))
        self.taste = {user: taste[index] for user, taste in self.taste.items()}

    def _mine(self, record: MonthRecord, change: str) -> Subscriptions:
        changes = record.changes
        mine = (changes.account == self.row) & ~changes.second
        return changes.take(mine & (changes.change == CHANGE[change]))

    def _see_expansion(
        self, opening: Opening, record: MonthRecord, subs: Subscriptions, due: bool
    ) -> None:
        expansion, span = PARAMETERS.expansion, opening.span
        at_renewal = int(renewals(subs, span)[1][0])
        more = [self._mine(record, change) for change in ("seats_changed", "plan_changed")]
        expanded = any((changes.updated_at != at_renewal).any() for changes in more)
        age = int(span.index - subs.first_month[0])
        young = 1.0 + expansion.early * np.exp(-age / expansion.early_months)
        rate = expansion.seats[opening.accounts.segment[self.row]] * young
        rate += expansion.upgrade if tier_of(subs.plan)[0] < len(vocabulary.TIERS) - 1 else 0.0
        rate *= 1.0 - 2 * DAY / (span.end - span.start) if due else 1.0
        factor = np.exp(expansion.health * self.health)
        self._resample(np.log(factor) if expanded else np.log1p(-np.minimum(rate * factor, 0.95)))

    def _see_conversion(self, record: MonthRecord) -> None:
        conversion, bought = PARAMETERS.conversion, self._mine(record, "activated")
        if len(bought) and bought.trial_started_at[0] != NEVER:
            base = conversion.with_card if bought.with_card[0] else conversion.without_card
            if bought.treated[0]:
                code = self.watched.calendar.code(int(bought.offer[0]))
                base *= code.terms.conversion_lift
            chance = base * np.exp(conversion.health * self.health)
            self._resample(np.log(np.minimum(chance, conversion.highest)))

    def _see_tickets(self, record: MonthRecord, subs: Subscriptions) -> None:
        presence, changes = record.presence, record.changes
        last = changes.take((changes.account == self.row) & ~changes.second)
        last = last if len(last) else subs
        paying = len(last) and last.status[-1] != STATUS["trialing"]
        usual, complaints = ticket_means(
            PARAMETERS,
            record.span,
            presence.access_from[[self.row]],
            presence.access_until[[self.row]],
            np.array([last.seats[-1] if paying else 0]),
            record.accounts.trial_users[[self.row]],
        )
        count = (record.tickets.account_id == record.accounts.account_id[self.row]).sum()
        sick = -PARAMETERS.support.health * self.health
        self._resample(count * sick - (usual + complaints)[0] * np.exp(sick))

    def _live(self, record: MonthRecord) -> None:
        """Draw paths of health through the month and weight them by every day of every user."""
        health, span, row = PARAMETERS.health, record.span, self.row
        away = health.persistence * (self.health - self.fit)
        noise = health.noise_sigma * self.random.standard_normal(self.count)
        shock = self.random.random(self.count) < health.shock_probability
        after = self.fit + away + noise - health.shock_depth * shock
        seen = np.zeros(self.count)
        users = record.people.present.take(record.people.present.account == row)
        who, on = active_days(self.watched.dice, PARAMETERS, span, users, record.presence)
        for number, user in enumerate(users.user_id.tolist()):
            if user not in self.taste:
                drawn = self.random.standard_normal(self.count)
                self.taste[user] = np.exp(PARAMETERS.usage.user_sigma * drawn)
            active = on[who == number].tolist()
            begin = max(record.presence.access_from[row], users.created_at[number])
            end = users.deactivated_at[number]
            end = min(record.presence.access_until[row], span.end if end == NEVER else end)
            for day in range(span.days):
                start = span.start + day * DAY
                if begin <= start and start + DAY <= end:
                    here = self.health + (after - self.health) * (day / span.days)
                    chance = self._activity(record, day, self.taste[user] * np.exp(here))
                    seen += np.log(chance) if day in active else np.log1p(-chance)
        self.health = after
        self._resample(seen)

    def _activity(self, record: MonthRecord, day: int, own: np.ndarray) -> np.ndarray:
        usage, span = PARAMETERS.usage, record.span
        weekend = (span.start // DAY + 3 + day) % 7 >= 5
        factor = usage.daily * PARAMETERS.usage.season[span.month.number - 1]
        factor *= usage.weekend if weekend else 1.0
        factor *= usage.trial if record.presence.is_trial[self.row] else 1.0
        return np.minimum(factor * own, usage.highest)
