select
    promo_redemption_id,
    promo_code_id,
    account_id,
    arm,
    cast(assigned_at as {{ dbt.type_timestamp() }}) as assigned_at,
    cast(redeemed_at as {{ dbt.type_timestamp() }}) as redeemed_at,
    subscription_id,
    cast(created_at as {{ dbt.type_timestamp() }}) as created_at,
    cast(updated_at as {{ dbt.type_timestamp() }}) as updated_at
from {{ source('raw', 'promo_redemptions') }}
