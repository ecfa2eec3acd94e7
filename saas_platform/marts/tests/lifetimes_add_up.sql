{{ config(meta={'dagster': {'ref': {'name': 'account_ltv'}}}) }}

-- Survival starts at 1 at most and never grows, no account is expected to stay longer than the horizon, and
-- every account that ever paid has a value. Floats are compared to nine digits.
with curves as (
    select
        *,
        lag(survival) over (partition by segment order by months_since_first_paid) as previous
    from {{ ref('int_segment_survival') }}
),

accounts as (
    select account_id
    from {{ ref('dim_account') }}
    where first_paid_month is not null
)

select segment as problem
from curves
where survival < 0 or survival > coalesce(previous, 1) + 0.000000001

union all

select cast(accounts.account_id as {{ dbt.type_string() }}) as problem
from accounts
left join {{ ref('account_ltv') }} as ltv on accounts.account_id = ltv.account_id
where
    ltv.account_id is null
    or ltv.expected_months < 0
    or ltv.expected_months > {{ ltv_months() }}
