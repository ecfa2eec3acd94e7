select
    event_id,
    cast(occurred_at as {{ dbt.type_timestamp() }}) as occurred_at,
    account_id,
    user_id,
    event_type,
    feature_id
from {{ source('raw', 'usage_events') }}
