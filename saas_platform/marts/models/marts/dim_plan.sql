with plans as (
    select * from {{ ref('stg_plans') }}
)

select
    plan_id,
    code,
    name,
    tier,
    billing_interval,
    seat_price,
    {{ money_share('seat_price', '1', "case when billing_interval = 'year' then 12 else 1 end") }}
        as monthly_seat_price,
    trial_days
from plans
