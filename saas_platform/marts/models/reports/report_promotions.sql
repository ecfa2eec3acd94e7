with promos as (
    select * from {{ ref('promo_performance') }}
),

codes as (
    select * from {{ ref('dim_promo_code') }}
)

select
    promos.code,
    promos.campaign,
    promos.kind,
    codes.starts_at,
    codes.ends_at,
    promos.discount_percent,
    promos.treated_accounts,
    promos.holdout_accounts,
    promos.redeemed_accounts,
    promos.treated_conversion_rate,
    promos.holdout_conversion_rate,
    promos.conversion_difference,
    promos.conversion_difference_low,
    promos.conversion_difference_high,
    promos.treated_retention_12m,
    promos.holdout_retention_12m,
    promos.retention_12m_difference,
    promos.retention_12m_difference_low,
    promos.retention_12m_difference_high,
    promos.treated_net_revenue_per_account,
    promos.holdout_net_revenue_per_account,
    promos.net_revenue_difference,
    promos.net_revenue_difference_low,
    promos.net_revenue_difference_high
from promos
inner join codes on promos.promo_code_id = codes.promo_code_id
