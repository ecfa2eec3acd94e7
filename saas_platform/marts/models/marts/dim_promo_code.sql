with promo_codes as (
    select * from {{ ref('stg_promo_codes') }}
)

select
    promo_code_id,
    code,
    campaign,
    kind,
    discount_percent,
    duration_months,
    holdout_percent,
    starts_at,
    ends_at
from promo_codes
