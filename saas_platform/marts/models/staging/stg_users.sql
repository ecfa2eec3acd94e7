select
    user_id,
    account_id,
    email,
    full_name,
    role,
    device,
    cast(deactivated_at as {{ dbt.type_timestamp() }}) as deactivated_at,
    cast(created_at as {{ dbt.type_timestamp() }}) as created_at,
    cast(updated_at as {{ dbt.type_timestamp() }}) as updated_at
from {{ source('raw', 'users') }}
