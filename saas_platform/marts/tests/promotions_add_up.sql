{{ config(meta={'dagster': {'ref': {'name': 'promo_performance'}}}) }}

-- No part of an arm is larger than the arm, both arms together are no larger than the number of eligible
-- accounts, and each interval contains its difference.
with offers as (
    select
        promo_code_id,
        count(*) as offered
    from {{ ref('stg_promo_redemptions') }}
    group by promo_code_id
)

select promotions.promo_code_id
from {{ ref('promo_performance') }} as promotions
left join offers on promotions.promo_code_id = offers.promo_code_id
where
    promotions.treated_accounts + promotions.holdout_accounts > coalesce(offers.offered, 0)
    {% for arm in ['treated', 'holdout'] %}
    or promotions.{{ arm }}_converted > promotions.{{ arm }}_accounts
    or promotions.{{ arm }}_matured > promotions.{{ arm }}_accounts
    or promotions.{{ arm }}_retained > promotions.{{ arm }}_matured
    {% endfor %}
    {% for measure in ['conversion', 'retention_12m', 'net_revenue'] %}
    or promotions.{{ measure }}_difference_low > promotions.{{ measure }}_difference
    or promotions.{{ measure }}_difference_high < promotions.{{ measure }}_difference
    {% endfor %}
