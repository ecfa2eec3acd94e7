{{ config(cluster_by=['account_id', 'subscription_id']) }}

-- Computes the state and MRR of each subscription, with the time from which and until which it holds.
with changes as (
    select * from {{ ref('stg_subscription_changes') }}
    where effective_at < {{ as_of() }}
),

subscriptions as (
    select * from {{ ref('stg_subscriptions') }}
),

plans as (
    select * from {{ ref('stg_plans') }}
),

ordered as (
    select
        changes.*,
        lag(changes.status) over (
            partition by changes.subscription_id order by changes.change_no
        ) as previous_status,
        lead(changes.effective_at) over (
            partition by changes.subscription_id order by changes.change_no
        ) as next_effective_at
    from changes
),

numbered as (
    select
        ordered.*,
        sum(case when status = previous_status then 0 else 1 end) over (
            partition by subscription_id order by change_no
            rows between unbounded preceding and current row
        ) as spell_no
    from ordered
),

-- A pause or a debt lapses after a fixed number of days; other changes in the meantime do not extend it.
{% set spell_start = 'min(effective_at) over (partition by subscription_id, spell_no)' %}
limited as (
    select
        numbered.*,
        case status
            when 'paused' then {{ add_to_timestamp('day', pause_days(), spell_start) }}
            when 'past_due' then {{ add_to_timestamp('day', dunning_days(), spell_start) }}
        end as lapses_at
    from numbered
),

-- A change that another change overrides at the same time was never in force.
as_changed as (
    select
        subscription_id,
        plan_id,
        seats,
        unit_price,
        discount_percent,
        previous_status,
        effective_at as valid_from,
        next_effective_at as valid_to,
        kind as cause,
        case when effective_at >= lapses_at then 'lapsed' else status end as status,
        lapses_at
    from limited
    where next_effective_at is null or next_effective_at > effective_at
),

split as (
    select
        subscription_id,
        plan_id,
        seats,
        unit_price,
        discount_percent,
        previous_status,
        valid_from,
        case
            when status <> 'lapsed' and lapses_at < coalesce(valid_to, {{ as_of() }}) then lapses_at
            else valid_to
        end as valid_to,
        cause,
        status
    from as_changed

    union all

    -- The source records nothing when a pause or debt lapses; the time follows from the rule.
    select
        subscription_id,
        plan_id,
        seats,
        unit_price,
        discount_percent,
        status as previous_status,
        lapses_at as valid_from,
        valid_to,
        case when status = 'paused' then 'pause_lapsed' else 'dunning_lapsed' end as cause,
        'lapsed' as status
    from as_changed
    where status <> 'lapsed' and lapses_at < coalesce(valid_to, {{ as_of() }})
),

priced as (
    select
        split.*,
        subscriptions.account_id,
        subscriptions.cancellation_kind,
        plans.tier,
        plans.billing_interval,
        case when plans.billing_interval = 'year' then 12 else 1 end as interval_months,
        split.status in ('active', 'past_due') as is_charged,
        case
            when split.status in ('canceled', 'lapsed') then coalesce(
                -- A subscription that is canceled after it lapsed had already ended, for another reason.
                case when split.status = 'canceled' then subscriptions.cancellation_kind end,
                case when split.previous_status = 'past_due' then 'involuntary' else 'voluntary' end
            )
        end as churn_kind
    from split
    inner join subscriptions on split.subscription_id = subscriptions.subscription_id
    inner join plans on split.plan_id = plans.plan_id
)

select
    subscription_id,
    account_id,
    valid_from,
    valid_to,
    status,
    cause,
    churn_kind,
    cancellation_kind,
    plan_id,
    tier,
    billing_interval,
    seats,
    unit_price,
    discount_percent,
    status in ('active', 'past_due', 'paused') as is_live,
    case
        when is_charged
            then {{ money_share('unit_price', 'seats * (100 - discount_percent)', '100 * interval_months') }}
        else cast(0 as {{ type_money() }})
    end as mrr,
    case
        when is_charged then {{ money_share('unit_price', 'seats', 'interval_months') }}
        else cast(0 as {{ type_money() }})
    end as list_mrr
from priced
