{{ config(meta={'dagster': {'ref': {'name': 'cohort_retention'}}}) }}

-- Month 0 of the cohorts holds every account that ever paid and whose first month has ended. No cohort grows
-- with k or exceeds its size, and in month 0 the retained MRR is all of the first MRR.
with cohorts as (
    select
        *,
        lag(observed_accounts) over (
            partition by cohort_month, segment order by months_since_first_paid
        ) as previous_observed
    from {{ ref('cohort_retention') }}
),

accounts as (
    select count(*) as paid
    from {{ ref('dim_account') }}
    inner join {{ ref('int_months') }} on first_paid_month = month
    where is_complete
),

first_months as (
    select coalesce(sum(observed_accounts), 0) as observed
    from cohorts
    where months_since_first_paid = 0
)

select cast(cohort_month as {{ dbt.type_string() }}) as problem
from cohorts
where
    retained_accounts > observed_accounts
    or observed_accounts > cohort_accounts
    or observed_accounts > previous_observed
    or (months_since_first_paid = 0 and retained_mrr <> observed_first_mrr)

union all

select 'the cohorts miss accounts' as problem
from accounts
cross join first_months
where accounts.paid <> first_months.observed
