"""Write the raw tables of hand-written companies, and fill in everything that a test does not care about.

Contains: `RawCompany`, which collects rows, and `load`, which writes them to the raw tables of a DuckDB file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from saas_platform.schema import TABLES, arrow_schema

MONTHLY, YEARLY = 1, 2
START = datetime(2025, 1, 1)


def timestamp(text: str) -> datetime:
    """Parse an ISO date or timestamp."""
    return datetime.fromisoformat(text)


@dataclass(frozen=True)
class Change:
    """A change of a subscription, with its commercial state from then on."""

    at: str
    kind: str
    status: str = "active"
    seats: int = 1
    price: int = 10_000
    discount: int = 0
    plan: int = MONTHLY


@dataclass
class RawCompany:
    """The rows of each table. The tests choose the keys of accounts, from which all other keys follow."""

    rows: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: {t: [] for t in TABLES})

    def __post_init__(self) -> None:
        for plan, interval, price in ((MONTHLY, "month", 10_000), (YEARLY, "year", 100_000)):
            self._add(
                "plans",
                plan_id=plan,
                code=f"team_{interval}ly",
                name="Team",
                tier="team",
                billing_interval=interval,
                seat_price_cents=price,
                trial_days=14,
            )
        for feature, is_key in ((1, True), (2, False)):
            self._add(
                "features",
                feature_id=feature,
                code=f"feature_{feature}",
                name="Feature",
                category="core",
                is_key=is_key,
                released_at=START,
            )

    def account(self, account: int, signed_up_at: str = "2025-01-02", segment: str = "smb") -> None:
        self._add(
            "accounts",
            account_id=account,
            name=f"Company {account}",
            domain=f"company{account}.example",
            industry="software",
            segment=segment,
            employee_count=10,
            country="US",
            language="en",
            acquisition_channel="organic",
            signed_up_at=timestamp(signed_up_at),
        )

    def subscription(self, account: int, *changes: Change, ordinal: int = 1, **columns: Any) -> int:
        """Add a subscription with its history. Its own row is its last state. Returns its key."""
        key = account * 100 + ordinal
        last = changes[-1]
        paid = [c for c in changes if c.status == "active"]
        ended = timestamp(last.at) if last.status in ("canceled", "expired") else None
        canceled = last.status == "canceled"
        self._add(
            "subscriptions",
            **{
                "subscription_id": key,
                "account_id": account,
                "plan_id": last.plan,
                "promo_code_id": None,
                "status": last.status,
                "seats": last.seats,
                "unit_price_cents": last.price,
                "discount_percent": last.discount,
                "payment_method": "card",
                "trial_started_at": None,
                "trial_ends_at": None,
                "trial_with_card": False,
                "activated_at": timestamp(paid[0].at) if paid else None,
                "current_period_start": None,
                "current_period_end": None,
                "cancel_requested_at": None,
                "ended_at": ended,
                "cancellation_kind": "voluntary" if canceled else None,
                "cancellation_reason": "too_expensive" if canceled else None,
                **columns,
            },
        )
        for number, change in enumerate(changes, start=1):
            self._add(
                "subscription_changes",
                change_id=key * 1000 + number,
                subscription_id=key,
                change_no=number,
                kind=change.kind,
                effective_at=timestamp(change.at),
                status=change.status,
                plan_id=change.plan,
                seats=change.seats,
                unit_price_cents=change.price,
                discount_percent=change.discount,
            )
        return key

    def invoice(
        self,
        subscription: int,
        period: tuple[str, str],
        lines: Sequence[tuple[str, int]],
        *,
        discount: int = 0,
        tax: int = 0,
        paid_at: str | None = None,
        charges: Sequence[tuple[str, str]] = (),
        refunds: Mapping[str, int] | None = None,
        **columns: Any,
    ) -> None:
        """Add an invoice with its items and payments.

        Args:
            subscription: the key of the subscription.
            period: the start and the end of the billed period.
            lines: a (kind, cents) pair for each item.
            discount: the discount in cents.
            tax: the tax in cents.
            paid_at: when the invoice was paid, or None if it is open.
            charges: a (timestamp, status) pair for each charge.
            refunds: the cents of each refund, by timestamp.
            **columns: values that replace those of other columns.
        """
        key = (
            subscription * 100
            + 1
            + sum(i["subscription_id"] == subscription for i in self.rows["invoices"])
        )
        subtotal = sum(amount for _, amount in lines)
        total = subtotal - discount + tax
        start, end = map(timestamp, period)
        self._add(
            "invoices",
            **{
                "invoice_id": key,
                "subscription_id": subscription,
                "number": f"INV-{key}",
                "status": "paid" if paid_at else "open",
                "issued_at": start,
                "due_at": start + timedelta(days=14),
                "period_start": start,
                "period_end": end,
                "subtotal_cents": subtotal,
                "discount_cents": discount,
                "tax_cents": tax,
                "total_cents": total,
                "paid_at": timestamp(paid_at) if paid_at else None,
                **columns,
            },
        )
        for number, (kind, amount) in enumerate(lines, start=1):
            self._add(
                "invoice_items",
                invoice_item_id=key * 100 + number,
                invoice_id=key,
                line_no=number,
                kind=kind,
                plan_id=MONTHLY,
                quantity=1,
                unit_price_cents=amount,
                amount_cents=amount,
            )
        tried = [(at, "charge", status, total) for at, status in charges]
        tried += [(at, "refund", "succeeded", cents) for at, cents in (refunds or {}).items()]
        for number, (at, kind, status, amount) in enumerate(tried, start=1):
            self._add(
                "payments",
                payment_id=key * 100 + number,
                invoice_id=key,
                attempt_no=number,
                kind=kind,
                method="card",
                status=status,
                failure_code="card_declined" if status == "failed" else None,
                amount_cents=amount,
                attempted_at=timestamp(at),
            )

    def user(self, account: int, ordinal: int, created_at: str = "2025-01-02") -> int:
        key = account * 1000 + ordinal
        self._add(
            "users",
            user_id=key,
            account_id=account,
            email=f"user{key}@example.com",
            full_name="Some Body",
            role="member",
            device="desktop",
            deactivated_at=None,
            created_at=timestamp(created_at),
        )
        return key

    def use(self, account: int, user: int | None, at: str, feature: int | None = None) -> None:
        """Add a use of a feature, or a login if no feature is given."""
        self._add(
            "usage_events",
            event_id=len(self.rows["usage_events"]) + 1,
            occurred_at=timestamp(at),
            account_id=account,
            user_id=user,
            event_type="login" if feature is None else "feature_use",
            feature_id=feature,
        )

    def ticket(self, account: int, opened_at: str, category: str = "question") -> None:
        self._add(
            "support_tickets",
            ticket_id=len(self.rows["support_tickets"]) + 1,
            account_id=account,
            user_id=None,
            category=category,
            priority="normal",
            status="open",
            subject="Help",
            opened_at=timestamp(opened_at),
            first_response_at=None,
            resolved_at=None,
            satisfaction=None,
        )

    def promo_code(self, promo: int, kind: str, discount: int) -> None:
        self._add(
            "promo_codes",
            promo_code_id=promo,
            code=f"CODE{promo}",
            campaign=f"Campaign {promo}",
            kind=kind,
            discount_percent=discount,
            duration_months=3,
            holdout_percent=20,
            starts_at=START,
            ends_at=datetime(2025, 3, 1),
        )

    def offer(
        self, promo: int, account: int, arm: str, at: str, used: tuple[str, int] | None = None
    ) -> None:
        """Add an offer to an account, in an arm of the promotion.

        Args:
            promo: the key of the promo code.
            account: the key of the account.
            arm: `treated` or `holdout`.
            at: when the account was assigned to the arm.
            used: when and on which subscription the account used the code, or None if it did not.
        """
        self._add(
            "promo_redemptions",
            promo_redemption_id=account * 1000 + promo,
            promo_code_id=promo,
            account_id=account,
            arm=arm,
            assigned_at=timestamp(at),
            redeemed_at=timestamp(used[0]) if used else None,
            subscription_id=used[1] if used else None,
        )

    def _add(self, table: str, **columns: Any) -> None:
        stamps = (
            {"created_at": START, "updated_at": START} if "created_at" in TABLES[table].c else {}
        )
        self.rows[table].append({**stamps, **columns, "row_version": 1})

    def tables(self) -> dict[str, pa.Table]:
        """Return the rows as Arrow tables. A missing, extra or wrongly typed column is an error."""
        made = {}
        for name, table in TABLES.items():
            schema = arrow_schema(table, with_row_version=True)
            for row in self.rows[name]:
                assert set(row) == set(schema.names), (name, set(row) ^ set(schema.names))
            made[name] = pa.Table.from_pylist(self.rows[name], schema=schema)
        return made


def load(path: Path, tables: Mapping[str, pa.Table]) -> None:
    """Write the tables as `raw.*` to a new DuckDB file."""
    with duckdb.connect(str(path)) as connection:
        load_into(connection, tables)


def load_into(connection: duckdb.DuckDBPyConnection, tables: Mapping[str, pa.Table]) -> None:
    """Write the tables as `raw.*`, with the column `_sync_id` that a sync adds."""
    connection.execute("CREATE SCHEMA raw")
    for name, rows in tables.items():
        connection.register("given", rows)
        connection.execute(f"CREATE TABLE raw.{name} AS SELECT *, 'sync-1' AS _sync_id FROM given")
        connection.unregister("given")
