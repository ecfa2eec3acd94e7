"""The 13 tables of the company's source database, in foreign-key order.

Conventions: surrogate integer keys named `<entity>_id`; `*_cents` is money in US cents; every time is
UTC. A comment of a column is its entry in the data dictionary.
"""

from __future__ import annotations

import sqlalchemy as sa

from saas_platform.schema import vocabulary as v
from saas_platform.schema.columns import (
    cents,
    choice,
    flag,
    key,
    moment,
    reference,
    row_version,
    stamps,
    text,
    whole,
)
from saas_platform.schema.slices import Slice, slice_of

metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

#: An erasure looks for the rows that name a user, and never for those that name none.
_NAMES_USER = sa.text("user_id IS NOT NULL")
_BY_MONTH = {"slice": Slice("created_at", "month")}

plans = sa.Table(
    "plans",
    metadata,
    key("plan_id", "Surrogate key"),
    text("code", 32, "Natural key, such as `team_monthly`"),
    text("name", 64, "Name on the price page"),
    *choice("tier", v.TIERS, "Rung of the price page"),
    *choice("billing_interval", v.BILLING_INTERVALS, "How long one invoice covers"),
    cents("seat_price_cents", "List price of one seat for one billing interval"),
    whole("trial_days", "Days of free trial; 0 where the plan has none", plausible=(0, 366)),
    *stamps(),
    row_version(),
    sa.UniqueConstraint("code"),
    sa.CheckConstraint("seat_price_cents >= 0", name="price_not_negative"),
    sa.CheckConstraint("trial_days >= 0", name="trial_not_negative"),
    comment="What can be bought: one row per tier and billing interval",
)

promo_codes = sa.Table(
    "promo_codes",
    metadata,
    key("promo_code_id", "Surrogate key"),
    text("code", 32, "Natural key: what the customer types"),
    text("campaign", 64, "Campaign that gives the code out"),
    *choice("kind", v.PROMO_KINDS, "Whether it wins new customers or keeps present ones"),
    whole("discount_percent", "Part of the seat price taken off, 1 to 100"),
    whole("duration_months", "Months the discount lasts; NULL: for ever", nullable=True),
    whole("holdout_percent", "Part of the eligible accounts kept without the offer, at random"),
    moment("starts_at", "First moment of the campaign (UTC)"),
    moment("ends_at", "First moment after the campaign, also when exhausted (UTC)"),
    *stamps(),
    row_version(),
    sa.UniqueConstraint("code"),
    sa.CheckConstraint("discount_percent BETWEEN 1 AND 100", name="discount_in_range"),
    sa.CheckConstraint("duration_months > 0", name="duration_positive"),
    sa.CheckConstraint("holdout_percent BETWEEN 0 AND 100", name="holdout_in_range"),
    sa.CheckConstraint("ends_at > starts_at", name="ends_after_start"),
    comment="Promo codes, one per campaign",
)

features = sa.Table(
    "features",
    metadata,
    key("feature_id", "Surrogate key"),
    text("code", 32, "Natural key"),
    text("name", 64, "Name in the product"),
    *choice("category", v.FEATURE_CATEGORIES, "Area of the product"),
    flag("is_key", "Whether its first use is the activation event"),
    moment("released_at", "When customers first had it (UTC)"),
    *stamps(),
    row_version(),
    sa.UniqueConstraint("code"),
    comment="Features of the product, as usage events name them",
)

accounts = sa.Table(
    "accounts",
    metadata,
    key("account_id", "Surrogate key: year and month of signup, then the ordinal within it"),
    text("name", 120, "Company name"),
    text("domain", 120, "Natural key: the company's internet domain"),
    *choice("industry", v.INDUSTRIES, "Industry the company works in"),
    *choice("segment", v.SEGMENTS, "Size class of the company, told at signup"),
    # No employer has more than a few million people.
    whole("employee_count", "Employees, told at signup", plausible=(1, 3_000_000)),
    *choice("country", v.COUNTRIES, "ISO 3166-1 alpha-2 code of the company's seat"),
    *choice("language", v.LANGUAGES, "ISO 639-1 code of the language chosen at signup"),
    *choice("acquisition_channel", v.CHANNELS, "Where the signup came from"),
    moment("signed_up_at", "When the account was opened (UTC)"),
    *stamps(),
    row_version(),
    sa.UniqueConstraint("domain"),
    sa.CheckConstraint("employee_count > 0", name="employees_positive"),
    comment="Customer companies, one row per signup",
    info=_BY_MONTH,
)

users = sa.Table(
    "users",
    metadata,
    key("user_id", "Surrogate key: the account's, then the ordinal within it"),
    reference("account_id", "accounts.account_id", "Account the user belongs to"),
    text("email", 254, "Natural key: login address", pii="email"),
    text("full_name", 120, "Name of the person", pii="name"),
    *choice("role", v.ROLES, "What the user may do in the account"),
    *choice("device", v.DEVICES, "Device the user mostly works on"),
    moment("deactivated_at", "When the seat was taken away (UTC)", nullable=True),
    *stamps(),
    row_version(),
    sa.UniqueConstraint("email"),
    sa.Index(None, "account_id"),
    comment="People with a login; a user is deleted on an erasure request (GDPR)",
    info=_BY_MONTH,
)

subscriptions = sa.Table(
    "subscriptions",
    metadata,
    key("subscription_id", "Surrogate key: the account's, then the ordinal within it"),
    reference("account_id", "accounts.account_id", "Account that pays"),
    reference("plan_id", "plans.plan_id", "Plan now, or at the end"),
    reference("promo_code_id", "promo_codes.promo_code_id", "Promo code in force", nullable=True),
    *choice("status", v.SUBSCRIPTION_STATUSES, "Where the subscription stands"),
    whole("seats", "Seats paid for", plausible=(1, 1_000_000)),
    cents("unit_price_cents", "Agreed price of one seat for one billing interval, before discount"),
    whole("discount_percent", "Discount in force, 0 to 100"),
    *choice(
        "payment_method", v.PAYMENT_METHODS, "How it is paid; NULL: none given yet", nullable=True
    ),
    moment("trial_started_at", "Start of the trial; NULL: none (UTC)", nullable=True),
    moment("trial_ends_at", "End of the trial; NULL: none (UTC)", nullable=True),
    flag("trial_with_card", "Whether the trial asked for a card"),
    moment("activated_at", "Start of the first paid period; NULL: never paid (UTC)", nullable=True),
    moment("current_period_start", "Start of the billing period (UTC)", nullable=True),
    moment("current_period_end", "First moment after the billing period (UTC)", nullable=True),
    moment("cancel_requested_at", "When the customer asked to cancel (UTC)", nullable=True),
    moment("ended_at", "When it ended; NULL: it has not (UTC)", nullable=True),
    *choice(
        "cancellation_kind",
        v.CANCELLATION_KINDS,
        "Who ended a paid one; NULL: nobody",
        nullable=True,
    ),
    *choice("cancellation_reason", v.CANCELLATION_REASONS, "Reason for that end", nullable=True),
    *stamps(),
    row_version(),
    sa.Index(None, "account_id"),
    sa.CheckConstraint("seats > 0", name="seats_positive"),
    sa.CheckConstraint("unit_price_cents >= 0", name="price_not_negative"),
    sa.CheckConstraint("discount_percent BETWEEN 0 AND 100", name="discount_in_range"),
    sa.CheckConstraint("current_period_end > current_period_start", name="period_in_order"),
    sa.CheckConstraint(
        "(cancellation_kind IS NULL AND cancellation_reason IS NULL)"
        " OR (cancellation_kind IS NOT NULL AND cancellation_reason IS NOT NULL)",
        name="cancellation_explained",
    ),
    comment="Agreements to pay for a plan, trials included; one row per spell, in its present state",
    info=_BY_MONTH,
)

subscription_changes = sa.Table(
    "subscription_changes",
    metadata,
    key("change_id", "Surrogate key: the subscription's, then the ordinal within it"),
    reference("subscription_id", "subscriptions.subscription_id", "Subscription that changed"),
    whole("change_no", "Natural key within the subscription: 1, 2, 3 ... in order of effect"),
    *choice("kind", v.CHANGE_KINDS, "What happened"),
    moment("effective_at", "From when it holds (UTC)"),
    *choice("status", v.SUBSCRIPTION_STATUSES, "Status from then on"),
    reference("plan_id", "plans.plan_id", "Plan from then on"),
    whole("seats", "Seats from then on", plausible=(1, 1_000_000)),
    cents(
        "unit_price_cents",
        "Price of one seat for one billing interval from then on, before discount",
    ),
    whole("discount_percent", "Discount from then on, 0 to 100"),
    *stamps(),
    row_version(),
    sa.UniqueConstraint("subscription_id", "change_no"),
    sa.CheckConstraint("seats > 0", name="seats_positive"),
    sa.CheckConstraint("unit_price_cents >= 0", name="price_not_negative"),
    sa.CheckConstraint("discount_percent BETWEEN 0 AND 100", name="discount_in_range"),
    comment="History of each subscription: its whole commercial state after every change",
    info=_BY_MONTH,
)

invoices = sa.Table(
    "invoices",
    metadata,
    key("invoice_id", "Surrogate key: the subscription's, then the ordinal within it"),
    reference("subscription_id", "subscriptions.subscription_id", "Subscription that is billed"),
    text("number", 32, "Natural key: number printed on the invoice"),
    *choice("status", v.INVOICE_STATUSES, "Where its payment stands"),
    moment("issued_at", "When it was sent (UTC)"),
    moment("due_at", "When it is due (UTC)"),
    moment("period_start", "Start of what it covers (UTC)"),
    moment("period_end", "First moment after what it covers (UTC)"),
    cents("subtotal_cents", "Sum of the items"),
    cents("discount_cents", "Taken off by a promo code"),
    cents("tax_cents", "Tax on subtotal less discount"),
    cents("total_cents", "subtotal - discount + tax"),
    moment("paid_at", "When it was paid in full (UTC)", nullable=True),
    *stamps(),
    row_version(),
    sa.UniqueConstraint("number"),
    sa.Index(None, "subscription_id"),
    sa.CheckConstraint("period_end > period_start", name="period_in_order"),
    sa.CheckConstraint("total_cents = subtotal_cents - discount_cents + tax_cents", name="adds_up"),
    sa.CheckConstraint("discount_cents >= 0", name="discount_not_negative"),
    sa.CheckConstraint("tax_cents >= 0", name="tax_not_negative"),
    comment="Invoices, one row per billing period or mid-period upgrade",
    info=_BY_MONTH,
)

invoice_items = sa.Table(
    "invoice_items",
    metadata,
    key("invoice_item_id", "Surrogate key: the invoice's, then the line number"),
    reference("invoice_id", "invoices.invoice_id", "Invoice the line stands on"),
    whole("line_no", "Natural key within the invoice: 1, 2, 3 ..."),
    *choice("kind", v.ITEM_KINDS, "What is charged"),
    reference("plan_id", "plans.plan_id", "Plan that is charged"),
    whole("quantity", "Seats", plausible=(1, 1_000_000)),
    cents(
        "unit_price_cents", "Price of one seat for the time the line covers; negative for a credit"
    ),
    cents("amount_cents", "quantity x unit price"),
    *stamps(),
    row_version(),
    sa.UniqueConstraint("invoice_id", "line_no"),
    sa.CheckConstraint("quantity > 0", name="quantity_positive"),
    sa.CheckConstraint("amount_cents = quantity * unit_price_cents", name="adds_up"),
    comment="Lines of the invoices",
    info=_BY_MONTH,
)

payments = sa.Table(
    "payments",
    metadata,
    key("payment_id", "Surrogate key: the invoice's, then the ordinal within it"),
    reference("invoice_id", "invoices.invoice_id", "Invoice that is paid or refunded"),
    whole("attempt_no", "Natural key within the invoice: 1, 2, 3 ..."),
    *choice("kind", v.PAYMENT_KINDS, "Charge, or money given back"),
    *choice("method", v.PAYMENT_METHODS, "How it was paid"),
    *choice("status", v.PAYMENT_STATUSES, "How it ended"),
    *choice("failure_code", v.FAILURE_CODES, "Why it failed; NULL: it did not", nullable=True),
    cents("amount_cents", "Money moved or tried, always positive"),
    moment("attempted_at", "When it was tried (UTC)"),
    *stamps(),
    row_version(),
    sa.UniqueConstraint("invoice_id", "attempt_no"),
    sa.CheckConstraint("amount_cents >= 0", name="amount_not_negative"),
    sa.CheckConstraint(
        "(status = 'failed' AND failure_code IS NOT NULL)"
        " OR (status <> 'failed' AND failure_code IS NULL)",
        name="failure_explained",
    ),
    comment="Attempts to collect an invoice, and refunds",
    info=_BY_MONTH,
)

promo_redemptions = sa.Table(
    "promo_redemptions",
    metadata,
    key("promo_redemption_id", "Surrogate key: the account's, then the promo code's"),
    reference("promo_code_id", "promo_codes.promo_code_id", "Code that was offered or held back"),
    reference("account_id", "accounts.account_id", "Account that was eligible"),
    *choice("arm", v.PROMO_ARMS, "Offered the code, or kept without it at random as the holdout"),
    moment("assigned_at", "When the account was put into its arm (UTC)"),
    moment("redeemed_at", "When the code was used; NULL: it was not (UTC)", nullable=True),
    reference(
        "subscription_id",
        "subscriptions.subscription_id",
        "Subscription the code was used on; NULL: it was not",
        nullable=True,
    ),
    *stamps(),
    row_version(),
    sa.UniqueConstraint("promo_code_id", "account_id"),
    sa.Index(None, "account_id"),
    sa.CheckConstraint("arm = 'treated' OR redeemed_at IS NULL", name="holdout_never_redeems"),
    sa.CheckConstraint(
        "(redeemed_at IS NULL AND subscription_id IS NULL)"
        " OR (redeemed_at IS NOT NULL AND subscription_id IS NOT NULL)",
        name="redeemed_on_subscription",
    ),
    comment="Every account eligible for a campaign: treated or held out at random, and what came of it",
    info=_BY_MONTH,
)

usage_events = sa.Table(
    "usage_events",
    metadata,
    key("event_id", "Surrogate key: calendar month, account, ordinal within both"),
    moment("occurred_at", "When it happened (UTC)"),
    reference("account_id", "accounts.account_id", "Account the user belonged to"),
    reference(
        "user_id",
        "users.user_id",
        "User who acted; NULL: erased on request",
        nullable=True,
        on_delete="SET NULL",
    ),
    *choice("event_type", v.EVENT_TYPES, "What happened"),
    reference("feature_id", "features.feature_id", "Feature used; NULL: a login", nullable=True),
    row_version(),
    sa.Index(None, "user_id", mssql_where=_NAMES_USER),
    sa.Index(None, "occurred_at"),
    sa.CheckConstraint(
        "(event_type = 'login' AND feature_id IS NULL)"
        " OR (event_type = 'feature_use' AND feature_id IS NOT NULL)",
        name="feature_named",
    ),
    comment="Product events: logins and feature use, append-only but for erasures",
    info={"slice": Slice("occurred_at", "day")},
)

support_tickets = sa.Table(
    "support_tickets",
    metadata,
    key("ticket_id", "Surrogate key: account, month of its life, ordinal within it"),
    reference("account_id", "accounts.account_id", "Account that asks"),
    reference(
        "user_id",
        "users.user_id",
        "User who asks; NULL: erased on request",
        nullable=True,
        on_delete="SET NULL",
    ),
    *choice(
        "category", v.TICKET_CATEGORIES, "What it is about; a complaint raises the odds of churn"
    ),
    *choice("priority", v.TICKET_PRIORITIES, "How urgent"),
    *choice("status", v.TICKET_STATUSES, "Where it stands"),
    text("subject", 200, "First line of the ticket", pii="free_text"),
    moment("opened_at", "When it was opened (UTC)"),
    moment("first_response_at", "When it was first answered (UTC)", nullable=True),
    moment("resolved_at", "When it was solved (UTC)", nullable=True),
    whole("satisfaction", "Mark from 1 (bad) to 5 (good); NULL: none given", nullable=True),
    *stamps(),
    row_version(),
    sa.Index(None, "account_id"),
    sa.Index(None, "user_id", mssql_where=_NAMES_USER),
    sa.CheckConstraint("satisfaction BETWEEN 1 AND 5", name="satisfaction_in_range"),
    comment="Support tickets",
    info=_BY_MONTH,
)

#: Every table by name, parents before children: the order to write in; reversed, to delete in.
TABLES: dict[str, sa.Table] = {table.name: table for table in metadata.tables.values()}

# The sync asks each table for what is above its watermark, so that cost follows the change, and for the
# rows of each slice: on SQL Server this index answers both, and the table itself is not read.
for _table in TABLES.values():
    _cut = slice_of(_table)
    sa.Index(None, _table.c.row_version, mssql_include=[_cut.column] if _cut else [])
