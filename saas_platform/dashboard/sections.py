"""Declare the charts of the page by section: what each chart shows, from which columns and in which colours.

Out of scope: the SQL behind the columns (data.py), and drawing (static/charts).
"""

from __future__ import annotations

from saas_platform.dashboard.charts import (
    Arms,
    Calibration,
    Cohorts,
    Intervals,
    Periods,
    Ranking,
    Section,
    Series,
    Split,
)

SECTIONS: tuple[Section, ...] = (
    Section(
        "revenue",
        "Recurring revenue",
        (
            Periods(
                id="mrr-movements",
                title="What moved MRR each month",
                definition="New, expansion, reactivation, contraction and churned MRR, and their"
                " sum, which is closing minus opening MRR. US dollars a month.",
                table="mrr_months",
                unit="money",
                x="month",
                series=(
                    Series("New", "new_mrr", "blue", "bar"),
                    Series("Expansion", "expansion_mrr", "sky", "bar"),
                    Series("Reactivation", "reactivation_mrr", "green", "bar"),
                    Series("Contraction", "contraction_mrr", "orange", "bar"),
                    Series("Churn", "churn_mrr", "red", "bar"),
                    Series("Net", "net_mrr", "ink", "line"),
                ),
            ),
            Periods(
                id="mrr",
                title="MRR before and after discounts",
                definition="Seats × unit price × (1 − discount) / months in the billing interval,"
                " at month end. List MRR is before the discount. ARR is 12 × MRR. US dollars.",
                table="mrr_months",
                unit="money",
                x="month",
                series=(
                    Series("MRR", "closing_mrr", "blue", "area"),
                    Series("List MRR", "closing_list_mrr", "orange", "dashed"),
                    Series("ARR", "arr", "grey", "hidden"),
                    Series("Paying accounts", "paying_accounts", "grey", "hidden", unit="count"),
                ),
            ),
            Periods(
                id="nrr-grr",
                title="How much revenue last year’s customers still bring",
                definition="MRR of the accounts that paid 12 months ago, now / then. NRR counts an"
                " account that has churned since as 0, even if it came back. GRR counts at most what"
                " an account paid then. Percent.",
                table="company_months",
                unit="percent",
                x="month",
                series=(
                    Series("NRR, 12 months", "nrr_12m", "blue"),
                    Series("GRR, 12 months", "grr_12m", "orange"),
                ),
                reference=1.0,
            ),
            Periods(
                id="revenue",
                title="Revenue recognised, invoiced and collected",
                definition="Recognised: net invoices spread over the days they cover, minus refunds."
                " Invoiced: gross minus discounts, refunds and write-offs. Collected: charges paid,"
                " including tax. US dollars.",
                table="revenue_months",
                unit="money",
                x="month",
                series=(
                    Series("Recognised", "recognised_revenue", "blue", "bar"),
                    Series("Invoiced, net", "net_revenue", "orange", "line"),
                    Series("Collected", "cash_collected", "green", "dashed"),
                    Series("Discounts", "discounts", "grey", "hidden"),
                    Series("Refunds", "refunds", "grey", "hidden"),
                ),
            ),
        ),
    ),
    Section(
        "mix",
        "Where MRR comes from",
        (
            Split(
                id="mrr-by-plan",
                title="MRR by plan",
                definition="MRR at month end, by the plan of the account’s subscription with the"
                " most MRR. US dollars.",
                table="mrr_by_plan",
                unit="money",
                x="month",
                by="tier",
                column="mrr",
            ),
            Split(
                id="mrr-by-segment",
                title="MRR by segment",
                definition="MRR at month end, by the size of the customer. US dollars.",
                table="mrr_months",
                unit="money",
                x="month",
                by="segment",
                column="closing_mrr",
            ),
            Split(
                id="mrr-by-channel",
                title="MRR by acquisition channel",
                definition="MRR at month end, by the channel that brought the account. US dollars.",
                table="mrr_by_channel",
                unit="money",
                x="month",
                by="acquisition_channel",
                column="mrr",
            ),
            Ranking(
                id="mrr-by-country",
                title="MRR by country, last full month",
                definition="MRR at the end of the last full month, by the account’s country."
                " US dollars.",
                table="mrr_by_country",
                unit="money",
                x="month",
                by="country",
                column="mrr",
            ),
        ),
    ),
    Section(
        "retention",
        "Retention and churn",
        (
            Cohorts(
                id="logo-retention",
                title="Customers who stay, by signup month",
                definition="Accounts that are still customers k months after their first payment /"
                " accounts of the cohort that ever paid and have reached month k. Percent. Blank if"
                " fewer than half of those that ever paid have reached it.",
                table="cohorts",
                unit="percent",
                column="retained_accounts",
                per="observed_accounts",
            ),
            Cohorts(
                id="revenue-retention",
                title="MRR that stays, by signup month",
                definition="MRR k months after the first payment / MRR in month 0 of the same"
                " accounts. Percent, above 100 if expansion outweighs losses.",
                table="cohorts",
                unit="percent",
                column="retained_mrr",
                per="observed_first_mrr",
                middle=1.0,
            ),
            Split(
                id="churn-by-segment",
                title="Monthly logo churn by segment",
                definition="Customers lost in the month / customers at its start. Percent a month.",
                table="churn_months",
                unit="percent",
                x="month",
                by="segment",
                column="churned_customers",
                per="opening_customers",
            ),
            Periods(
                id="churn-by-kind",
                title="Churn by choice, and churn from failed payments",
                definition="Customers who cancelled (voluntary), or whose dunning ended unpaid"
                " (involuntary) / customers at the month’s start. Percent a month.",
                table="churn_months",
                unit="percent",
                x="month",
                series=(
                    Series(
                        "Voluntary",
                        "voluntary_churned_customers",
                        "orange",
                        "bar",
                        per="opening_customers",
                    ),
                    Series(
                        "Involuntary",
                        "involuntary_churned_customers",
                        "purple",
                        "bar",
                        per="opening_customers",
                    ),
                    Series("Customers lost", "churned_customers", "grey", "hidden", unit="count"),
                    Series("At the start", "opening_customers", "grey", "hidden", unit="count"),
                ),
            ),
        ),
    ),
    Section(
        "growth",
        "Users and signups",
        (
            Periods(
                id="active-users",
                title="Active users by day, week and month",
                definition="Users with at least one product event that day (DAU), or in the trailing"
                " 7 (WAU) or 28 days (MAU). Users.",
                table="user_days",
                unit="count",
                x="date_day",
                series=(
                    Series("MAU", "mau", "blue", "area"),
                    Series("WAU", "wau", "green"),
                    Series("DAU", "dau", "orange"),
                ),
            ),
            Periods(
                id="stickiness",
                title="How often an active user comes back",
                definition="Stickiness: mean DAU of the month / MAU at its end. Percent.",
                table="user_months",
                unit="percent",
                x="month",
                series=(
                    Series("Stickiness", "stickiness", "blue", "area"),
                    Series("Mean DAU", "mean_dau", "grey", "hidden", unit="count"),
                    Series("MAU", "mau", "grey", "hidden", unit="count"),
                ),
            ),
            Periods(
                id="signups",
                title="Signups, and the share that activates",
                definition="Accounts that signed up. Activation: accounts with a key event within 7"
                " days of signup / signups whose 7 days have passed, percent.",
                table="user_months",
                unit="count",
                x="month",
                series=(
                    Series("Signups", "signups", "blue", "bar"),
                    Series(
                        "Activation",
                        "activated_signups",
                        "orange",
                        per="matured_signups",
                        unit="percent",
                    ),
                ),
            ),
            Periods(
                id="trials",
                title="Trials, and how they end",
                definition="Trials by start month, for cohorts that have matured. Conversion: trials"
                " bought / trials started, percent.",
                table="trials",
                unit="count",
                x="cohort_month",
                series=(
                    Series("Bought", "converted_trials", "blue", "bar"),
                    Series("Expired", "expired_trials", "grey", "bar"),
                    Series(
                        "Conversion", "converted_trials", "orange", per="trials", unit="percent"
                    ),
                ),
            ),
            Split(
                id="trial-conversion",
                title="Trial conversion, with a card up front and without",
                definition="Trials bought / trials started in the month, for cohorts that have"
                " matured. Percent.",
                table="trials",
                unit="percent",
                x="cohort_month",
                by="trial_with_card",
                column="converted_trials",
                per="trials",
            ),
        ),
    ),
    Section(
        "promotions",
        "Promotions",
        (
            Intervals(
                id="promo-conversion",
                title="What each campaign does to conversion",
                definition="Accounts that bought within 30 days of the offer / accounts offered:"
                " treated minus random holdout, with its 95 % interval. Percentage points, for"
                " acquisition campaigns.",
                table="promos",
                unit="points",
                difference="conversion_difference",
                treated="treated_accounts",
                holdout="holdout_accounts",
            ),
            Intervals(
                id="promo-retention",
                title="What each campaign does to retention",
                definition="Customers 12 months after the offer / accounts offered: treated minus"
                " random holdout, with its 95 % interval. Percentage points, for matured campaigns.",
                table="promos",
                unit="points",
                difference="retention_12m_difference",
                treated="treated_matured",
                holdout="holdout_matured",
            ),
            Arms(
                id="promo-revenue",
                title="Net revenue per account offered",
                definition="Charges minus refunds since the offer, without tax / accounts offered."
                " US dollars. A few large accounts weigh heavily in a small holdout.",
                table="promos",
                unit="money",
                series=(
                    Series("Treated", "treated_net_revenue_per_account", "blue", "bar"),
                    Series("Holdout", "holdout_net_revenue_per_account", "orange", "bar"),
                ),
            ),
        ),
    ),
    Section(
        "billing",
        "Billing health",
        (
            Periods(
                id="declines",
                title="Charges that banks decline",
                definition="Failed charges / attempted charges, retries included. Percent.",
                table="billing_months",
                unit="percent",
                x="month",
                series=(
                    Series("Declined", "failed_charges", "red", "area", per="attempted_charges"),
                    Series("Failed", "failed_charges", "grey", "hidden", unit="count"),
                    Series("Attempted", "attempted_charges", "grey", "hidden", unit="count"),
                ),
            ),
            Periods(
                id="recovery",
                title="Failed invoices that dunning recovers",
                definition="Invoices paid within 30 days of their first failure / invoices that"
                " first failed in the month. Percent, shown once the 30 days have passed.",
                table="billing_months",
                unit="count",
                x="month",
                series=(
                    Series("First failures", "first_failures", "grey", "bar"),
                    Series("Recovered", "recovered_failures", "green", "hidden"),
                    Series("Recovery", "recovery_rate", "green", unit="percent"),
                ),
            ),
            Periods(
                id="dso",
                title="How long customers take to pay",
                definition="DSO: receivables at month end / billings of the month × days in the"
                " month. Days.",
                table="billing_months",
                unit="days",
                x="month",
                series=(
                    Series("DSO", "dso_days", "blue", "area"),
                    Series("Receivables", "receivables", "grey", "hidden", unit="money"),
                    Series("Billings", "billings", "grey", "hidden", unit="money"),
                ),
            ),
        ),
    ),
)

MODELS_SECTION = Section(
    "models",
    "Churn model",
    (
        Calibration(
            id="churn-calibration",
            title="Does the predicted churn come true?",
            definition="Accounts sorted into bins by predicted risk: mean prediction, share that"
            " churned, and the simulator’s true hazard. Percent. A perfect model lies on the diagonal.",
            table="churn_calibration",
            unit="percent",
        ),
    ),
)
