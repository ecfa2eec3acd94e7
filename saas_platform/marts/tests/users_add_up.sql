{{ config(meta={'dagster': {'ref': {'name': 'user_growth_daily'}}}) }}

-- A user who is active on a day is also active in its 7 and 28 days, and an activated account has signed up.
-- The days together hold every account.
with days as (
    select * from {{ ref('user_growth_daily') }}
),

accounts as (
    select count(*) as signups
    from {{ ref('dim_account') }}
    where cast(signed_up_at as date) < cast({{ as_of() }} as date)
)

select cast(date_day as {{ dbt.type_string() }}) as problem
from days
where
    dau > wau
    or wau > mau
    or activated_signups > signups

union all

select 'the days miss accounts' as problem
from accounts
where signups <> (select coalesce(sum(signups), 0) from days)
