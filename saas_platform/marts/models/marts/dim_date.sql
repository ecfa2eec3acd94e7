with accounts as (
    select * from {{ ref('stg_accounts') }}
),

bounds as (
    select
        {{ month_of('min(signed_up_at)') }} as first_day,
        {{ add_to_date('day', -1, add_to_date(
            'month', 1, month_of(add_to_timestamp('second', -1, as_of()))
        )) }} as last_day
    from accounts
),

days as (
    {{ days_between('first_day', 'last_day', 'bounds') }}
),

-- 1 January 1900 was a Monday.
numbered as (
    select
        date_day,
        {{ month_of('date_day') }} as month,
        mod({{ dbt.datediff("cast('1900-01-01' as date)", 'date_day', 'day') }}, 7) + 1 as iso_weekday
    from days
)

select
    date_day,
    month,
    extract(year from date_day) as year,
    extract(quarter from date_day) as quarter_of_year,
    extract(month from date_day) as month_of_year,
    iso_weekday,
    iso_weekday >= 6 as is_weekend,
    {{ month_of(add_to_date('day', 1, 'date_day')) }} <> month as is_month_end
from numbered
