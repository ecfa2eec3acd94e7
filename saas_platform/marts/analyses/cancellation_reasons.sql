-- Why subscriptions end, by kind, with the MRR that was lost.
with subscriptions as (
    select * from {{ ref('stg_subscriptions') }}
    where status = 'canceled'
),

worth as (
    select
        subscription_id,
        valid_to,
        mrr,
        row_number() over (partition by subscription_id order by valid_from desc) as from_last
    from {{ ref('int_subscription_states') }}
    where is_live
)

select
    subscriptions.cancellation_kind,
    subscriptions.cancellation_reason,
    count(*) as subscriptions,
    {{ sum_money('worth.mrr') }} as lost_mrr,
    {{ ratio('count(*)', 'sum(count(*)) over ()') }} as share_of_cancellations
from subscriptions
left join worth
    on subscriptions.subscription_id = worth.subscription_id and worth.from_last = 1
group by subscriptions.cancellation_kind, subscriptions.cancellation_reason
order by lost_mrr desc, subscriptions.cancellation_reason
