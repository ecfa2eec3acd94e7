"""The properties of a realistic company, measured on its rows and, where stated, on its truth.

Contains: the measures, each a plain number. Out of scope: the targets (realism.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from saas_platform.clock import Month

Frames = dict[str, pd.DataFrame]
_PAYING = ("active", "past_due")
#: A discount above this percentage is deep.
_DEEP_PERCENT = 25
#: Child table, its timestamp, parent table, its timestamp: the child's must not be before the parent's.
CAUSES = (
    ("users", "created_at", "accounts", "signed_up_at"),
    ("subscriptions", "created_at", "accounts", "signed_up_at"),
    ("subscription_changes", "effective_at", "subscriptions", "created_at"),
    ("invoices", "issued_at", "subscriptions", "activated_at"),
    ("invoice_items", "created_at", "invoices", "issued_at"),
    ("payments", "attempted_at", "invoices", "issued_at"),
    ("promo_redemptions", "assigned_at", "accounts", "signed_up_at"),
    ("promo_redemptions", "assigned_at", "promo_codes", "starts_at"),
    ("usage_events", "occurred_at", "accounts", "signed_up_at"),
    ("usage_events", "occurred_at", "users", "created_at"),
    ("usage_events", "occurred_at", "features", "released_at"),
    ("support_tickets", "opened_at", "accounts", "signed_up_at"),
    ("support_tickets", "opened_at", "users", "created_at"),
)


@dataclass(frozen=True)
class World:
    """The end state of all tables, the truth, and the months that they cover."""

    tables: Frames
    truth: pd.DataFrame
    months: list[Month]

    @cached_property
    def changes(self) -> pd.DataFrame:
        """Changes with account, plan, MRR in cents and the timestamp of the next change."""
        changes = self.tables["subscription_changes"].merge(
            self.tables["subscriptions"][["subscription_id", "account_id", "cancellation_kind"]],
            on="subscription_id",
        )
        changes = changes.merge(self.tables["plans"][["plan_id", "billing_interval", "tier"]])
        changes = changes.sort_values(["subscription_id", "change_no"]).reset_index(drop=True)
        length = np.where(changes["billing_interval"] == "year", 12, 1)
        amount = (
            changes["seats"] * changes["unit_price_cents"] * (100 - changes["discount_percent"])
        )
        paying = changes["status"].isin(_PAYING)
        changes["paying"] = paying
        changes["is_yearly"] = changes["billing_interval"] == "year"
        changes["mrr"] = np.where(paying, amount / 100 / length, 0.0)
        changes["next_at"] = changes.groupby("subscription_id")["effective_at"].shift(-1)
        return changes

    def standing(self, timestamp: pd.Timestamp) -> pd.DataFrame:
        """Return the change in force for each subscription just before a timestamp."""
        changes = self.changes
        return changes[
            (changes["effective_at"] < timestamp)
            & (changes["next_at"].isna() | (changes["next_at"] >= timestamp))
        ]

    @cached_property
    def account_months(self) -> pd.DataFrame:
        """Accounts that pay at the start of a month, with MRR at start and end, churn and its kind."""
        frames = []
        ends = self.changes[self.changes["kind"] == "canceled"]
        for month in self.months:
            start, end = pd.Timestamp(month.start), pd.Timestamp(month.end)
            before = self.standing(start)
            before = before[before["paying"]]
            opening = before.groupby("account_id").agg(
                mrr=("mrr", "sum"),
                yearly=("is_yearly", "max"),
                subscriptions=("subscription_id", "count"),
            )
            gone = ends[ends["subscription_id"].isin(before["subscription_id"])]
            gone = gone[(gone["effective_at"] >= start) & (gone["effective_at"] < end)]
            ended = gone.groupby("account_id").agg(
                ended=("subscription_id", "count"),
                kind=("cancellation_kind", "last"),
                at=("effective_at", "max"),
            )
            opening = opening.join(ended)
            opening["churned"] = opening["ended"].fillna(0) == opening["subscriptions"]
            closing = self.standing(end).groupby("account_id")["mrr"].sum()
            opening["closing"] = closing.reindex(opening.index).fillna(0.0)
            opening["month"] = month.index
            frames.append(opening.reset_index())
        rows = pd.concat(frames, ignore_index=True)
        rows = rows.merge(self.tables["accounts"][["account_id", "segment"]])
        first = self.changes[self.changes["kind"] == "activated"]
        first_month = first.groupby("account_id")["effective_at"].min()
        year, number = first_month.dt.year, first_month.dt.month
        rows["tenure"] = rows["month"] - rows["account_id"].map(year * 12 + number - 1)
        return rows

    def churn_by_segment(self) -> dict[str, float]:
        """Return the monthly logo churn: churned accounts / accounts paying at the start of the month."""
        means = self.account_months.groupby("segment")["churned"].mean()
        return {str(segment): float(mean) for segment, mean in means.items()}

    def early_to_late_hazard(self) -> float:
        """Return the hazard of months 1-3 / that of months 12 and later, on monthly plans."""
        rows = self.account_months[~self.account_months["yearly"]]
        early = rows[rows["tenure"] <= 3]["churned"].mean()
        return float(early / rows[rows["tenure"] >= 12]["churned"].mean())

    def survival(self) -> np.ndarray:
        """Return the Kaplan-Meier survival of accounts on monthly plans, months 0 to 12."""
        rows = self.account_months[~self.account_months["yearly"]]
        hazard = rows.groupby("tenure")["churned"].mean().reindex(range(1, 13))
        return np.concatenate([[1.0], np.cumprod(1.0 - hazard.to_numpy())])

    def beta_geometric_r2(self) -> float:
        """Return R2 of the best shifted-beta-geometric curve through the survival curve."""
        seen = self.survival()
        best = -np.inf
        for alpha in np.geomspace(0.2, 20, 120):
            for beta in np.geomspace(0.5, 200, 160):
                step = (beta + np.arange(12)) / (alpha + beta + np.arange(12))
                fitted = np.concatenate([[1.0], np.cumprod(step)])
                error = ((seen - fitted) ** 2).sum() / ((seen - seen.mean()) ** 2).sum()
                best = max(best, 1.0 - error)
        return float(best)

    def involuntary_share(self) -> float:
        """Return the involuntary share of all churn."""
        churned = self.account_months[self.account_months["churned"]]
        return float((churned["kind"] == "involuntary").mean())

    def conversion(self) -> dict[bool, float]:
        """Return trials bought / trials that ended, by whether they required a card."""
        subs = self.tables["subscriptions"]
        done = subs[subs["trial_started_at"].notna() & (subs["status"] != "trialing")]
        bought = done["activated_at"].notna()
        return {
            card: float(bought[done["trial_with_card"] == card].mean()) for card in (False, True)
        }

    def decline_rate(self) -> float:
        """Return failed card charges / all card charges."""
        charges = self.tables["payments"]
        charges = charges[(charges["kind"] == "charge") & (charges["method"] == "card")]
        return float((charges["status"] == "failed").mean())

    def recovery_rate(self) -> float:
        """Return the paid fraction of the invoices whose first charge failed and which are settled."""
        payments = self.tables["payments"]
        failed = payments[(payments["status"] == "failed") & (payments["attempt_no"] == 1)]
        invoices = self.tables["invoices"].set_index("invoice_id").loc[failed["invoice_id"]]
        settled = invoices[invoices["status"] != "open"]
        return float((settled["status"] == "paid").mean())

    def recovered_early(self) -> float:
        """Return the fraction of recoveries on days 2 to 12."""
        payments = self.tables["payments"]
        first = payments[(payments["status"] == "failed") & (payments["attempt_no"] == 1)]
        paid = payments[(payments["status"] == "succeeded") & (payments["attempt_no"] > 1)]
        both = first.merge(paid[paid["kind"] == "charge"], on="invoice_id")
        days = (both["attempted_at_y"] - both["attempted_at_x"]).dt.days
        return float(((days >= 2) & (days <= 12)).mean())

    def yearly_share(self) -> dict[str, float]:
        """Return the share of annual plans among the paying accounts of the last month, by segment."""
        last = self.account_months[self.account_months["month"] == self.months[-1].index]
        means = last.groupby("segment")["yearly"].mean()
        return {str(segment): float(mean) for segment, mean in means.items()}

    def yearly_to_monthly_churn(self) -> float:
        """Return the monthly churn of accounts on annual plans / that of accounts on monthly plans."""
        churned = self.account_months.groupby("yearly")["churned"].mean()
        return float(churned[True] / churned[False])

    def retention(self) -> tuple[float, float]:
        """Return NRR and GRR of the last twelve months, for the accounts that pay at their start.

        Revenue that came back after a churn within them is reactivation and not in NRR (docs/metrics.md).
        """
        begin, end = pd.Timestamp(self.months[-12].start), pd.Timestamp(self.months[-1].end)
        opening = self.standing(begin).groupby("account_id")["mrr"].sum()
        opening = opening[opening > 0]
        closing = self.standing(end).groupby("account_id")["mrr"].sum()
        closing = closing.reindex(opening.index).fillna(0.0)
        kept = np.minimum(opening, closing).sum()
        back = self.changes[self.changes["kind"] == "reactivated"]
        back = back[(back["effective_at"] >= begin) & (back["effective_at"] < end)]
        net = closing[~closing.index.isin(back["account_id"])].sum()
        return float(net / opening.sum()), float(kept / opening.sum())

    def gained_from(self) -> dict[str, float]:
        """Return the shares of the MRR gained in the last twelve months: new, expansion, reactivation."""
        gained = {"new": 0.0, "expansion": 0.0, "reactivation": 0.0}
        seen: set[int] = set()
        before = pd.Series(dtype=float)
        for position, month in enumerate(self.months):
            after = self.standing(pd.Timestamp(month.end)).groupby("account_id")["mrr"].sum()
            both = pd.DataFrame({"before": before, "after": after}).fillna(0.0)
            rise = (both["after"] - both["before"]).clip(lower=0.0)
            was_zero = both["before"] == 0
            known = both.index.isin(seen)
            if position >= len(self.months) - 12:
                gained["new"] += rise[was_zero & ~known].sum()
                gained["reactivation"] += rise[was_zero & known].sum()
                gained["expansion"] += rise[~was_zero].sum()
            seen |= set(after[after > 0].index)
            before = after
        total = sum(gained.values())
        return {name: value / total for name, value in gained.items()}

    def top_tenth_of_mrr(self) -> float:
        """Return the share of the final MRR that belongs to the largest tenth of the paying accounts."""
        worth = self.standing(pd.Timestamp(self.months[-1].end)).groupby("account_id")["mrr"].sum()
        worth = worth[worth > 0].sort_values(ascending=False)
        return float(worth.iloc[: max(1, len(worth) // 10)].sum() / worth.sum())

    def usage_fall(self) -> float:
        """Return the fall of events in the 60 days before a voluntary churn, against the previous 60 days."""
        churned = self.account_months
        churned = churned[churned["churned"] & (churned["kind"] == "voluntary")]
        churned = churned[churned["tenure"] >= 5][["account_id", "at"]]
        events = self.tables["usage_events"][["account_id", "occurred_at"]].merge(churned)
        age = (events["at"] - events["occurred_at"]).dt.days
        near, far = ((age >= 0) & (age < 60)).sum(), ((age >= 60) & (age < 120)).sum()
        return float(1.0 - near / far)

    def stickiness(self) -> float:
        """Return mean DAU / MAU of the trailing 28 days (docs/metrics.md), averaged over twelve months."""
        events = self.tables["usage_events"].dropna(subset=["user_id"])
        events = events.assign(day=events["occurred_at"].dt.floor("D"))
        daily = events.groupby("day")["user_id"].nunique()
        parts = []
        for month in self.months[-12:]:
            start, end = pd.Timestamp(month.start), pd.Timestamp(month.end)
            trailing = (events["day"] >= end - pd.Timedelta(days=28)) & (events["day"] < end)
            within = (daily.index >= start) & (daily.index < end)
            parts.append(daily[within].mean() / events["user_id"][trailing].nunique())
        return float(np.mean(parts))

    def weekend_fall(self) -> float:
        """Return 1 - events per weekend day / events per working day."""
        day = self.tables["usage_events"]["occurred_at"].dt.floor("D").value_counts()
        weekend = pd.DatetimeIndex(day.index).dayofweek >= 5
        return float(1.0 - day[weekend].mean() / day[~weekend].mean())

    def early_rows(self) -> int:
        """Count rows that precede their cause, such as a login before signup (see CAUSES)."""
        return sum(before_cause(self.tables, *cause) for cause in CAUSES)

    def summer_dip_of_usage(self) -> float:
        """Return 1 - events per paying account and day in July, August / those in May, June, September."""
        when = self.tables["usage_events"]["occurred_at"].dt
        events = when.to_period("M").value_counts().sort_index()
        paying = self.account_months.groupby("month").size()
        paying.index = pd.PeriodIndex(
            [f"{m // 12}-{m % 12 + 1:02d}" for m in paying.index], freq="M"
        )
        level = (events / events.index.days_in_month / paying).dropna().iloc[-12:]
        number = level.index.month
        usual = level[(number == 5) | (number == 6) | (number == 9)].mean()
        return float(1.0 - level[(number == 7) | (number == 8)].mean() / usual)

    def log_skewness(self, what: str) -> float:
        """Return the skewness of log `seats`, `mrr` or `usage` for the accounts that pay at the end.

        It is 0 for a log-normal distribution. Usage is the number of events in the last month, for
        accounts that had any.
        """
        end = pd.Timestamp(self.months[-1].end)
        standing = self.standing(end)
        standing = standing[standing["mrr"] > 0]
        if what == "usage":
            events = self.tables["usage_events"]
            recent = events[events["occurred_at"] >= pd.Timestamp(self.months[-1].start)]
            recent = recent[recent["account_id"].isin(standing["account_id"])]
            values = recent["account_id"].value_counts()
        else:
            values = standing.groupby("account_id")[what].sum()
        return float(values.astype(float).map(np.log).skew())

    def holdouts_off(self) -> int:
        """Count campaigns whose holdout share is more than 4 standard errors from the planned one."""
        arms = self.tables["promo_redemptions"]
        held = (arms["arm"] == "holdout").groupby(arms["promo_code_id"]).agg(["mean", "size"])
        planned = self.tables["promo_codes"].set_index("promo_code_id")["holdout_percent"]
        share = planned.reindex(held.index) / 100
        error = (share * (1 - share) / held["size"]) ** 0.5
        return int(((held["mean"] - share).abs() > 4 * error).sum())

    @cached_property
    def renewals(self) -> pd.DataFrame:
        """Account-months with a monthly renewal, with true hazard and health and their causes.

        The columns are complaints and earlier_complaints (of the month before, and of the one before
        that), deep, loyal and plain (a code of that kind in force or used), log_seats, log_hazard and
        log_odds.
        """
        rows = self.account_months.merge(
            self.truth[["account_id", "month", "voluntary_hazard", "health"]],
            on=["account_id", "month"],
        )
        rows = rows[(rows["voluntary_hazard"] > 0) & ~rows["yearly"] & (rows["subscriptions"] == 1)]
        tickets = self.tables["support_tickets"]
        complaints = tickets[tickets["category"] == "complaint"]
        when = complaints["opened_at"].dt
        counts = complaints.groupby(
            [complaints["account_id"], (when.year * 12 + when.month - 1).rename("month")]
        ).size()
        for name, lag in (("complaints", 1), ("earlier_complaints", 2)):
            shifted = counts.rename(name).reset_index()
            shifted["month"] += lag
            rows = rows.merge(shifted, how="left", on=["account_id", "month"])
            rows[name] = rows[name].fillna(0.0)
        redeemed = self.tables["promo_redemptions"].dropna(subset=["redeemed_at"])
        redeemed = redeemed.merge(
            self.tables["promo_codes"][
                ["promo_code_id", "kind", "discount_percent", "duration_months"]
            ],
            on="promo_code_id",
        )
        at = redeemed["redeemed_at"].dt
        redeemed["since"] = at.year * 12 + at.month - 1
        redeemed = redeemed[["account_id", "kind", "discount_percent", "duration_months", "since"]]
        used = rows[["account_id", "month"]].merge(redeemed, on="account_id")
        used = used[used["month"] > used["since"]]
        deep = used[(used["kind"] == "acquisition") & (used["discount_percent"] > _DEEP_PERCENT)]
        over = used["since"] + used["duration_months"]
        loyal = used[(used["kind"] == "loyalty") & (used["month"] <= over)]
        plain = used[(used["kind"] == "acquisition") & (used["discount_percent"] <= _DEEP_PERCENT)]
        key = pd.MultiIndex.from_frame(rows[["account_id", "month"]])
        for name, part in (("deep", deep), ("loyal", loyal), ("plain", plain)):
            found = pd.MultiIndex.from_frame(part[["account_id", "month"]])
            rows[name] = key.isin(found).astype(float)
        standing = [
            self.standing(pd.Timestamp(month.start)).assign(month=month.index)
            for month in self.months
        ]
        seats = pd.concat(standing).groupby(["account_id", "month"])["seats"].max()
        rows["log_seats"] = np.log(seats.reindex(key).to_numpy().astype(float))
        rows["log_hazard"] = np.log(rows["voluntary_hazard"])
        rows["log_odds"] = np.log(rows["voluntary_hazard"] / (1.0 - rows["voluntary_hazard"]))
        return rows

    def _effect(self, outcome: str, cause: str) -> float:
        """Return exp of the coefficient of a cause in a regression on all observed causes."""
        rows = self.renewals
        rows = rows[rows["voluntary_hazard"] < 0.5]
        usual = [
            "complaints",
            "earlier_complaints",
            "deep",
            "loyal",
            "plain",
            "health",
            "log_seats",
        ]
        design = [rows[name].to_numpy(float) for name in usual]
        for column in ("segment", "tenure"):
            shown = rows[column].clip(upper=12) if column == "tenure" else rows[column]
            design += list(pd.get_dummies(shown).to_numpy(float).T[1:])
        matrix = np.column_stack([np.ones(len(rows)), *design])
        fitted = np.linalg.lstsq(matrix, rows[outcome].to_numpy(), rcond=None)[0]
        return float(np.exp(fitted[1 + usual.index(cause)]))

    def complaint_odds(self) -> float:
        """Return the odds ratio of churn for each complaint of the month before, all else being equal."""
        return self._effect("log_odds", "complaints")

    def deep_code_ratio(self) -> float:
        """Return the true hazard of accounts with a deep code / without one, all else being equal."""
        return self._effect("log_hazard", "deep")

    def loyalty_ratio(self) -> float:
        """Return the true hazard while a loyalty code holds / without one, all else being equal."""
        return self._effect("log_hazard", "loyal")

    def season(self) -> tuple[float, float]:
        """Return monthly signups: first half-year / second, and July and August / the year's mean."""
        when = self.tables["accounts"]["signed_up_at"].dt
        monthly = when.to_period("M").value_counts().sort_index()
        trend = np.exp(
            np.polyval(np.polyfit(range(len(monthly)), np.log(monthly), 1), range(len(monthly)))
        )
        level = monthly / trend
        number = level.index.month
        return (
            float(level[number <= 6].mean() / level[number > 6].mean()),
            float(level[(number == 7) | (number == 8)].mean() / level.mean()),
        )


def before_cause(tables: Frames, child: str, at: str, parent: str, since: str) -> int:
    """Count rows of a table whose timestamp is before that of their parent."""
    key = f"{parent.removesuffix('s')}_id"
    both = tables[child][[key, at]].dropna()
    cause = both[key].map(tables[parent].set_index(key)[since])
    return int((~(both[at] >= cause)).sum())
