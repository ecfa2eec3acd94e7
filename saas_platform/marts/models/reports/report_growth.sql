with days as (
    select * from {{ ref('user_growth_daily') }}
),

months as (
    select * from {{ ref('user_growth_monthly') }}
)

select
    days.date_day,
    days.month,
    months.is_complete as is_month_complete,
    days.signups,
    days.activated_signups,
    days.new_users,
    days.dau,
    days.wau,
    days.mau,
    days.active_accounts,
    months.activation_rate as month_activation_rate,
    months.stickiness as month_stickiness
from days
inner join months on days.month = months.month
