select
    feature_id,
    code,
    name,
    category,
    is_key,
    cast(released_at as {{ dbt.type_timestamp() }}) as released_at,
    cast(created_at as {{ dbt.type_timestamp() }}) as created_at,
    cast(updated_at as {{ dbt.type_timestamp() }}) as updated_at
from {{ source('raw', 'features') }}
