select
    ticket_id,
    account_id,
    user_id,
    category,
    priority,
    status,
    subject,
    cast(opened_at as {{ dbt.type_timestamp() }}) as opened_at,
    cast(first_response_at as {{ dbt.type_timestamp() }}) as first_response_at,
    cast(resolved_at as {{ dbt.type_timestamp() }}) as resolved_at,
    satisfaction,
    cast(created_at as {{ dbt.type_timestamp() }}) as created_at,
    cast(updated_at as {{ dbt.type_timestamp() }}) as updated_at
from {{ source('raw', 'support_tickets') }}
