{{ config(materialized='view') }}
-- Finds the subscriptions for which the ledger, as it was last built, no longer agrees with the source.
-- Query it before a build. A subscription's row changes with every renewal, but the ledger takes only the
-- account and the cancellation_kind from it.
with subscriptions as (
    select * from {{ ref('stg_subscriptions') }}
),

states as (
    select * from {{ ref('int_subscription_states') }}
),

invoices as (
    select * from {{ ref('fct_invoices') }}
),

built as (
    select
        subscription_id,
        account_id,
        {{ month_of('valid_from') }} as month,
        status = 'canceled' as is_end,
        cancellation_kind
    from states

    union all

    select
        subscription_id,
        account_id,
        month,
        false as is_end,
        null as cancellation_kind
    from invoices
)

select
    built.subscription_id,
    min(built.month) as first_effect_month
from built
left join subscriptions on built.subscription_id = subscriptions.subscription_id
where
    subscriptions.subscription_id is null
    or built.account_id <> subscriptions.account_id
    or (
        built.is_end
        and coalesce(built.cancellation_kind, '') <> coalesce(subscriptions.cancellation_kind, '')
    )
group by built.subscription_id
