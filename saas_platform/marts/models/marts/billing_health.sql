{{ config(partition_by=by_month('month')) }}

with payments as (
    select * from {{ ref('fct_payments') }}
    where kind = 'charge'
),

invoices as (
    select * from {{ ref('fct_invoices') }}
),

months as (
    select * from {{ ref('int_months') }}
),

attempts as (
    select
        month,
        count(*) as attempted_charges,
        {{ count_where("status = 'failed'") }} as failed_charges,
        {{ sum_money('amount') }} as attempted_amount,
        {{ sum_money("case when status = 'failed' then amount end") }} as failed_amount
    from payments
    group by month
),

first_failures as (
    select
        invoice_id,
        min(case when status = 'failed' then attempted_at end) as first_failed_at,
        min(case when status = 'succeeded' then attempted_at end) as collected_at
    from payments
    group by invoice_id
),

recoveries as (
    select
        {{ month_of('first_failed_at') }} as month,
        count(*) as first_failures,
        {{ count_where(
            'collected_at < ' ~ add_to_timestamp('day', recovery_days(), 'first_failed_at')
        ) }} as recovered_failures
    from first_failures
    where first_failed_at is not null
    group by {{ month_of('first_failed_at') }}
),

-- An invoice is a receivable until it is paid, given up or withdrawn.
balances as (
    select
        month,
        total as billed,
        total as change
    from invoices

    union all

    select
        {{ month_of('settled_at') }} as month,
        cast(0 as {{ type_money() }}) as billed,
        -total as change
    from invoices
    where settled_at is not null
),

monthly_balances as (
    select
        month,
        sum(billed) as billed,
        sum(change) as change
    from balances
    group by month
),

combined as (
    select
        months.month,
        months.is_complete,
        {{ dbt.datediff('months.month', 'months.end_date', 'day') }} as days,
        {{ add_to_timestamp('day', recovery_days(), 'months.end_at') }} <= {{ as_of() }} as is_matured,
        coalesce(attempts.attempted_charges, 0) as attempted_charges,
        coalesce(attempts.failed_charges, 0) as failed_charges,
        coalesce(attempts.attempted_amount, cast(0 as {{ type_money() }})) as attempted_amount,
        coalesce(attempts.failed_amount, cast(0 as {{ type_money() }})) as failed_amount,
        coalesce(recoveries.first_failures, 0) as first_failures,
        coalesce(recoveries.recovered_failures, 0) as recovered_failures,
        cast(coalesce(monthly_balances.billed, 0) as {{ type_money() }}) as billings,
        cast(coalesce(sum(monthly_balances.change) over (
            order by months.month rows between unbounded preceding and current row
        ), 0) as {{ type_money() }}) as receivables
    from months
    left join attempts on months.month = attempts.month
    left join recoveries on months.month = recoveries.month
    left join monthly_balances on months.month = monthly_balances.month
)

select
    month,
    is_complete,
    attempted_charges,
    failed_charges,
    {{ ratio('failed_charges', 'attempted_charges') }} as decline_rate,
    attempted_amount,
    failed_amount,
    first_failures,
    case when is_matured then recovered_failures end as recovered_failures,
    case when is_matured then {{ ratio('recovered_failures', 'first_failures') }} end as recovery_rate,
    billings,
    receivables,
    {{ ratio('receivables', 'billings') }} * days as dso_days
from combined
