{{ config(meta={'dagster': {'ref': {'name': 'billing_health'}}}) }}

-- A charge that failed was attempted, and a payment that recovered had failed. Every invoice is billed in
-- some month, and the receivables of the last month are the invoices that are not settled.
with months as (
    select
        *,
        row_number() over (order by month desc) as from_last
    from {{ ref('billing_health') }}
),

totals as (
    select
        coalesce(sum(billings), 0) as billings,
        coalesce(sum(case when from_last = 1 then receivables end), 0) as receivables
    from months
),

invoices as (
    select
        coalesce(sum(total), 0) as billings,
        coalesce(sum(case when settled_at is null then total end), 0) as receivables
    from {{ ref('fct_invoices') }}
)

select cast(month as {{ dbt.type_string() }}) as problem
from months
where
    failed_charges > attempted_charges
    or first_failures > failed_charges
    or recovered_failures > first_failures

union all

select 'the months miss invoices' as problem
from totals
cross join invoices
where totals.billings <> invoices.billings or totals.receivables <> invoices.receivables
