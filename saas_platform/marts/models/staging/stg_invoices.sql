select
    invoice_id,
    subscription_id,
    number,
    status,
    cast(issued_at as {{ dbt.type_timestamp() }}) as issued_at,
    cast(due_at as {{ dbt.type_timestamp() }}) as due_at,
    cast(period_start as {{ dbt.type_timestamp() }}) as period_start,
    cast(period_end as {{ dbt.type_timestamp() }}) as period_end,
    {{ to_dollars('subtotal_cents') }} as subtotal,
    {{ to_dollars('discount_cents') }} as discount,
    {{ to_dollars('tax_cents') }} as tax,
    {{ to_dollars('total_cents') }} as total,
    cast(paid_at as {{ dbt.type_timestamp() }}) as paid_at,
    cast(created_at as {{ dbt.type_timestamp() }}) as created_at,
    cast(updated_at as {{ dbt.type_timestamp() }}) as updated_at
from {{ source('raw', 'invoices') }}
