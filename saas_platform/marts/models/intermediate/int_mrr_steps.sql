{{ config(cluster_by=['account_id']) }}

-- Classifies each change of an account as an MRR movement, if it is one. The account is a customer from its
-- first MRR above 0 until none of its subscriptions is live; a free or paused subscription is live.
with states as (
    select * from {{ ref('int_account_states') }}
),

alive as (
    select
        states.*,
        live_subscriptions > 0 as is_live,
        coalesce(
            lag(live_subscriptions) over (partition by account_id order by valid_from), 0
        ) > 0 as was_live
    from states
),

spells as (
    select
        alive.*,
        sum(case when is_live and not was_live then 1 else 0 end) over (
            partition by account_id order by valid_from
            rows between unbounded preceding and current row
        ) as spell_no
    from alive
),

customers as (
    select
        spells.*,
        is_live and max(case when mrr > 0 then 1 else 0 end) over (
            partition by account_id, spell_no order by valid_from
            rows between unbounded preceding and current row
        ) = 1 as is_customer
    from spells
),

compared as (
    select
        customers.*,
        coalesce(lag(mrr) over (partition by account_id order by valid_from), 0) as previous_mrr,
        coalesce(
            lag(is_customer) over (partition by account_id order by valid_from), false
        ) as was_customer,
        coalesce(max(case when is_customer then 1 else 0 end) over (
            partition by account_id order by valid_from
            rows between unbounded preceding and 1 preceding
        ), 0) = 1 as was_ever_customer
    from customers
)

select
    account_id,
    valid_from,
    cause,
    churn_kind,
    cast(previous_mrr as {{ type_money() }}) as previous_mrr,
    mrr,
    list_mrr,
    live_subscriptions,
    paused_subscriptions,
    past_due_subscriptions,
    seats,
    is_customer,
    case
        when is_customer and not was_customer and was_ever_customer then 'reactivation'
        when is_customer and not was_customer then 'new'
        when was_customer and not is_customer then 'churn'
        when mrr > previous_mrr then 'expansion'
        when mrr < previous_mrr then 'contraction'
    end as movement
from compared
