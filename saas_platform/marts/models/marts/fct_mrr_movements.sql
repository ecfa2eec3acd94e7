{{ config(**rebuilt_by_month('month', ['subscriptions', 'subscription_changes'], cluster_by=['account_id'])) }}

with steps as (
    select * from {{ ref('int_mrr_steps') }}
    where
        movement is not null
        {% if is_incremental() %}
        and valid_from >= {{ rebuilt_from(type=dbt.type_timestamp()) }}
        {% endif %}
)

select
    account_id,
    valid_from as occurred_at,
    {{ month_of('valid_from') }} as month,
    row_number() over (
        partition by account_id, {{ month_of('valid_from') }} order by valid_from
    ) as movement_no,
    movement,
    cause,
    case when movement = 'churn' then coalesce(churn_kind, 'voluntary') end as churn_kind,
    previous_mrr as opening_mrr,
    cast(mrr - previous_mrr as {{ type_money() }}) as amount,
    mrr as closing_mrr
from steps
