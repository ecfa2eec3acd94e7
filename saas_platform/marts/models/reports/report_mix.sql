with features as (
    select * from {{ ref('account_month_features') }}
),

accounts as (
    select * from {{ ref('dim_account') }}
),

months as (
    select * from {{ ref('int_months') }}
)

select
    features.month,
    features.segment,
    features.tier,
    features.billing_interval,
    features.acquisition_channel,
    features.country,
    accounts.language,
    features.industry,
    months.is_complete,
    {{ sum_money('features.mrr') }} as mrr,
    count(*) as paying_accounts,
    {{ sum_integer('features.seats') }} as seats
from features
inner join accounts on features.account_id = accounts.account_id
inner join months on features.month = months.month
group by
    features.month, features.segment, features.tier, features.billing_interval,
    features.acquisition_channel, features.country, accounts.language, features.industry,
    months.is_complete
