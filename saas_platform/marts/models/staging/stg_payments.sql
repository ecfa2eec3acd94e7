select
    payment_id,
    invoice_id,
    attempt_no,
    kind,
    method,
    status,
    failure_code,
    {{ to_dollars('amount_cents') }} as amount,
    cast(attempted_at as {{ dbt.type_timestamp() }}) as attempted_at,
    cast(created_at as {{ dbt.type_timestamp() }}) as created_at,
    cast(updated_at as {{ dbt.type_timestamp() }}) as updated_at
from {{ source('raw', 'payments') }}
