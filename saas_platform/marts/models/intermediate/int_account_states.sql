{{ config(cluster_by=['account_id']) }}

-- Sums all subscriptions of an account, after each time at which one of them changed.
with states as (
    select * from {{ ref('int_subscription_states') }}
),

measured as (
    select
        account_id,
        subscription_id,
        valid_from,
        cause,
        churn_kind,
        mrr,
        list_mrr,
        case when is_live then 1 else 0 end as live,
        case when status = 'paused' then 1 else 0 end as paused,
        case when status = 'past_due' then 1 else 0 end as past_due,
        case when is_live then seats else 0 end as seats
    from states
),

{% set measures = ['mrr', 'list_mrr', 'live', 'paused', 'past_due', 'seats'] %}

steps as (
    select
        account_id,
        valid_from,
        cause,
        churn_kind,
        {% for measure in measures %}
        {{ measure }} - coalesce(
            lag({{ measure }}) over (partition by subscription_id order by valid_from), 0
        ) as {{ measure }}_step{% if not loop.last %},{% endif %}
        {% endfor %}
    from measured
),

moments as (
    select
        account_id,
        valid_from,
        min(cause) as cause,
        -- Only of subscriptions that end at this time: one that lapsed earlier may be canceled now.
        max(case when live_step < 0 then churn_kind end) as churn_kind,
        {% for measure in measures %}
        sum({{ measure }}_step) as {{ measure }}_step{% if not loop.last %},{% endif %}
        {% endfor %}
    from steps
    group by account_id, valid_from
),

added_up as (
    select
        account_id,
        valid_from,
        cause,
        churn_kind,
        {% for measure in measures %}
        sum({{ measure }}_step) over (
            partition by account_id order by valid_from
            rows between unbounded preceding and current row
        ) as {{ measure }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from moments
)

select
    account_id,
    valid_from,
    cause,
    churn_kind,
    cast(mrr as {{ type_money() }}) as mrr,
    cast(list_mrr as {{ type_money() }}) as list_mrr,
    cast(live as {{ dbt.type_bigint() }}) as live_subscriptions,
    cast(paused as {{ dbt.type_bigint() }}) as paused_subscriptions,
    cast(past_due as {{ dbt.type_bigint() }}) as past_due_subscriptions,
    cast(seats as {{ dbt.type_bigint() }}) as seats
from added_up
