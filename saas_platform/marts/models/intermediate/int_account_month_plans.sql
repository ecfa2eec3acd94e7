{{ config(partition_by=by_month('month'), cluster_by=['account_id']) }}

-- Selects the main subscription of an account at the end of each month: the one with the highest MRR.
with states as (
    select * from {{ ref('int_subscription_states') }}
    where is_live
),

months as (
    select * from {{ ref('int_months') }}
),

invoices as (
    select * from {{ ref('stg_invoices') }}
),

held as (
    select
        states.account_id,
        states.subscription_id,
        states.tier,
        states.billing_interval,
        states.discount_percent,
        months.month,
        months.end_at,
        row_number() over (
            partition by states.account_id, months.month
            order by states.mrr desc, states.list_mrr desc, states.subscription_id
        ) as rank_no
    from states
    inner join months
        on
            states.valid_from < months.end_at
            and (states.valid_to >= months.end_at or states.valid_to is null)
),

main as (
    select * from held
    where rank_no = 1
),

-- The end of the billing period as it was known then, from the invoices sent by then. The subscription row
-- itself holds only its current period.
periods as (
    select
        main.account_id,
        main.month,
        max(invoices.period_end) as period_end
    from main
    inner join invoices
        on
            main.subscription_id = invoices.subscription_id
            and main.end_at > invoices.issued_at
            and main.end_at > invoices.period_start
            and main.end_at <= invoices.period_end
    group by main.account_id, main.month
)

select
    main.account_id,
    main.month,
    main.subscription_id,
    main.tier,
    main.billing_interval,
    main.discount_percent,
    periods.period_end
from main
left join periods on main.account_id = periods.account_id and main.month = periods.month
