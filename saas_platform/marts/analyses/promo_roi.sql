-- What a campaign earned above its holdout, and what its discounts cost. Net revenue is already net of them.
with promos as (
    select * from {{ ref('promo_performance') }}
    where treated_accounts > 0 and holdout_accounts > 0
),

redemptions as (
    select
        subscriptions.promo_code_id,
        {{ sum_money('invoices.discount') }} as discounts
    from {{ ref('fct_invoices') }} as invoices
    inner join {{ ref('stg_subscriptions') }} as subscriptions
        on invoices.subscription_id = subscriptions.subscription_id
    where invoices.status <> 'void'
    group by subscriptions.promo_code_id
)

select
    promos.code,
    promos.kind,
    promos.treated_accounts,
    promos.redeemed_accounts,
    coalesce(redemptions.discounts, cast(0 as {{ type_money() }})) as discounts_given,
    promos.net_revenue_difference as lift_per_account,
    promos.net_revenue_difference_low as lift_per_account_low,
    promos.net_revenue_difference_high as lift_per_account_high,
    cast(promos.net_revenue_difference * promos.treated_accounts as {{ type_money() }}) as incremental_revenue,
    {{ ratio(
        'promos.net_revenue_difference * promos.treated_accounts', 'redemptions.discounts'
    ) }} as revenue_for_each_dollar_given
from promos
left join redemptions on promos.promo_code_id = redemptions.promo_code_id
order by promos.code
