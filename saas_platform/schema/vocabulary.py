"""The closed lists of codes that the schema checks and that the simulator draws from."""

from __future__ import annotations

TIERS = ("starter", "team", "business", "enterprise")
BILLING_INTERVALS = ("month", "year")

PROMO_KINDS = ("acquisition", "loyalty")
PROMO_ARMS = ("treated", "holdout")

FEATURE_CATEGORIES = ("core", "collaboration", "reporting", "integration", "administration")

INDUSTRIES = (
    "software",
    "finance",
    "health",
    "retail",
    "manufacturing",
    "education",
    "media",
    "logistics",
    "consulting",
    "public",
)
SEGMENTS = ("smb", "mid_market", "enterprise")
COUNTRIES = ("US", "GB", "DE", "FR", "NL", "ES", "SE", "CA", "AU", "BR", "IN", "JP")
LANGUAGES = ("en", "de", "fr", "nl", "es", "sv", "pt", "ja")
CHANNELS = ("organic", "paid_search", "paid_social", "referral", "partner", "outbound")

ROLES = ("owner", "admin", "member", "viewer")
DEVICES = ("desktop", "mobile", "tablet")

#: `expired` is a trial that did not convert; `canceled` is a paid subscription that ended.
SUBSCRIPTION_STATUSES = ("trialing", "active", "past_due", "paused", "canceled", "expired")
CHANGE_KINDS = (
    "trial_started",
    "activated",
    "reactivated",
    "plan_changed",
    "seats_changed",
    "discount_started",
    "discount_ended",
    "price_changed",
    "payment_failed",
    "payment_recovered",
    "paused",
    "resumed",
    "canceled",
    "trial_expired",
)
PAYMENT_METHODS = ("card", "direct_debit", "bank_transfer")
CANCELLATION_KINDS = ("voluntary", "involuntary")
CANCELLATION_REASONS = (
    "too_expensive",
    "missing_features",
    "switched_product",
    "low_usage",
    "bad_support",
    "out_of_business",
    "payment_failed",
)

#: `uncollectible` is an invoice given up after dunning; `void` is one withdrawn before it was due.
INVOICE_STATUSES = ("open", "paid", "uncollectible", "void")
ITEM_KINDS = ("seats", "proration", "credit")

PAYMENT_KINDS = ("charge", "refund")
PAYMENT_STATUSES = ("succeeded", "failed")
FAILURE_CODES = (
    "insufficient_funds",
    "card_declined",
    "expired_card",
    "do_not_honor",
    "processing_error",
)

EVENT_TYPES = ("login", "feature_use")

TICKET_CATEGORIES = ("question", "bug", "complaint", "billing", "feature_request")
TICKET_PRIORITIES = ("low", "normal", "high", "urgent")
TICKET_STATUSES = ("open", "pending", "resolved")
