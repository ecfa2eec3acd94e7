{{ config(meta={'dagster': {'ref': {'name': 'churn_monthly'}}}) }}

-- Every churned customer left in one of the two ways and was a customer before, and the lost MRR is at most
-- the opening MRR. The segments add up to the company.
with churn as (
    select * from {{ ref('churn_monthly') }}
),

months as (
    select
        month,
        opening_mrr,
        lag(customers) over (order by month) as opening_customers
    from {{ ref('mrr_monthly') }}
),

summed as (
    select
        month,
        sum(opening_mrr) as opening_mrr,
        sum(opening_customers) as opening_customers
    from churn
    group by month
)

select month
from churn
where
    voluntary_churned_customers + involuntary_churned_customers <> churned_customers
    or voluntary_churned_mrr + involuntary_churned_mrr <> churned_mrr
    or churned_customers > opening_customers
    or churned_mrr > opening_mrr

union all

select months.month
from months
inner join summed on months.month = summed.month
where
    summed.opening_mrr <> months.opening_mrr
    or summed.opening_customers <> coalesce(months.opening_customers, 0)
