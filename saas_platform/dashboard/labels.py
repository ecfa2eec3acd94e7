"""The names that the page shows instead of the source's codes."""

#: The name of each code, in the order in which a chart stacks them. A chart shows every other code as it is,
#: after these.
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
