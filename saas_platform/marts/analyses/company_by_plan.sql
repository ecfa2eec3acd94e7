-- Paying accounts, seats and MRR by plan at the end of the last month, and the monthly churn rate of each
-- plan.
with features as (
    select
        *,
        month = max(month) over () as is_latest
    from {{ ref('account_month_features') }}
)

select
    tier,
    billing_interval,
    {{ count_where('is_latest') }} as paying_accounts,
    {{ sum_integer('case when is_latest then seats end') }} as seats,
    {{ sum_integer('case when is_latest then active_users_28d end') }} as active_users,
    {{ sum_money('case when is_latest then mrr end') }} as mrr,
    {{ ratio(
        count_where('churned_next_month'), count_where('churned_next_month is not null')
    ) }} as monthly_churn_rate
from features
group by tier, billing_interval
order by mrr desc, tier, billing_interval
