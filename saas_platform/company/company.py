"""The company: from a seed, the rows of each month and the truth behind them.

Contains: the public class. Out of scope: the rules of the simulation.
"""

from __future__ import annotations

from collections import deque
from datetime import datetime

import pyarrow as pa

from saas_platform.clock import Month
from saas_platform.company import billing, people, promotions, subscription_rows, support, truth
from saas_platform.company.batch import ERASURES_SCHEMA, Batch
from saas_platform.company.config import CompanyConfig
from saas_platform.company.offering import Offering
from saas_platform.company.oracle import Observer
from saas_platform.company.randomness import Dice
from saas_platform.company.rendering import Versions, arrow_column, render
from saas_platform.company.simulator import MonthRecord, Simulator
from saas_platform.company.state import Invoices, Tickets
from saas_platform.company.timestamps import epoch_seconds
from saas_platform.company.usage import UsageMonth, usage_table
from saas_platform.schema import TABLES, arrow_schema

#: Months whose invoices may still change. Dunning and refunds end within 45 days of the invoice.
_OPEN_MONTHS = 3


class Company:
    """A synthetic company. Months may be requested in any order; ascending order is fastest.

    The simulator stays at the last month requested, so that months in order cost a single pass. A
    request for an earlier month restarts it.
    """

    def __init__(self, config: CompanyConfig) -> None:
        self._config = config
        self._dice = Dice(config.seed)
        self._parameters = config.parameters
        self._offering = Offering(self._parameters.prices, config.start)
        self._calendar = promotions.Calendar(self._dice, self._parameters.promotions, config.start)
        self._simulator = self._fresh()
        self._records: deque[MonthRecord] = deque(maxlen=_OPEN_MONTHS)

    def _fresh(self) -> Simulator:
        config = self._config
        return Simulator(config.seed, config.accounts, config.start, self._parameters)

    def _recent(self, month: Month) -> list[MonthRecord]:
        """Return the records of earlier months whose invoices may be open, and last that of the month."""
        if not self._records or self._records[-1].span.month > month:
            self._simulator = self._fresh()
            self._records.clear()
        while self._simulator.month <= month:
            self._records.append(self._simulator.advance())
        return list(self._records)

    def batch(self, month: Month, as_of: datetime) -> Batch:
        """Return the rows created or changed in [month.start, min(month.end, as_of)).

        Each row is in its state at the end of that span. The batch is empty for a month that begins at
        or after `as_of`, or before the company starts.
        """
        if month < self._config.start or month.start >= as_of:
            empty = {name: arrow_schema(table).empty_table() for name, table in TABLES.items()}
            return Batch(month, as_of, empty, ERASURES_SCHEMA.empty_table())
        recent = self._recent(month)
        record = recent[-1]
        cutoff = min(record.span.end, epoch_seconds(as_of))
        return Batch(month, as_of, self._rows(recent, cutoff), _erasures(record, cutoff))

    def _rows(self, recent: list[MonthRecord], cutoff: int) -> dict[str, pa.Table]:
        record, dice, parameters = recent[-1], self._dice, self._parameters
        accounts, start = record.accounts, record.span.start
        new = accounts.take(accounts.signup_month == record.span.index)
        invoices = Invoices.concat([r.invoices for r in recent])
        tickets = Tickets.concat([r.tickets for r in recent[-2:]])
        versions: dict[str, Versions] = {
            "plans": self._offering.plan_rows(),
            "promo_codes": self._calendar.rows(record.span.end),
            "accounts": people.account_rows(dice, new),
            "users": people.user_rows(dice, record.people.changed, accounts),
            "subscriptions": subscription_rows.subscription_rows(record.changes, accounts),
            "subscription_changes": subscription_rows.change_rows(record.changes),
            "invoices": billing.invoice_rows(invoices, accounts),
            "invoice_items": billing.item_rows(invoices),
            "payments": billing.payment_rows(dice, parameters.dunning, invoices, accounts),
            "promo_redemptions": promotions.redemption_rows(record.redemptions),
            "features": self._offering.feature_rows(),
            "support_tickets": support.ticket_rows(dice, parameters, tickets),
        }
        rows = {name: render(name, shown, start, cutoff) for name, shown in versions.items()}
        month = UsageMonth(record.span, accounts, record.people.present, record.presence)
        rows["usage_events"] = usage_table(dice, parameters, self._offering, month, cutoff)
        return {name: rows[name] for name in TABLES}

    def erasures(self, as_of: datetime) -> pa.Table:
        """Return all users erased before `as_of` (ERASURES_SCHEMA)."""
        simulator = self._fresh()
        parts = [ERASURES_SCHEMA.empty_table()]
        while simulator.month.start < as_of:
            parts.append(_erasures(simulator.advance(), epoch_seconds(as_of)))
        return pa.concat_tables(parts)

    def truth(self, as_of: datetime) -> dict[str, pa.Table]:
        """Return the truth of all months that began before `as_of` (see truth.py).

        `account_months` has one row per month and account that pays at the start of the month.
        `campaigns` has one row per campaign that has started.
        """
        simulator = self._fresh()
        months = [truth.ACCOUNT_MONTHS_SCHEMA.empty_table()]
        observer = Observer(self._parameters, self._dice, self._offering, self._calendar)
        while simulator.month.start < as_of:
            opening = simulator.opening()
            observable = observer.hazards(opening)
            record = simulator.advance()
            observer.observe(opening, record)
            months.append(truth.account_months(record, observable))
        return {
            "account_months": pa.concat_tables(months),
            "campaigns": truth.campaigns(self._calendar.codes(epoch_seconds(as_of))),
        }


def _erasures(record: MonthRecord, cutoff: int) -> pa.Table:
    erased = record.people.erased
    erased = erased.take(erased.erased_at < cutoff)
    fields = list(ERASURES_SCHEMA)
    return pa.table(
        [arrow_column(erased.user_id, fields[0]), arrow_column(erased.erased_at, fields[1])],
        schema=ERASURES_SCHEMA,
    )
