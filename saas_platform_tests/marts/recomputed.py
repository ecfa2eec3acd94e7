"""Compute the metrics a second time, from the definitions in docs/metrics.md and the raw tables only.

Contains: accounts, MRR, retention, LTV, revenue and billing. Out of scope: users, trials and promotions
(recomputed_growth.py). This module shares neither code nor method with the models. It is plain Python and
pandas, handles one account at a time without intermediate sums, and computes in integer cents and decimals.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from typing import NamedTuple

import pandas as pd

from saas_platform.clock import Month

CENT = Decimal("0.01")
#: How long a subscription may stay in a status before it counts as ended, and the kind of churn in that case.
LIMITS = {"paused": timedelta(days=90), "past_due": timedelta(days=30)}
LAPSES = {"paused": "voluntary", "past_due": "involuntary"}
TICK = timedelta(microseconds=1)
ZERO = Decimal(0)


def ratio(numerator: Decimal | int, denominator: Decimal | int) -> float | None:
    return float(numerator) / float(denominator) if denominator else None


def to_the_cent(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_UP)


@dataclass(frozen=True)
class Movement:
    """A change of an account's MRR."""

    timestamp: datetime
    kind: str
    amount: Decimal
    churn_kind: str | None = None


class State(NamedTuple):
    """The state of a subscription at one point in time."""

    mrr: Decimal = ZERO
    list_mrr: Decimal = ZERO
    is_alive: bool = False


class Subscription:
    """The history of a subscription, which gives its state at any point in time."""

    def __init__(
        self, changes: list[dict], months_of_plan: dict[int, int], kind: str | None
    ) -> None:
        self._changes = sorted(changes, key=lambda change: change["change_no"])
        self._months_of_plan = months_of_plan
        self._cancellation_kind = kind

    def timestamps(self) -> Iterator[datetime]:
        """Yield when the state may have changed, which includes the end of a long pause or debt."""
        for change in self._changes:
            yield change["effective_at"]
        for start, status in self._spells():
            if status in LIMITS:
                yield start + LIMITS[status]

    def _spells(self) -> list[tuple[datetime, str]]:
        """Return when the subscription entered each status from another one."""
        pairs = zip([{"status": ""}, *self._changes], self._changes, strict=False)
        return [
            (after["effective_at"], after["status"])
            for before, after in pairs
            if after["status"] != before["status"]
        ]

    def _overdue(self, timestamp: datetime) -> str | None:
        """Return the status in which the subscription has been for too long, if there is one."""
        start, status = [spell for spell in self._spells() if spell[0] <= timestamp][-1]
        return status if status in LIMITS and timestamp >= start + LIMITS[status] else None

    def at(self, timestamp: datetime) -> State:
        """Return the state at the given time."""
        past = [change for change in self._changes if change["effective_at"] <= timestamp]
        if not past or self._overdue(timestamp):
            return State()
        change = past[-1]
        if change["status"] == "paused":
            return State(is_alive=True)
        if change["status"] not in ("active", "past_due"):
            return State()
        listed = Decimal(change["seats"]) * Decimal(change["unit_price_cents"]) / 100
        net = listed * (100 - Decimal(change["discount_percent"])) / 100
        months = self._months_of_plan[change["plan_id"]]
        return State(to_the_cent(net / months), to_the_cent(listed / months), True)

    def left_how(self, timestamp: datetime) -> str | None:
        """Return `voluntary` or `involuntary` if the subscription ends at exactly this time, else None."""
        if not self.at(timestamp - TICK).is_alive or self.at(timestamp).is_alive:
            return None
        overdue = self._overdue(timestamp)
        return LAPSES[overdue] if overdue else self._cancellation_kind


class Account:
    """An account with all its subscriptions."""

    def __init__(self, row: dict, subscriptions: list[Subscription], as_of: datetime) -> None:
        self.key = int(row["account_id"])
        self.segment = row["segment"]
        self.signed_up_at = row["signed_up_at"]
        self.subscriptions = subscriptions
        self.movements = list(self._movements(as_of))
        started = [m.timestamp for m in self.movements if m.kind == "new"]
        self.first_paid = Month.of(started[0]) if started else None

    def mrr(self, timestamp: datetime) -> Decimal:
        return sum((s.at(timestamp).mrr for s in self.subscriptions), ZERO)

    def list_mrr(self, timestamp: datetime) -> Decimal:
        return sum((s.at(timestamp).list_mrr for s in self.subscriptions), ZERO)

    def is_customer(self, timestamp: datetime) -> bool:
        past = [m for m in self.movements if m.timestamp <= timestamp]
        return bool(past) and past[-1].kind != "churn"

    def _movements(self, as_of: datetime) -> Iterator[Movement]:
        mrr, is_customer, was_customer = ZERO, False, False
        for timestamp in sorted(
            {m for s in self.subscriptions for m in s.timestamps() if m < as_of}
        ):
            states = [s.at(timestamp) for s in self.subscriptions]
            now, alive = sum((s.mrr for s in states), ZERO), any(s.is_alive for s in states)
            if not is_customer and now > 0:
                yield Movement(timestamp, "reactivation" if was_customer else "new", now)
                is_customer = was_customer = True
            elif is_customer and not alive:
                how = [k for s in self.subscriptions if (k := s.left_how(timestamp))]
                yield Movement(timestamp, "churn", -mrr, max(how))
                is_customer = False
            elif is_customer and now != mrr:
                yield Movement(timestamp, "expansion" if now > mrr else "contraction", now - mrr)
            mrr = now


class Metrics:
    """All metrics of a company. `raw` reads a table of the source."""

    def __init__(self, raw: Callable[[str], pd.DataFrame], as_of: datetime) -> None:
        self.raw = raw
        self.as_of = as_of

    @cached_property
    def accounts(self) -> list[Account]:
        plans, rows = self.raw("plans"), self.raw("subscriptions")
        lengths = {
            int(plan["plan_id"]): 12 if plan["billing_interval"] == "year" else 1
            for plan in plans.to_dict("records")
        }
        histories = defaultdict(list)
        for change in self.raw("subscription_changes").to_dict("records"):
            histories[change["subscription_id"]].append(change)
        owned = defaultdict(list)
        for row in rows.to_dict("records"):
            history = histories[row["subscription_id"]]
            owned[row["account_id"]].append(
                Subscription(history, lengths, row["cancellation_kind"] or None)
            )
        return [
            Account(row, owned[row["account_id"]], self.as_of)
            for row in self.raw("accounts").to_dict("records")
        ]

    @cached_property
    def months(self) -> list[Month]:
        first = min(Month.of(account.signed_up_at) for account in self.accounts)
        return list(first.until(Month.of(self.as_of - TICK)))

    @cached_property
    def closing(self) -> dict[Month, dict[int, tuple[Decimal, bool]]]:
        """The MRR of each account at the end of each month, and whether it is then a customer."""
        return {
            month: {
                account.key: (account.mrr(month.end - TICK), account.is_customer(month.end - TICK))
                for account in self.accounts
            }
            for month in self.months
        }

    def opening(self, month: Month) -> dict[int, tuple[Decimal, bool]]:
        """Return the closing values of the month before."""
        nothing = {account.key: (ZERO, False) for account in self.accounts}
        return self.closing.get(month.plus(-1), nothing)

    def retention(self, month: Month, months: int) -> tuple[float | None, float | None]:
        """Return NRR and GRR over the last `months` of the accounts that paid before them.

        For NRR, an account that churned in between counts as 0 even if it came back.
        """
        first = month.plus(1 - months)
        opening, closing = self.opening(first), self.closing[month]
        retained = kept = ZERO
        for account in self.accounts:
            start = opening[account.key][0]
            kept += min(start, closing[account.key][0])
            if start > 0:
                within = [m for m in account.movements if first.start <= m.timestamp < month.end]
                kinds = [m.kind for m in within]
                upto = kinds.index("churn") + 1 if "churn" in kinds else len(within)
                retained += start + sum((m.amount for m in within[:upto]), ZERO)
        paid = sum((mrr for mrr, _ in opening.values()), ZERO)
        return ratio(retained, paid), ratio(kept, paid)

    def mrr_month(self, month: Month) -> dict:
        opening, closing = self.opening(month), self.closing[month]
        moved: dict[str, Decimal] = defaultdict(Decimal)
        for account in self.accounts:
            for movement in account.movements:
                if Month.of(movement.timestamp) == month:
                    moved[movement.kind] += movement.amount
        (nrr, grr), (nrr_12m, grr_12m) = self.retention(month, 1), self.retention(month, 12)
        start = sum((mrr for mrr, _ in opening.values()), ZERO)
        end = sum((mrr for mrr, _ in closing.values()), ZERO)
        paying = sum(mrr > 0 for mrr, _ in closing.values())
        gained = moved["new"] + moved["expansion"] + moved["reactivation"]
        return {
            "opening_mrr": start,
            "closing_mrr": end,
            "arr": 12 * end,
            "paying_accounts": paying,
            "customers": sum(is_customer for _, is_customer in closing.values()),
            "arpa": to_the_cent(end / paying) if paying else None,
            "nrr": nrr,
            "grr": grr,
            "nrr_12m": nrr_12m,
            "grr_12m": grr_12m,
            "quick_ratio": ratio(gained, -(moved["contraction"] + moved["churn"])),
            **{
                f"{kind}_mrr": moved[kind]
                for kind in ("new", "expansion", "contraction", "churn", "reactivation")
            },
        }

    def churn_month(self, month: Month, segment: str) -> dict:
        opening, closing = self.opening(month), self.closing[month]
        there = [a for a in self.accounts if a.segment == segment and opening[a.key][1]]
        left = [a for a in there if not closing[a.key][1]]
        how = {
            a.key: [m for m in a.movements if m.kind == "churn" and m.timestamp < month.end][-1]
            for a in left
        }

        def lost(accounts: list[Account]) -> Decimal:
            return sum((opening[a.key][0] for a in accounts), ZERO)

        return {
            "opening_customers": len(there),
            "churned_customers": len(left),
            "churned_mrr": lost(left),
            "logo_churn_rate": ratio(len(left), len(there)),
            "revenue_churn_rate": ratio(lost(left), lost(there)),
            **{
                f"{kind}_churned_{unit}": count([a for a in left if how[a.key].churn_kind == kind])
                for kind in ("voluntary", "involuntary")
                for unit, count in (("customers", len), ("mrr", lost))
            },
        }

    def cohort(self, signup: Month, segment: str, k: int) -> dict:
        ever = [
            a
            for a in self.accounts
            if a.first_paid and a.segment == segment and Month.of(a.signed_up_at) == signup
        ]
        seen = [a for a in ever if a.first_paid and a.first_paid.plus(k).end <= self.as_of]
        at = [self.closing[a.first_paid.plus(k)][a.key] for a in seen if a.first_paid]
        first = sum((self.closing[a.first_paid][a.key][0] for a in seen if a.first_paid), ZERO)
        now = sum((mrr for mrr, _ in at), ZERO)
        kept = sum(is_customer for _, is_customer in at)
        return {
            "cohort_accounts": len(ever),
            "observed_accounts": len(seen),
            "retained_accounts": kept,
            "retained_mrr": now,
            "logo_retention": ratio(kept, len(seen)),
            "revenue_retention": ratio(now, first),
        }

    def segment_arpa(self, segment: str) -> Decimal | None:
        """Return the mean closing MRR of paying accounts, over the complete months since each first paid."""
        amounts = [
            self.closing[month][account.key][0]
            for account in self.accounts
            if account.segment == segment and account.first_paid
            for month in self.months
            if month >= account.first_paid and month.end <= self.as_of
        ]
        paying = [amount for amount in amounts if amount > 0]
        return to_the_cent(sum(paying, ZERO) / len(paying)) if paying else None

    def expected_months(self, segment: str) -> float:
        """Return the sum of S(t) over 36 months. A month with under 30 accounts takes the mean hazard."""
        risk: dict[int, int] = defaultdict(int)
        lost: dict[int, int] = defaultdict(int)
        for account in self.accounts:
            if account.segment != segment or account.first_paid is None:
                continue
            for k, month in enumerate(m for m in self.months if m >= account.first_paid):
                if month.end > self.as_of:
                    continue
                if k == 0 or self.opening(month)[account.key][1]:
                    risk[k] += 1
                    lost[k] += not self.closing[month][account.key][1]
        mean = sum(lost.values()) / sum(risk.values())
        left, total = 1.0, 0.0
        for k in range(36):
            left *= 1 - (lost[k] / risk[k] if risk[k] >= 30 else mean)
            total += left
        return total

    @cached_property
    def invoices(self) -> pd.DataFrame:
        rows = self.raw("invoices")
        return rows.assign(net_cents=rows["subtotal_cents"] - rows["discount_cents"])

    @cached_property
    def payments(self) -> pd.DataFrame:
        rows = self.raw("payments")
        columns = ["invoice_id", "net_cents", "total_cents"]
        return rows.merge(self.invoices[columns], on="invoice_id")

    @cached_property
    def first_failures(self) -> dict[Month, list[bool]]:
        """Whether each invoice recovered, by the month of its first failure."""
        outcomes: dict[Month, list[bool]] = defaultdict(list)
        charges = self.payments[self.payments["kind"] == "charge"]
        for _, attempts in charges.groupby("invoice_id"):
            failed = attempts[attempts["status"] == "failed"]["attempted_at"]
            good = attempts[attempts["status"] == "succeeded"]["attempted_at"]
            if len(failed):
                in_time = len(good) > 0 and good.min() < failed.min() + timedelta(days=30)
                outcomes[Month.of(failed.min())].append(bool(in_time))
        return outcomes

    @cached_property
    def receivables(self) -> list[tuple[datetime, datetime | None, int]]:
        """When each invoice was issued, when it was paid, written off or voided, and its total in cents."""
        found = []
        for invoice in self.invoices.to_dict("records"):
            settled = None if pd.isna(invoice["paid_at"]) else invoice["paid_at"]
            if settled is None and invoice["status"] in ("uncollectible", "void"):
                settled = invoice["updated_at"]
            found.append((invoice["issued_at"], settled, int(invoice["total_cents"])))
        return found

    @staticmethod
    def without_tax(payment: dict) -> Decimal:
        """Return a payment without tax in dollars: the net amount times the payment's share of the total."""
        amount, total = int(payment["amount_cents"]), int(payment["total_cents"])
        net = Decimal(amount) * int(payment["net_cents"]) / total if total else Decimal(amount)
        return to_the_cent(net / 100)

    @staticmethod
    def _in(month: Month, rows: pd.DataFrame, column: str) -> pd.DataFrame:
        """Return the rows whose timestamp lies in the month."""
        timestamps = pd.to_datetime(rows[column])
        return rows[(timestamps >= month.start) & (timestamps < month.end)]

    def revenue_month(self, month: Month) -> dict:
        sent = self._in(month, self.invoices[self.invoices["status"] != "void"], "issued_at")
        paid = self._in(month, self.payments, "attempted_at")
        paid = paid[paid["status"] == "succeeded"]
        refunds = paid[paid["kind"] == "refund"]
        refunded = sum((self.without_tax(row) for row in refunds.to_dict("records")), ZERO)
        given_up = self.invoices[self.invoices["status"] == "uncollectible"]
        written_off = _dollars(self._in(month, given_up, "updated_at")["net_cents"])
        net = _dollars(sent["net_cents"])
        return {
            "invoices": len(sent),
            "net_invoiced": net,
            "tax": _dollars(sent["tax_cents"]),
            "refunds": refunded,
            "written_off": written_off,
            "net_revenue": net - refunded - written_off,
            "cash_collected": _dollars(paid[paid["kind"] == "charge"]["amount_cents"]),
            "cash_refunded": _dollars(refunds["amount_cents"]),
        }

    def billing_month(self, month: Month) -> dict:
        charges = self.payments[self.payments["kind"] == "charge"]
        tried = self._in(month, charges, "attempted_at")
        failed = int((tried["status"] == "failed").sum())
        outcomes = self.first_failures[month]
        end = month.end
        owed = sum(
            total
            for issued_at, settled_at, total in self.receivables
            if issued_at < end and (settled_at is None or settled_at >= end)
        )
        billed = _dollars(self._in(month, self.invoices, "issued_at")["total_cents"])
        receivables = Decimal(owed) / 100
        days = (end - month.start).days
        matured = end + timedelta(days=30) <= self.as_of
        return {
            "attempted_charges": len(tried),
            "failed_charges": failed,
            "decline_rate": ratio(failed, len(tried)),
            "first_failures": len(outcomes),
            "recovered_failures": sum(outcomes) if matured else None,
            "recovery_rate": ratio(sum(outcomes), len(outcomes)) if matured else None,
            "billings": billed,
            "receivables": receivables,
            "dso_days": ratio(receivables * days, billed),
        }


def _dollars(cents: pd.Series) -> Decimal:
    return Decimal(int(cents.sum())) / 100
