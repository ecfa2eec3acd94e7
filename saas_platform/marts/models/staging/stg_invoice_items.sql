select
    invoice_item_id,
    invoice_id,
    line_no,
    kind,
    plan_id,
    quantity,
    {{ to_dollars('unit_price_cents') }} as unit_price,
    {{ to_dollars('amount_cents') }} as amount,
    cast(created_at as {{ dbt.type_timestamp() }}) as created_at,
    cast(updated_at as {{ dbt.type_timestamp() }}) as updated_at
from {{ source('raw', 'invoice_items') }}
