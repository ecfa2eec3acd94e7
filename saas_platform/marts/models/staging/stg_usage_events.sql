-- BigQuery reads of raw.usage_events only the days that a filter on the column itself names, and refuses a
-- query without one: so `occurred_at` is not cast, and the filter that holds every day stands here.
select
    event_id,
    occurred_at,
    account_id,
    user_id,
    event_type,
    feature_id
from {{ source('raw', 'usage_events') }}
where occurred_at >= timestamp '0001-01-01 00:00:00'
