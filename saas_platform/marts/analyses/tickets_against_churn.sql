-- Churn in the next month by the number of tickets and complaints in the last 90 days.
with features as (
    select * from {{ ref('account_month_features') }}
    where churned_next_month is not null
),

banded as (
    select
        features.*,
        case
            when tickets_90d = 0 then '0'
            when tickets_90d <= 2 then '1-2'
            when tickets_90d <= 5 then '3-5'
            else '6+'
        end as tickets,
        complaints_90d > 0 as has_complained
    from features
)

select
    tickets,
    has_complained,
    count(*) as account_months,
    {{ count_where('churned_next_month') }} as churned,
    {{ ratio(count_where('churned_next_month'), 'count(*)') }} as monthly_churn_rate
from banded
group by tickets, has_complained
order by tickets, has_complained
