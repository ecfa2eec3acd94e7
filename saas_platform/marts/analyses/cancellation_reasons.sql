-- Counts why subscriptions end, by kind, with the MRR that was lost.
with canceled as (
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
    canceled.cancellation_kind,
    canceled.cancellation_reason,
    count(*) as subscriptions,
    {{ sum_money('worth.mrr') }} as lost_mrr,
    {{ ratio('count(*)', 'sum(count(*)) over ()') }} as share_of_cancellations
from canceled
left join worth
    on canceled.subscription_id = worth.subscription_id and worth.from_last = 1
group by canceled.cancellation_kind, canceled.cancellation_reason
order by lost_mrr desc, canceled.cancellation_reason
