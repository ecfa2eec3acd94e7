{{ config(meta={'dagster': {'ref': {'name': 'mrr_monthly'}}}) }}

-- For the whole company, opening MRR + movements = closing MRR = opening MRR of the next month. The last
-- closing MRR is the sum of the MRR of all subscriptions.
with mrr_monthly as (
    select
        *,
        lead(opening_mrr) over (order by month) as next_opening_mrr
    from {{ ref('mrr_monthly') }}
),

subscriptions as (
    select sum(mrr) as mrr
    from {{ ref('int_subscription_states') }}
    where valid_to is null
)

select mrr_monthly.month
from mrr_monthly
cross join subscriptions
where
    mrr_monthly.opening_mrr
    {% for movement in movement_kinds() %} + mrr_monthly.{{ movement }}_mrr {% endfor %}
    <> mrr_monthly.closing_mrr
    or mrr_monthly.closing_mrr <> coalesce(mrr_monthly.next_opening_mrr, subscriptions.mrr, 0)
