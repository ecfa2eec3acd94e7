select
    plan_id,
    code,
    name,
    tier,
    billing_interval,
    {{ to_dollars('seat_price_cents') }} as seat_price,
    trial_days,
    cast(created_at as {{ dbt.type_timestamp() }}) as created_at,
    cast(updated_at as {{ dbt.type_timestamp() }}) as updated_at
from {{ source('raw', 'plans') }}
