{{ config(partition_by=by_month('month'), cluster_by=['invoice_id']) }}

-- Spreads the net amount of each invoice evenly over the days that it covers, to the cent. Each month takes
-- the share due by its end less the share due by its start, so that the parts add up to the whole.
with invoices as (
    select * from {{ ref('fct_invoices') }}
    where status not in ('void', 'uncollectible')
),

months as (
    select * from {{ ref('int_months') }}
),

covering as (
    select
        invoice_id,
        net_amount as net,
        cast(period_start as date) as first_day,
        {{ dbt.datediff('cast(period_start as date)', 'cast(period_end as date)', 'day') }} as days
    from invoices
),

-- An upgrade in the last hours of a period covers no midnight, so it counts as one day.
spread as (
    select
        invoice_id,
        net,
        first_day,
        greatest(days, 1) as days
    from covering
),

elapsed as (
    select
        spread.invoice_id,
        spread.net,
        spread.days,
        months.month,
        greatest({{ dbt.datediff('spread.first_day', 'months.month', 'day') }}, 0) as days_before,
        least({{ dbt.datediff('spread.first_day', 'months.end_date', 'day') }}, spread.days) as days_after
    from spread
    inner join months
        on
            spread.first_day < months.end_date
            and {{ dbt.datediff('spread.first_day', 'months.month', 'day') }} < spread.days
)

select
    invoice_id,
    month,
    cast(
        {{ money_share('net', 'days_after', 'days') }}
        - {{ money_share('net', 'days_before', 'days') }}
        as {{ type_money() }}
    ) as amount
from elapsed
