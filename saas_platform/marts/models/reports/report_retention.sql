with cohorts as (
    select * from {{ ref('cohort_retention') }}
)

select
    cohort_month,
    segment,
    months_since_first_paid,
    cohort_accounts,
    observed_accounts,
    retained_accounts,
    observed_first_mrr,
    retained_mrr,
    logo_retention,
    revenue_retention
from cohorts
