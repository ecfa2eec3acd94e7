{{ config(**rebuilt_by_month(
    'month',
    ['usage_events'],
    unaffected_by={'accounts': 'only the calendar depends on it, and a change of its first month leads to a full refresh'},
    cluster_by=['account_id']
)) }}

-- Sums the product usage of an account in the days before the end of each month.
with usage_daily as (
    select * from {{ ref('fct_usage_daily') }}
    {% if is_incremental() %}
    where usage_date >= {{ rebuilt_from(days_before=60) }}
    {% endif %}
),

months as (
    select * from {{ ref('int_months') }}
    {% if is_incremental() %}
    where month >= {{ rebuilt_from() }}
    {% endif %}
),

aged as (
    select
        usage_daily.account_id,
        usage_daily.user_id,
        usage_daily.events,
        usage_daily.usage_date,
        months.month,
        {{ dbt.datediff('usage_daily.usage_date', 'months.end_date', 'day') }} as days_ago
    from usage_daily
    inner join months
        on
            usage_daily.usage_date < months.end_date
            and usage_daily.usage_date >= {{ add_to_date('day', -60, 'months.end_date') }}
)

select
    account_id,
    month,
    count(distinct case when days_ago <= 7 then user_id end) as active_users_7d,
    count(distinct case when days_ago <= 28 then user_id end) as active_users_28d,
    {{ sum_integer('case when days_ago <= 30 then events else 0 end') }} as events_30d,
    {{ sum_integer('case when days_ago > 30 then events else 0 end') }} as events_previous_30d
from aged
group by account_id, month
