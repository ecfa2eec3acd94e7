{{ config(cluster_by=['account_id', 'subscription_id']) }}

-- What each subscription was worth, and from when to when.
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
        sum(case when status = 'paused' and coalesce(previous_status, '') <> 'paused' then 1 else 0 end)
            over (
                partition by subscription_id order by change_no
                rows between unbounded preceding and current row
            ) as pause_no
    from ordered
),

paused as (
    select
        numbered.*,
        case when status = 'paused' then {{ add_to_moment(
            'day',
            pause_days(),
            "min(case when status = 'paused' then effective_at end)"
            ~ " over (partition by subscription_id, pause_no)"
        ) }} end as lapses_at
    from numbered
),

-- A change that another one overrides at the same moment never held.
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
    from paused
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
            when status = 'paused' and lapses_at < coalesce(valid_to, {{ as_of() }}) then lapses_at
            else valid_to
        end as valid_to,
        cause,
        status
    from as_changed

    union all

    -- Nothing is recorded when a pause grows too long: the moment follows from the rule.
    select
        subscription_id,
        plan_id,
        seats,
        unit_price,
        discount_percent,
        'paused' as previous_status,
        lapses_at as valid_from,
        valid_to,
        'pause_lapsed' as cause,
        'lapsed' as status
    from as_changed
    where status = 'paused' and lapses_at < coalesce(valid_to, {{ as_of() }})
),

priced as (
    select
        split.*,
        subscriptions.account_id,
        plans.tier,
        plans.billing_interval,
        case when plans.billing_interval = 'year' then 12 else 1 end as interval_months,
        split.status in ('active', 'past_due') as is_charged,
        case
            when split.status in ('canceled', 'lapsed') then coalesce(
                subscriptions.cancellation_kind,
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
