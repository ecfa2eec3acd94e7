{{ config(partition_by=by_month('cohort_month'), cluster_by=['segment']) }}

with account_months as (
    select * from {{ ref('account_months') }}
),

accounts as (
    select * from {{ ref('dim_account') }}
    where first_paid_month is not null
),

months as (
    select * from {{ ref('int_months') }}
    where is_complete
),

aged as (
    select
        accounts.account_id,
        accounts.signup_month as cohort_month,
        accounts.segment,
        account_months.months_since_first_paid,
        account_months.closing_is_customer,
        account_months.closing_mrr,
        first_value(account_months.closing_mrr) over (
            partition by accounts.account_id order by account_months.months_since_first_paid
        ) as first_mrr
    from account_months
    inner join accounts on account_months.account_id = accounts.account_id
    inner join months on account_months.month = months.month
    where account_months.months_since_first_paid is not null
),

counted as (
    select
        cohort_month,
        segment,
        months_since_first_paid,
        count(*) as observed_accounts,
        {{ count_where('closing_is_customer') }} as retained_accounts,
        {{ sum_money('first_mrr') }} as observed_first_mrr,
        {{ sum_money('closing_mrr') }} as retained_mrr
    from aged
    group by cohort_month, segment, months_since_first_paid
),

sized as (
    select
        signup_month as cohort_month,
        segment,
        count(*) as cohort_accounts
    from accounts
    group by signup_month, segment
)

select
    counted.cohort_month,
    counted.segment,
    counted.months_since_first_paid,
    sized.cohort_accounts,
    counted.observed_accounts,
    counted.retained_accounts,
    counted.observed_first_mrr,
    counted.retained_mrr,
    {{ ratio('counted.retained_accounts', 'counted.observed_accounts') }} as logo_retention,
    {{ ratio('counted.retained_mrr', 'counted.observed_first_mrr') }} as revenue_retention
from counted
inner join sized
    on counted.cohort_month = sized.cohort_month and counted.segment = sized.segment
