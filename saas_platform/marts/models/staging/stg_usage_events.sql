-- BigQuery reads only those days of raw.usage_events that a filter on the column itself selects, and it
-- rejects a query without such a filter. So `occurred_at` is not cast, and a filter that all days pass is
-- here.
select
    event_id,
    occurred_at,
    account_id,
    user_id,
    event_type,
    feature_id
from {{ source('raw', 'usage_events') }}
where occurred_at >= timestamp '0001-01-01 00:00:00'
