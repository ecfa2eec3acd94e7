"""Codes of the source in words that a reader of the page knows."""

#: Codes of the source as a reader writes them, in the order in which a chart stacks them; others are
#: shown as they are, after these.
LABELS = {
    "smb": "SMB",
    "mid_market": "Mid-market",
    "starter": "Starter",
    "team": "Team",
    "business": "Business",
    "enterprise": "Enterprise",
    "organic": "Organic",
    "paid_search": "Paid search",
    "paid_social": "Paid social",
    "referral": "Referral",
    "partner": "Partner",
    "outbound": "Outbound",
    "true": "With card",
    "false": "Without card",
    "null": "Unknown",
}
