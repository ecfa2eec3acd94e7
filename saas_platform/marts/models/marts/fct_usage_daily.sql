{{ config(**rebuilt_by_month('usage_date', ['usage_events'], cluster_by=['account_id', 'user_id'])) }}

with events as (
    select * from {{ ref('stg_usage_events') }}
    {% if is_incremental() %}
    where occurred_at >= {{ rebuilt_from(type=dbt.type_timestamp()) }}
    {% endif %}
),

features as (
    select * from {{ ref('stg_features') }}
),

dated as (
    select
        events.account_id,
        events.user_id,
        events.occurred_at,
        cast(events.occurred_at as date) as usage_date,
        events.event_type,
        features.is_key
    from events
    left join features on events.feature_id = features.feature_id
)

select
    account_id,
    user_id,
    usage_date,
    count(*) as events,
    {{ count_where("event_type = 'login'") }} as logins,
    {{ count_where("event_type = 'feature_use'") }} as feature_uses,
    min(case when is_key then occurred_at end) as first_key_feature_at
from dated
group by account_id, user_id, usage_date
