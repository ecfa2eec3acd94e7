select
    change_id,
    subscription_id,
    change_no,
    kind,
    cast(effective_at as {{ dbt.type_timestamp() }}) as effective_at,
    status,
    plan_id,
    seats,
    {{ to_dollars('unit_price_cents') }} as unit_price,
    discount_percent,
    cast(created_at as {{ dbt.type_timestamp() }}) as created_at,
    cast(updated_at as {{ dbt.type_timestamp() }}) as updated_at
from {{ source('raw', 'subscription_changes') }}
