with promo_codes as (
    select * from {{ ref('dim_promo_code') }}
),

-- Leaves out newer offers, which have not had time to convert.
redemptions as (
    select * from {{ ref('stg_promo_redemptions') }}
    where {{ add_to_timestamp('day', conversion_days(), 'assigned_at') }} <= {{ as_of() }}
),

subscriptions as (
    select * from {{ ref('stg_subscriptions') }}
    where activated_at is not null
),

steps as (
    select * from {{ ref('int_mrr_steps') }}
),

payments as (
    select * from {{ ref('fct_payments') }}
    where status = 'succeeded'
),

conversions as (
    select
        redemptions.promo_redemption_id,
        min(subscriptions.activated_at) as converted_at
    from redemptions
    inner join subscriptions
        on
            redemptions.account_id = subscriptions.account_id
            and redemptions.assigned_at <= subscriptions.activated_at
    group by redemptions.promo_redemption_id
),

intervals as (
    select
        account_id,
        is_customer,
        valid_from,
        lead(valid_from) over (partition by account_id order by valid_from) as valid_to
    from steps
),

retained as (
    select redemptions.promo_redemption_id
    from redemptions
    inner join intervals
        on
            redemptions.account_id = intervals.account_id
            and intervals.valid_from <= {{ add_to_timestamp('month', 12, 'redemptions.assigned_at') }}
            and (
                intervals.valid_to > {{ add_to_timestamp('month', 12, 'redemptions.assigned_at') }}
                or intervals.valid_to is null
            )
    where intervals.is_customer
),

revenues as (
    select
        redemptions.promo_redemption_id,
        sum(case when payments.kind = 'refund' then -payments.net_amount else payments.net_amount end)
            as net_revenue
    from redemptions
    inner join payments
        on
            redemptions.account_id = payments.account_id
            and redemptions.assigned_at <= payments.attempted_at
    group by redemptions.promo_redemption_id
),

offers as (
    select
        redemptions.promo_code_id,
        redemptions.arm,
        redemptions.redeemed_at,
        promo_codes.kind = 'acquisition' as is_acquisition,
        coalesce(
            conversions.converted_at < {{ add_to_timestamp(
                'day', conversion_days(), 'redemptions.assigned_at'
            ) }},
            false
        ) as is_converted,
        {{ add_to_timestamp('month', 12, 'redemptions.assigned_at') }} < {{ as_of() }} as is_matured,
        retained.promo_redemption_id is not null as is_retained,
        coalesce(revenues.net_revenue, cast(0 as {{ type_money() }})) as net_revenue
    from redemptions
    inner join promo_codes on redemptions.promo_code_id = promo_codes.promo_code_id
    left join conversions on redemptions.promo_redemption_id = conversions.promo_redemption_id
    left join retained on redemptions.promo_redemption_id = retained.promo_redemption_id
    left join revenues on redemptions.promo_redemption_id = revenues.promo_redemption_id
),

{% set arms = ['treated', 'holdout'] %}
counted as (
    select
        promo_code_id,
        count(case when redeemed_at is not null then 1 end) as redeemed_accounts,
        {% for arm in arms %}
        {{ count_where("arm = '" ~ arm ~ "'") }} as {{ arm }}_accounts,
        {{ count_where("arm = '" ~ arm ~ "' and is_acquisition and is_converted") }} as {{ arm }}_converted,
        {{ count_where("arm = '" ~ arm ~ "' and is_matured") }} as {{ arm }}_matured,
        {{ count_where("arm = '" ~ arm ~ "' and is_matured and is_retained") }} as {{ arm }}_retained,
        {{ sum_money("case when arm = '" ~ arm ~ "' then net_revenue end") }} as {{ arm }}_net_revenue,
        var_samp(
            case when arm = '{{ arm }}' then cast(net_revenue as {{ type_ratio() }}) end
        ) as {{ arm }}_net_revenue_variance
        {%- if not loop.last %},{% endif %}
        {% endfor %}
    from offers
    group by promo_code_id
),

joined as (
    select
        promo_codes.promo_code_id,
        promo_codes.code,
        promo_codes.campaign,
        promo_codes.kind,
        promo_codes.kind = 'acquisition' as is_acquisition,
        promo_codes.discount_percent,
        promo_codes.duration_months,
        coalesce(counted.redeemed_accounts, 0) as redeemed_accounts,
        {% for arm in arms %}
        coalesce(counted.{{ arm }}_accounts, 0) as {{ arm }}_accounts,
        coalesce(counted.{{ arm }}_converted, 0) as {{ arm }}_converted,
        coalesce(counted.{{ arm }}_matured, 0) as {{ arm }}_matured,
        coalesce(counted.{{ arm }}_retained, 0) as {{ arm }}_retained,
        coalesce(counted.{{ arm }}_net_revenue, cast(0 as {{ type_money() }})) as {{ arm }}_net_revenue,
        counted.{{ arm }}_net_revenue_variance
        {%- if not loop.last %},{% endif %}
        {% endfor %}
    from promo_codes
    left join counted on promo_codes.promo_code_id = counted.promo_code_id
),

rated as (
    select
        joined.*,
        {% for arm in arms %}
        case when is_acquisition then {{ ratio(arm ~ '_converted', arm ~ '_accounts') }} end
            as {{ arm }}_conversion_rate,
        {{ ratio(arm ~ '_retained', arm ~ '_matured') }} as {{ arm }}_retention_12m,
        case
            when {{ arm }}_accounts > 0
                then {{ money_share(arm ~ '_net_revenue', '1', arm ~ '_accounts') }}
        end as {{ arm }}_net_revenue_per_account{% if not loop.last %},{% endif %}
        {% endfor %}
    from joined
),

{% set differences = {
    'conversion': ('conversion_rate', 'accounts'), 'retention_12m': ('retention_12m', 'matured')
} %}
compared as (
    select
        rated.*,
        {% for name, (rate, size) in differences.items() %}
        treated_{{ rate }} - holdout_{{ rate }} as {{ name }}_difference,
        1.96 * sqrt(
            {{ ratio('treated_' ~ rate ~ ' * (1 - treated_' ~ rate ~ ')', 'treated_' ~ size) }}
            + {{ ratio('holdout_' ~ rate ~ ' * (1 - holdout_' ~ rate ~ ')', 'holdout_' ~ size) }}
        ) as {{ name }}_half_width,
        {% endfor %}
        treated_net_revenue_per_account - holdout_net_revenue_per_account as net_revenue_difference,
        {{ money_times('1.96', 'sqrt('
            ~ ratio('treated_net_revenue_variance', 'treated_accounts') ~ ' + '
            ~ ratio('holdout_net_revenue_variance', 'holdout_accounts') ~ ')') }}
            as net_revenue_half_width
    from rated
)

select
    promo_code_id,
    code,
    campaign,
    kind,
    discount_percent,
    duration_months,
    treated_accounts,
    holdout_accounts,
    redeemed_accounts,
    case when is_acquisition then treated_converted end as treated_converted,
    case when is_acquisition then holdout_converted end as holdout_converted,
    treated_conversion_rate,
    holdout_conversion_rate,
    conversion_difference,
    conversion_difference - conversion_half_width as conversion_difference_low,
    conversion_difference + conversion_half_width as conversion_difference_high,
    treated_matured,
    holdout_matured,
    treated_retained,
    holdout_retained,
    treated_retention_12m,
    holdout_retention_12m,
    retention_12m_difference,
    retention_12m_difference - retention_12m_half_width as retention_12m_difference_low,
    retention_12m_difference + retention_12m_half_width as retention_12m_difference_high,
    treated_net_revenue,
    holdout_net_revenue,
    treated_net_revenue_per_account,
    holdout_net_revenue_per_account,
    cast(net_revenue_difference as {{ type_money() }}) as net_revenue_difference,
    cast(net_revenue_difference - net_revenue_half_width as {{ type_money() }})
        as net_revenue_difference_low,
    cast(net_revenue_difference + net_revenue_half_width as {{ type_money() }})
        as net_revenue_difference_high
from compared
