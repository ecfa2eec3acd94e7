{{ config(cluster_by=['account_id', 'user_id']) }}

with users as (
    select * from {{ ref('stg_users') }}
)

select
    user_id,
    account_id,
    role,
    device,
    created_at,
    deactivated_at,
    deactivated_at is null as is_active
from users
