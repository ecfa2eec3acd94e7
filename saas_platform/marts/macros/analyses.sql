{# Selects accounts, users and revenue by a column of dim_account. #}
{% macro company_by(dimension) -%}
with accounts as (
    select * from {{ ref('dim_account') }}
),

users as (
    select
        account_id,
        {{ count_where('is_active') }} as active_seats
    from {{ ref('dim_user') }}
    group by account_id
),

payments as (
    select
        account_id,
        {{ sum_money("case when kind = 'refund' then -net_amount else net_amount end") }} as net_revenue
    from {{ ref('fct_payments') }}
    where status = 'succeeded'
    group by account_id
)

select
    accounts.{{ dimension }},
    count(*) as signups,
    {{ count_where('accounts.activated_at is not null') }} as activated,
    {{ count_where('accounts.first_paid_at is not null') }} as ever_paid,
    {{ count_where("accounts.status in ('customer', 'paused')") }} as customers,
    {{ count_where("accounts.status = 'churned'") }} as churned,
    {{ ratio(count_where('accounts.first_paid_at is not null'), 'count(*)') }} as signup_to_paid,
    {{ sum_integer('users.active_seats') }} as users,
    {{ sum_money('accounts.mrr') }} as mrr,
    {{ sum_money('payments.net_revenue') }} as net_revenue
from accounts
left join users on accounts.account_id = users.account_id
left join payments on accounts.account_id = payments.account_id
group by accounts.{{ dimension }}
order by mrr desc, accounts.{{ dimension }}
{%- endmacro %}


{# Selects kept / base of cohort_retention as a triangle: a row for each signup month, a column for each k. #}
{% macro cohort_triangle(kept, base, months=24) -%}
select
    cohort_month,
    {{ sum_integer('case when months_since_first_paid = 0 then cohort_accounts end') }} as cohort_accounts
    {%- for k in range(months) %},
    {{ ratio(
        'sum(case when months_since_first_paid = ' ~ k ~ ' then ' ~ kept ~ ' end)',
        'sum(case when months_since_first_paid = ' ~ k ~ ' then ' ~ base ~ ' end)'
    ) }} as month_{{ k }}
    {%- endfor %}
from {{ ref('cohort_retention') }}
group by cohort_month
order by cohort_month
{%- endmacro %}
