with churn as (
    select * from {{ ref('churn_monthly') }}
)

select
    month,
    segment,
    is_complete,
    opening_customers,
    churned_customers,
    voluntary_churned_customers,
    involuntary_churned_customers,
    logo_churn_rate,
    opening_mrr,
    churned_mrr,
    voluntary_churned_mrr,
    involuntary_churned_mrr,
    contraction_mrr,
    revenue_churn_rate
from churn
