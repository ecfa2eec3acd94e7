select
    promo_code_id,
    code,
    campaign,
    kind,
    discount_percent,
    duration_months,
    holdout_percent,
    cast(starts_at as {{ dbt.type_timestamp() }}) as starts_at,
    cast(ends_at as {{ dbt.type_timestamp() }}) as ends_at,
    cast(created_at as {{ dbt.type_timestamp() }}) as created_at,
    cast(updated_at as {{ dbt.type_timestamp() }}) as updated_at
from {{ source('raw', 'promo_codes') }}
