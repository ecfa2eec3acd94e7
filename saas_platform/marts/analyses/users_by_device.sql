-- Users and their usage by device, and the MRR of their accounts, split by the share of users on each device.
with users as (
    select * from {{ ref('dim_user') }}
),

usage_daily as (
    select
        user_id,
        {{ sum_integer('events') }} as events,
        count(*) as active_days
    from {{ ref('fct_usage_daily') }}
    where user_id is not null
    group by user_id
),

sized as (
    select
        users.*,
        count(*) over (partition by account_id) as account_users
    from users
)

select
    sized.device,
    count(*) as users,
    {{ count_where('sized.is_active') }} as users_with_a_seat,
    {{ sum_integer('usage_daily.events') }} as events,
    {{ ratio('sum(usage_daily.active_days)', 'count(*)') }} as active_days_a_user,
    {{ money_times('1', 'sum(' ~ ratio('accounts.mrr', 'sized.account_users') ~ ')') }} as mrr
from sized
inner join {{ ref('dim_account') }} as accounts on sized.account_id = accounts.account_id
left join usage_daily on sized.user_id = usage_daily.user_id
group by sized.device
order by users desc, sized.device
