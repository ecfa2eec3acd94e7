-- MRR by the current health of its accounts, and how often accounts of that health churned in the past.
with account_months as (
    select * from {{ ref('account_health') }}
)

select
    segment,
    health,
    {{ count_where('is_latest') }} as accounts_now,
    {{ sum_money('case when is_latest then mrr end') }} as mrr_now,
    {{ count_where('churned_next_month is not null') }} as account_months_before,
    {{ ratio(
        count_where('churned_next_month'), count_where('churned_next_month is not null')
    ) }} as churn_rate_before
from account_months
group by segment, health
order by segment, health
