{{ config(cluster_by=['account_id']) }}

with accounts as (
    select * from {{ ref('stg_accounts') }}
),

steps as (
    select * from {{ ref('int_mrr_steps') }}
),

subscription_states as (
    select * from {{ ref('int_subscription_states') }}
),

usage_daily as (
    select * from {{ ref('fct_usage_daily') }}
),

paid as (
    select
        account_id,
        min(case when movement = 'new' then valid_from end) as first_paid_at,
        max(case when movement = 'churn' then valid_from end) as last_churned_at
    from steps
    group by account_id
),

latest as (
    select
        account_id,
        mrr,
        is_customer,
        paused_subscriptions,
        row_number() over (partition by account_id order by valid_from desc) as from_last
    from steps
),

trials as (
    select
        account_id,
        {{ any_true("status = 'trialing' and valid_to is null") }} as is_trialing
    from subscription_states
    group by account_id
),

activations as (
    select
        account_id,
        min(first_key_feature_at) as first_key_feature_at
    from usage_daily
    group by account_id
)

select
    accounts.account_id,
    accounts.name,
    accounts.domain,
    accounts.industry,
    accounts.segment,
    accounts.employee_count,
    accounts.country,
    accounts.language,
    accounts.acquisition_channel,
    accounts.signed_up_at,
    {{ month_of('accounts.signed_up_at') }} as signup_month,
    case
        when activations.first_key_feature_at < {{ add_to_timestamp(
            'day', activation_days(), 'accounts.signed_up_at'
        ) }} then activations.first_key_feature_at
    end as activated_at,
    paid.first_paid_at,
    {{ month_of('paid.first_paid_at') }} as first_paid_month,
    case
        when latest.is_customer and latest.mrr = 0 and latest.paused_subscriptions > 0 then 'paused'
        when latest.is_customer then 'customer'
        when paid.first_paid_at is not null then 'churned'
        when trials.is_trialing then 'trial'
        else 'never_paid'
    end as status,
    case when not latest.is_customer then paid.last_churned_at end as churned_at,
    coalesce(latest.mrr, cast(0 as {{ type_money() }})) as mrr
from accounts
left join paid on accounts.account_id = paid.account_id
left join latest on accounts.account_id = latest.account_id and latest.from_last = 1
left join trials on accounts.account_id = trials.account_id
left join activations on accounts.account_id = activations.account_id
