{{ config(meta={'dagster': {'ref': {'name': 'account_months'}}}) }}

-- For each month: customers at the start + new + reactivated - churned = customers at the end.
with customers as (
    select
        month,
        {{ count_where('opening_is_customer') }} as opening,
        {{ count_where('closing_is_customer') }} as closing
    from {{ ref('account_months') }}
    group by month
),

movements as (
    select
        month,
        {{ count_where("movement in ('new', 'reactivation')") }} as gained,
        {{ count_where("movement = 'churn'") }} as lost
    from {{ ref('fct_mrr_movements') }}
    group by month
)

select customers.month
from customers
left join movements on customers.month = movements.month
where
    customers.opening + coalesce(movements.gained, 0) - coalesce(movements.lost, 0)
    <> customers.closing
