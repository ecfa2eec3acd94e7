{# Usage in the days after a signup activates the account, so a touched month also affects the one before. #}
{{ config(**rebuilt_by_month(
    'date_day',
    ['usage_events', 'accounts', 'users'],
    unaffected_by={
        'subscriptions': 'of dim_account, only signed_up_at and activated_at are read',
        'subscription_changes': 'of dim_account, only signed_up_at and activated_at are read'
    },
    months_before=1
)) }}

with dates as (
    select * from {{ ref('dim_date') }}
    where
        date_day < cast({{ as_of() }} as date)
        {% if is_incremental() %}
        and date_day >= {{ rebuilt_from(days_before=28) }}
        {% endif %}
),

accounts as (
    select * from {{ ref('dim_account') }}
),

users as (
    select * from {{ ref('dim_user') }}
),

usage_daily as (
    select * from {{ ref('fct_usage_daily') }}
    where
        user_id is not null
        {% if is_incremental() %}
        and usage_date >= {{ rebuilt_from(days_before=28) }}
        {% endif %}
),

signups as (
    select
        cast(signed_up_at as date) as date_day,
        count(*) as signups,
        {{ count_where('activated_at is not null') }} as activated_signups
    from accounts
    group by cast(signed_up_at as date)
),

new_users as (
    select
        cast(created_at as date) as date_day,
        count(*) as new_users
    from users
    group by cast(created_at as date)
),

user_days as (
    select
        user_id,
        usage_date,
        lead(usage_date) over (partition by user_id order by usage_date) as next_usage_date
    from usage_daily
),

-- A day of use makes the user active until the window has passed or until the next day of use, which starts
-- a new window. So each user counts once, and the number of active users is a running sum.
{% set windows = {'wau': 7, 'mau': 28} %}
changes as (
    {% for name, days in windows.items() %}
    select
        '{{ name }}' as measure,
        usage_date as date_day,
        1 as change
    from user_days

    union all

    select
        '{{ name }}' as measure,
        case
            when next_usage_date < {{ add_to_date('day', days, 'usage_date') }} then next_usage_date
            else {{ add_to_date('day', days, 'usage_date') }}
        end as date_day,
        -1 as change
    from user_days
    {% if not loop.last %}
    union all
    {% endif %}
    {% endfor %}
),

daily_changes as (
    select
        date_day,
        {{ sum_integer("case when measure = 'wau' then change end") }} as wau_change,
        {{ sum_integer("case when measure = 'mau' then change end") }} as mau_change
    from changes
    group by date_day
),

active as (
    select
        usage_date as date_day,
        count(distinct user_id) as dau,
        count(distinct account_id) as active_accounts
    from usage_daily
    group by usage_date
),

counted as (
    select
        dates.date_day,
        dates.month,
        coalesce(signups.signups, 0) as signups,
        case
            when {{ add_to_date('day', activation_days() + 1, 'dates.date_day') }} <= cast({{ as_of() }} as date)
                then coalesce(signups.activated_signups, 0)
        end as activated_signups,
        coalesce(new_users.new_users, 0) as new_users,
        coalesce(active.dau, 0) as dau,
        {{ running_sum_integer('daily_changes.wau_change', 'dates.date_day') }} as wau,
        {{ running_sum_integer('daily_changes.mau_change', 'dates.date_day') }} as mau,
        coalesce(active.active_accounts, 0) as active_accounts
    from dates
    left join signups on dates.date_day = signups.date_day
    left join new_users on dates.date_day = new_users.date_day
    left join active on dates.date_day = active.date_day
    left join daily_changes on dates.date_day = daily_changes.date_day
)

select * from counted
{% if is_incremental() %}
where date_day >= {{ rebuilt_from() }}
{% endif %}
