"""The 13 tables of the company's source database, in foreign-key order.

Conventions: surrogate keys are integers named `<entity>_id`; `*_cents` columns hold money in US cents;
every timestamp is in UTC. A column's comment is its entry in the data dictionary.
"""

from __future__ import annotations

import sqlalchemy as sa

from saas_platform.schema import vocabulary as v
from saas_platform.schema.columns import (
    cents,
    choice,
    flag,
    integer,
    key,
    reference,
    row_version,
    text,
    timestamp,
    timestamps,
)
from saas_platform.schema.slices import Slicing, slicing_of

metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

#: An erasure searches only for rows that name a user, so the index leaves the other rows out.
_NAMES_USER = sa.text("user_id IS NOT NULL")
_BY_MONTH = {"slice": Slicing("created_at", "month")}

plans = sa.Table(
    "plans",
    metadata,
    key("plan_id", "Surrogate key"),
    text("code", 32, "Natural key, such as `team_monthly`"),
    text("name", 64, "Name shown on the price page"),
    *choice("tier", v.TIERS, "Tier on the price page"),
    *choice("billing_interval", v.BILLING_INTERVALS, "Period that one invoice covers"),
    cents("seat_price_cents", "List price of one seat for one billing interval"),
    integer("trial_days", "Days of free trial; 0 if the plan has none", plausible=(0, 366)),
    *timestamps(),
    row_version(),
    sa.UniqueConstraint("code"),
    sa.CheckConstraint("seat_price_cents >= 0", name="price_not_negative"),
    sa.CheckConstraint("trial_days >= 0", name="trial_not_negative"),
    comment="Plans for sale, one row per tier and billing interval",
)

promo_codes = sa.Table(
    "promo_codes",
    metadata,
    key("promo_code_id", "Surrogate key"),
    text("code", 32, "Natural key: the code that the customer enters"),
    text("campaign", 64, "Campaign that issues the code"),
    *choice("kind", v.PROMO_KINDS, "Whether the code wins new customers or keeps existing ones"),
    integer("discount_percent", "Discount on the seat price in percent, 1 to 100"),
    integer("duration_months", "Months the discount lasts; NULL if it never ends", nullable=True),
    integer("holdout_percent", "Percentage of eligible accounts held out from the offer at random"),
    timestamp("starts_at", "Start of the campaign (UTC)"),
    timestamp("ends_at", "End of the campaign, exclusive (UTC); earlier if the codes run out"),
    *timestamps(),
    row_version(),
    sa.UniqueConstraint("code"),
    sa.CheckConstraint("discount_percent BETWEEN 1 AND 100", name="discount_in_range"),
    sa.CheckConstraint("duration_months > 0", name="duration_positive"),
    sa.CheckConstraint("holdout_percent BETWEEN 0 AND 100", name="holdout_in_range"),
    sa.CheckConstraint("ends_at > starts_at", name="ends_after_start"),
    comment="Promo codes, one for each campaign and year",
)

features = sa.Table(
    "features",
    metadata,
    key("feature_id", "Surrogate key"),
    text("code", 32, "Natural key"),
    text("name", 64, "Name in the product"),
    *choice("category", v.FEATURE_CATEGORIES, "Area of the product"),
    flag("is_key", "Whether the first use of the feature is the activation event"),
    timestamp("released_at", "When the feature was released to customers (UTC)"),
    *timestamps(),
    row_version(),
    sa.UniqueConstraint("code"),
    comment="Product features that usage events refer to",
)

accounts = sa.Table(
    "accounts",
    metadata,
    key("account_id", "Surrogate key: year and month of signup plus a running number"),
    text("name", 120, "Company name"),
    text("domain", 120, "Natural key: the company's internet domain"),
    *choice("industry", v.INDUSTRIES, "Industry the company works in"),
    *choice("segment", v.SEGMENTS, "Size class of the company, as given at signup"),
    # No employer in the world has more than a few million employees.
    integer("employee_count", "Number of employees, as given at signup", plausible=(1, 3_000_000)),
    *choice("country", v.COUNTRIES, "Country of the headquarters (ISO 3166-1 alpha-2 code)"),
    *choice("language", v.LANGUAGES, "Language chosen at signup (ISO 639-1 code)"),
    *choice("acquisition_channel", v.CHANNELS, "Channel through which the account signed up"),
    timestamp("signed_up_at", "When the account was opened (UTC)"),
    *timestamps(),
    row_version(),
    sa.UniqueConstraint("domain"),
    sa.CheckConstraint("employee_count > 0", name="employees_positive"),
    comment="Customer companies, one row per signup",
    info=_BY_MONTH,
)

users = sa.Table(
    "users",
    metadata,
    key("user_id", "Surrogate key: the account's key plus a running number"),
    reference("account_id", "accounts.account_id", "Account that the user belongs to"),
    text("email", 254, "Natural key: email address used to log in", pii="email"),
    text("full_name", 120, "Full name of the user", pii="name"),
    *choice("role", v.ROLES, "Role that sets what the user may do in the account"),
    *choice("device", v.DEVICES, "Device that the user mostly works on"),
    timestamp(
        "deactivated_at", "When the seat was removed (UTC); NULL if it was not", nullable=True
    ),
    *timestamps(),
    row_version(),
    sa.UniqueConstraint("email"),
    sa.Index(None, "account_id"),
    comment="Users with a login; an erasure request (GDPR) deletes the user's row",
    info=_BY_MONTH,
)

subscriptions = sa.Table(
    "subscriptions",
    metadata,
    key("subscription_id", "Surrogate key: the account's key plus a running number"),
    reference("account_id", "accounts.account_id", "Account that pays"),
    reference("plan_id", "plans.plan_id", "Current plan, or the last one of an ended subscription"),
    reference("promo_code_id", "promo_codes.promo_code_id", "Promo code in force", nullable=True),
    *choice("status", v.SUBSCRIPTION_STATUSES, "Current status of the subscription"),
    integer("seats", "Number of seats paid for", plausible=(1, 1_000_000)),
    cents("unit_price_cents", "Agreed price of one seat for one billing interval, before discount"),
    integer("discount_percent", "Discount in force in percent, 0 to 100"),
    *choice("payment_method", v.PAYMENT_METHODS, "Payment method; NULL until given", nullable=True),
    timestamp("trial_started_at", "Start of the trial (UTC); NULL if there is none", nullable=True),
    timestamp("trial_ends_at", "End of the trial (UTC); NULL if there is none", nullable=True),
    flag("trial_with_card", "Whether the trial required a card"),
    timestamp("activated_at", "Start of the first paid period (UTC); NULL if none", nullable=True),
    timestamp("current_period_start", "Start of the billing period (UTC)", nullable=True),
    timestamp("current_period_end", "End of the billing period, exclusive (UTC)", nullable=True),
    timestamp("cancel_requested_at", "When the customer asked to cancel (UTC)", nullable=True),
    timestamp("ended_at", "When the subscription ended (UTC); NULL if it has not", nullable=True),
    *choice(
        "cancellation_kind",
        v.CANCELLATION_KINDS,
        "Who ended the paid subscription; NULL if nobody did",
        nullable=True,
    ),
    *choice("cancellation_reason", v.CANCELLATION_REASONS, "Why it was ended", nullable=True),
    *timestamps(),
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
    comment="Subscriptions and trials in their current state; an account that returns gets a new row",
    info=_BY_MONTH,
)

subscription_changes = sa.Table(
    "subscription_changes",
    metadata,
    key("change_id", "Surrogate key: the subscription's key plus a running number"),
    reference("subscription_id", "subscriptions.subscription_id", "Subscription that changed"),
    integer("change_no", "Natural key within the subscription: 1, 2, 3 ... in order of effect"),
    *choice("kind", v.CHANGE_KINDS, "Kind of change"),
    timestamp("effective_at", "When the change takes effect (UTC)"),
    *choice("status", v.SUBSCRIPTION_STATUSES, "Status after the change"),
    reference("plan_id", "plans.plan_id", "Plan after the change"),
    integer("seats", "Number of seats after the change", plausible=(1, 1_000_000)),
    cents(
        "unit_price_cents",
        "Price of one seat for one billing interval after the change, before discount",
    ),
    integer("discount_percent", "Discount in percent after the change, 0 to 100"),
    *timestamps(),
    row_version(),
    sa.UniqueConstraint("subscription_id", "change_no"),
    sa.CheckConstraint("seats > 0", name="seats_positive"),
    sa.CheckConstraint("unit_price_cents >= 0", name="price_not_negative"),
    sa.CheckConstraint("discount_percent BETWEEN 0 AND 100", name="discount_in_range"),
    comment="History of each subscription: its full commercial state after each change",
    info=_BY_MONTH,
)

invoices = sa.Table(
    "invoices",
    metadata,
    key("invoice_id", "Surrogate key: the subscription's key plus a running number"),
    reference("subscription_id", "subscriptions.subscription_id", "Subscription that is billed"),
    text("number", 32, "Natural key: the number printed on the invoice"),
    *choice("status", v.INVOICE_STATUSES, "Payment status of the invoice"),
    timestamp("issued_at", "When the invoice was sent (UTC)"),
    timestamp("due_at", "When the invoice is due (UTC)"),
    timestamp("period_start", "Start of the period that the invoice covers (UTC)"),
    timestamp("period_end", "End of the period that the invoice covers, exclusive (UTC)"),
    cents("subtotal_cents", "Sum of the invoice items"),
    cents("discount_cents", "Discount from a promo code"),
    cents("tax_cents", "Tax on the subtotal after the discount"),
    cents("total_cents", "subtotal - discount + tax"),
    timestamp(
        "paid_at", "When the invoice was paid in full (UTC); NULL if it was not", nullable=True
    ),
    *timestamps(),
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
    key("invoice_item_id", "Surrogate key: the invoice's key, then the line number"),
    reference("invoice_id", "invoices.invoice_id", "Invoice that the line belongs to"),
    integer("line_no", "Natural key within the invoice: 1, 2, 3 ..."),
    *choice("kind", v.ITEM_KINDS, "What the line charges for"),
    reference("plan_id", "plans.plan_id", "Plan that the line charges for"),
    integer("quantity", "Number of seats", plausible=(1, 1_000_000)),
    cents(
        "unit_price_cents",
        "Price of one seat for the period that the line covers; negative for a credit",
    ),
    cents("amount_cents", "quantity x unit price"),
    *timestamps(),
    row_version(),
    sa.UniqueConstraint("invoice_id", "line_no"),
    sa.CheckConstraint("quantity > 0", name="quantity_positive"),
    sa.CheckConstraint("amount_cents = quantity * unit_price_cents", name="adds_up"),
    comment="Invoice lines",
    info=_BY_MONTH,
)

payments = sa.Table(
    "payments",
    metadata,
    key("payment_id", "Surrogate key: the invoice's key plus a running number"),
    reference("invoice_id", "invoices.invoice_id", "Invoice that is paid or refunded"),
    integer("attempt_no", "Natural key within the invoice: 1, 2, 3 ..."),
    *choice("kind", v.PAYMENT_KINDS, "Charge or refund"),
    *choice("method", v.PAYMENT_METHODS, "Payment method"),
    *choice("status", v.PAYMENT_STATUSES, "Outcome of the attempt"),
    *choice("failure_code", v.FAILURE_CODES, "Why it failed; NULL if it did not", nullable=True),
    cents("amount_cents", "Amount moved or attempted, never negative"),
    timestamp("attempted_at", "When the attempt was made (UTC)"),
    *timestamps(),
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
    key("promo_redemption_id", "Surrogate key: the account's key, then the promo code's key"),
    reference("promo_code_id", "promo_codes.promo_code_id", "Code that was offered or held back"),
    reference("account_id", "accounts.account_id", "Account that was eligible"),
    *choice("arm", v.PROMO_ARMS, "Whether the account was offered the code or held out at random"),
    timestamp("assigned_at", "When the account was assigned to its arm (UTC)"),
    timestamp("redeemed_at", "When the code was used (UTC); NULL if it was not", nullable=True),
    reference(
        "subscription_id",
        "subscriptions.subscription_id",
        "Subscription that the code was used on; NULL if it was not used",
        nullable=True,
    ),
    *timestamps(),
    row_version(),
    sa.UniqueConstraint("promo_code_id", "account_id"),
    sa.Index(None, "account_id"),
    sa.CheckConstraint("arm = 'treated' OR redeemed_at IS NULL", name="holdout_never_redeems"),
    sa.CheckConstraint(
        "(redeemed_at IS NULL AND subscription_id IS NULL)"
        " OR (redeemed_at IS NOT NULL AND subscription_id IS NOT NULL)",
        name="redeemed_on_subscription",
    ),
    comment="Accounts eligible for a campaign: treated or held out at random, and whether they used the code",
    info=_BY_MONTH,
)

usage_events = sa.Table(
    "usage_events",
    metadata,
    key("event_id", "Surrogate key: calendar month, account and a running number"),
    timestamp("occurred_at", "When the event happened (UTC)"),
    reference("account_id", "accounts.account_id", "Account that the user belonged to"),
    reference(
        "user_id",
        "users.user_id",
        "User who acted; NULL if erased on request",
        nullable=True,
        on_delete="SET NULL",
    ),
    *choice("event_type", v.EVENT_TYPES, "Kind of event"),
    reference("feature_id", "features.feature_id", "Feature used; NULL for a login", nullable=True),
    row_version(),
    sa.Index(None, "user_id", mssql_where=_NAMES_USER),
    sa.Index(None, "occurred_at"),
    sa.CheckConstraint(
        "(event_type = 'login' AND feature_id IS NULL)"
        " OR (event_type = 'feature_use' AND feature_id IS NOT NULL)",
        name="feature_named",
    ),
    comment="Product events: logins and feature use; append-only except for erasures",
    info={"slice": Slicing("occurred_at", "day")},
)

support_tickets = sa.Table(
    "support_tickets",
    metadata,
    key("ticket_id", "Surrogate key: account, month of its life and a running number"),
    reference("account_id", "accounts.account_id", "Account that opened the ticket"),
    reference(
        "user_id",
        "users.user_id",
        "User who opened the ticket; NULL if erased on request",
        nullable=True,
        on_delete="SET NULL",
    ),
    *choice("category", v.TICKET_CATEGORIES, "Topic; a complaint raises the odds of churn"),
    *choice("priority", v.TICKET_PRIORITIES, "Urgency of the ticket"),
    *choice("status", v.TICKET_STATUSES, "Current status of the ticket"),
    text("subject", 200, "Subject line of the ticket", pii="free_text"),
    timestamp("opened_at", "When the ticket was opened (UTC)"),
    timestamp("first_response_at", "When the ticket was first answered (UTC)", nullable=True),
    timestamp("resolved_at", "When the ticket was resolved (UTC)", nullable=True),
    integer(
        "satisfaction", "Rating from 1 (bad) to 5 (good); NULL if none was given", nullable=True
    ),
    *timestamps(),
    row_version(),
    sa.Index(None, "account_id"),
    sa.Index(None, "user_id", mssql_where=_NAMES_USER),
    sa.CheckConstraint("satisfaction BETWEEN 1 AND 5", name="satisfaction_in_range"),
    comment="Support tickets",
    info=_BY_MONTH,
)

#: Every table by name. Parents come before children: write in this order, delete in reverse.
TABLES: dict[str, sa.Table] = {table.name: table for table in metadata.tables.values()}

# The sync asks each table for the rows above its watermark, so that its cost depends on how much changed,
# and for the rows of each slice. On SQL Server this index answers both without reading the table itself.
for _table in TABLES.values():
    _slicing = slicing_of(_table)
    sa.Index(None, _table.c.row_version, mssql_include=[_slicing.column] if _slicing else [])
