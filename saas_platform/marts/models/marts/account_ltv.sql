{{ config(cluster_by=['account_id']) }}

with accounts as (
    select * from {{ ref('dim_account') }}
    where first_paid_month is not null
),

account_months as (
    select * from {{ ref('account_months') }}
    where closing_is_paying
),

payments as (
    select * from {{ ref('fct_payments') }}
    where status = 'succeeded'
),

segments as (
    select
        segment,
        max(arpa) as arpa,
        sum(survival) as expected_months
    from {{ ref('int_segment_survival') }}
    group by segment
),

paid as (
    select
        account_id,
        {{ sum_money("case when kind = 'refund' then -net_amount else net_amount end") }} as net_revenue
    from payments
    group by account_id
),

means as (
    select
        account_id,
        count(*) as paying_months,
        {{ sum_money('closing_mrr') }} as total_mrr
    from account_months
    group by account_id
),

joined as (
    select
        accounts.account_id,
        accounts.segment,
        accounts.first_paid_month,
        accounts.status,
        accounts.mrr,
        coalesce(means.paying_months, 0) as paying_months,
        case
            when means.paying_months > 0 then {{ money_share('means.total_mrr', '1', 'means.paying_months') }}
        end as mean_mrr,
        coalesce(paid.net_revenue, cast(0 as {{ type_money() }})) as net_revenue,
        segments.arpa as segment_arpa,
        segments.expected_months
    from accounts
    left join means on accounts.account_id = means.account_id
    left join paid on accounts.account_id = paid.account_id
    left join segments on accounts.segment = segments.segment
)

select
    account_id,
    segment,
    first_paid_month,
    status,
    mrr,
    paying_months,
    mean_mrr,
    net_revenue,
    {{ money_share('net_revenue', gross_margin_percent(), '100') }} as gross_profit,
    expected_months,
    segment_arpa,
    {{ money_times('segment_arpa', 'expected_months * ' ~ gross_margin_percent() ~ ' / 100') }} as segment_ltv_36m,
    {{ money_times('mean_mrr', 'expected_months * ' ~ gross_margin_percent() ~ ' / 100') }} as ltv_36m
from joined
