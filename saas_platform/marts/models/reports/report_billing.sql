with billing as (
    select * from {{ ref('billing_health') }}
),

revenue as (
    select * from {{ ref('revenue_monthly') }}
)

select
    billing.month,
    billing.is_complete,
    revenue.invoices,
    revenue.net_invoiced,
    revenue.discounts,
    revenue.tax,
    revenue.refunds,
    revenue.written_off,
    revenue.net_revenue,
    revenue.recognised_revenue,
    revenue.cash_collected,
    billing.attempted_charges,
    billing.failed_charges,
    billing.decline_rate,
    billing.first_failures,
    billing.recovered_failures,
    billing.recovery_rate,
    billing.billings,
    billing.receivables,
    billing.dso_days
from billing
inner join revenue on billing.month = revenue.month
