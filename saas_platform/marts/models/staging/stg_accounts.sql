select
    account_id,
    name,
    domain,
    industry,
    segment,
    employee_count,
    country,
    language,
    acquisition_channel,
    cast(signed_up_at as {{ dbt.type_timestamp() }}) as signed_up_at,
    cast(created_at as {{ dbt.type_timestamp() }}) as created_at,
    cast(updated_at as {{ dbt.type_timestamp() }}) as updated_at
from {{ source('raw', 'accounts') }}
