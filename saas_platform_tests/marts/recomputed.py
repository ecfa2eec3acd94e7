"""The metrics computed once more, from METRICS.md and the raw tables alone.

It shares no code and no method with the models: plain Python and pandas, one account at a time, with
nothing summed up in steps, in integers of cents and decimals.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property

import pandas as pd

from saas_platform.clock import Month

CENT = Decimal("0.01")
PAUSE = timedelta(days=90)
TICK = timedelta(microseconds=1)
ZERO = Decimal(0)


def ratio(numerator: Decimal | int, denominator: Decimal | int) -> float | None:
    return float(numerator) / float(denominator) if denominator else None


@dataclass(frozen=True)
class Movement:
    moment: datetime
    kind: str
    amount: Decimal
    churn_kind: str | None = None


class Subscription:
    """The history of a subscription: its state at any moment."""

    def __init__(
        self, changes: list[dict], months_of_plan: dict[int, int], kind: str | None
    ) -> None:
        self._changes = sorted(changes, key=lambda change: change["change_no"])
        self._months_of_plan = months_of_plan
        self._cancellation_kind = kind

    def moments(self) -> Iterator[datetime]:
        """When something may have changed, the end of a long pause included."""
        for change in self._changes:
            yield change["effective_at"]
        for start in self._pause_starts():
            yield start + PAUSE

    def _pause_starts(self) -> list[datetime]:
        pairs = zip([{"status": ""}, *self._changes], self._changes, strict=False)
        return [
            after["effective_at"]
            for before, after in pairs
            if after["status"] == "paused" and before["status"] != "paused"
        ]

    def at(self, moment: datetime) -> tuple[Decimal, bool]:
        """MRR, and whether it is alive."""
        past = [change for change in self._changes if change["effective_at"] <= moment]
        if not past:
            return ZERO, False
        state = past[-1]
        if state["status"] == "paused":
            start = max(s for s in self._pause_starts() if s <= moment)
            return ZERO, moment < start + PAUSE
        if state["status"] not in ("active", "past_due"):
            return ZERO, False
        dollars = (
            Decimal(state["seats"])
            * Decimal(state["unit_price_cents"])
            * (100 - Decimal(state["discount_percent"]))
            / 100
            / 100
            / self._months_of_plan[state["plan_id"]]
        )
        return dollars.quantize(CENT, ROUND_HALF_UP), True

    def left_how(self, moment: datetime) -> str | None:
        """voluntary or involuntary, where it ends at the moment."""
        if not self.at(moment - TICK)[1] or self.at(moment)[1]:
            return None
        if self._cancellation_kind:
            return self._cancellation_kind
        before = [c for c in self._changes if c["effective_at"] < moment][-1]
        return "involuntary" if before["status"] == "past_due" else "voluntary"


class Account:
    """An account's subscriptions together."""

    def __init__(self, row: dict, subscriptions: list[Subscription], as_of: datetime) -> None:
        self.key = int(row["account_id"])
        self.segment = row["segment"]
        self.signed_up_at = row["signed_up_at"]
        self.subscriptions = subscriptions
        self.movements = list(self._movements(as_of))
        started = [m.moment for m in self.movements if m.kind == "new"]
        self.first_paid = Month.of(started[0]) if started else None

    def mrr(self, moment: datetime) -> Decimal:
        return sum((s.at(moment)[0] for s in self.subscriptions), ZERO)

    def is_customer(self, moment: datetime) -> bool:
        past = [m for m in self.movements if m.moment <= moment]
        return bool(past) and past[-1].kind != "churn"

    def _movements(self, as_of: datetime) -> Iterator[Movement]:
        mrr, is_customer, was_customer = ZERO, False, False
        for moment in sorted({m for s in self.subscriptions for m in s.moments() if m < as_of}):
            states = [s.at(moment) for s in self.subscriptions]
            now, alive = sum((m for m, _ in states), ZERO), any(a for _, a in states)
            if not is_customer and now > 0:
                yield Movement(moment, "reactivation" if was_customer else "new", now)
                is_customer = was_customer = True
            elif is_customer and not alive:
                how = [k for s in self.subscriptions if (k := s.left_how(moment))]
                yield Movement(moment, "churn", -mrr, max(how))
                is_customer = False
            elif is_customer and now != mrr:
                yield Movement(moment, "expansion" if now > mrr else "contraction", now - mrr)
            mrr = now


class Metrics:
    """All metrics of a company; `raw` reads a source table."""

    def __init__(self, raw: Callable[[str], pd.DataFrame], as_of: datetime) -> None:
        self._raw = raw
        self.as_of = as_of

    @cached_property
    def accounts(self) -> list[Account]:
        plans, rows = self._raw("plans"), self._raw("subscriptions")
        lengths = {
            int(p.plan_id): 12 if p.billing_interval == "year" else 1 for p in plans.itertuples()
        }
        histories = defaultdict(list)
        for change in self._raw("subscription_changes").to_dict("records"):
            histories[change["subscription_id"]].append(change)
        owned = defaultdict(list)
        for row in rows.to_dict("records"):
            history = histories[row["subscription_id"]]
            owned[row["account_id"]].append(
                Subscription(history, lengths, row["cancellation_kind"] or None)
            )
        return [
            Account(row, owned[row["account_id"]], self.as_of)
            for row in self._raw("accounts").to_dict("records")
        ]

    @cached_property
    def months(self) -> list[Month]:
        first = min(Month.of(account.signed_up_at) for account in self.accounts)
        return list(first.until(Month.of(self.as_of - TICK)))

    @cached_property
    def closing(self) -> dict[Month, dict[int, tuple[Decimal, bool]]]:
        """MRR and whether a customer, of each account at the end of each month."""
        return {
            month: {
                account.key: (account.mrr(month.end - TICK), account.is_customer(month.end - TICK))
                for account in self.accounts
            }
            for month in self.months
        }

    def opening(self, month: Month) -> dict[int, tuple[Decimal, bool]]:
        nothing = {account.key: (ZERO, False) for account in self.accounts}
        return self.closing.get(month.plus(-1), nothing)

    def mrr_month(self, month: Month) -> dict:
        opening, closing = self.opening(month), self.closing[month]
        moved: dict[str, Decimal] = defaultdict(Decimal)
        kept_moves = ZERO
        for account in self.accounts:
            for movement in account.movements:
                if Month.of(movement.moment) == month:
                    moved[movement.kind] += movement.amount
                    if opening[account.key][0] > 0 and movement.kind != "reactivation":
                        kept_moves += movement.amount
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
            "arpa": (end / paying).quantize(CENT, ROUND_HALF_UP) if paying else None,
            "nrr": ratio(start + kept_moves, start),
            "grr": ratio(sum((min(opening[k][0], closing[k][0]) for k in opening), ZERO), start),
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
            a.key: [m for m in a.movements if m.kind == "churn" and m.moment < month.end][-1]
            for a in left
        }
        return {
            "opening_customers": len(there),
            "churned_customers": len(left),
            "churned_mrr": sum((opening[a.key][0] for a in left), ZERO),
            "logo_churn_rate": ratio(len(left), len(there)),
            **{
                f"{kind}_churned_customers": sum(m.churn_kind == kind for m in how.values())
                for kind in ("voluntary", "involuntary")
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

    def expected_months(self, segment: str) -> float:
        """The sum of S(t) over 36 months; a month seen by fewer than 30 takes the mean hazard."""
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
        rows = self._raw("invoices")
        return rows.assign(net_cents=rows["subtotal_cents"] - rows["discount_cents"])

    @cached_property
    def payments(self) -> pd.DataFrame:
        rows = self._raw("payments")
        columns = ["invoice_id", "net_cents", "total_cents"]
        return rows.merge(self.invoices[columns], on="invoice_id")

    @cached_property
    def first_failures(self) -> dict[Month, list[bool]]:
        """For each month, of the invoices that first failed in it, whether they recovered."""
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
        """Each invoice: when it was sent, when it was paid, given up or withdrawn, and its cents."""
        found = []
        for invoice in self.invoices.to_dict("records"):
            settled = None if pd.isna(invoice["paid_at"]) else invoice["paid_at"]
            if settled is None and invoice["status"] in ("uncollectible", "void"):
                settled = invoice["updated_at"]
            found.append((invoice["issued_at"], settled, int(invoice["total_cents"])))
        return found

    @staticmethod
    def _in(month: Month, rows: pd.DataFrame, column: str) -> pd.DataFrame:
        """The rows whose moment lies in the month."""
        moments = pd.to_datetime(rows[column])
        return rows[(moments >= month.start) & (moments < month.end)]

    def revenue_month(self, month: Month) -> dict:
        sent = self._in(month, self.invoices[self.invoices["status"] != "void"], "issued_at")
        paid = self._in(month, self.payments, "attempted_at")
        paid = paid[paid["status"] == "succeeded"]
        refunds = paid[paid["kind"] == "refund"]
        refunded = sum(
            (
                (
                    Decimal(int(r.amount_cents)) * int(r.net_cents) / int(r.total_cents) / 100
                ).quantize(CENT, ROUND_HALF_UP)
                for r in refunds.itertuples()
            ),
            ZERO,
        )
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
            "failed_charges": int((tried["status"] == "failed").sum()),
            "first_failures": len(outcomes),
            "recovered_failures": sum(outcomes) if matured else None,
            "billings": billed,
            "receivables": receivables,
            "dso_days": ratio(receivables * days, billed),
        }


def _dollars(cents: pd.Series) -> Decimal:
    return Decimal(int(cents.sum())) / 100
