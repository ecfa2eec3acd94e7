with accounts as (
    select * from {{ ref('dim_account') }}
),

health as (
    select * from {{ ref('account_health') }}
    where is_latest
),

ltv as (
    select * from {{ ref('account_ltv') }}
)

select
    accounts.account_id,
    accounts.name,
    accounts.segment,
    accounts.industry,
    accounts.country,
    accounts.language,
    accounts.acquisition_channel,
    accounts.signup_month,
    accounts.first_paid_month,
    accounts.status,
    accounts.mrr,
    health.health_score,
    health.health,
    ltv.net_revenue,
    ltv.ltv_36m
from accounts
left join health on accounts.account_id = health.account_id
left join ltv on accounts.account_id = ltv.account_id
