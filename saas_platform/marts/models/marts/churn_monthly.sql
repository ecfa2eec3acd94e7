{{ config(partition_by=by_month('month'), cluster_by=['segment']) }}

with account_months as (
    select * from {{ ref('account_months') }}
),

accounts as (
    select * from {{ ref('dim_account') }}
),

months as (
    select * from {{ ref('int_months') }}
),

summed as (
    select
        account_months.month,
        accounts.segment,
        {{ count_where('opening_is_customer') }} as opening_customers,
        {{ count_where('is_churned') }} as churned_customers,
        {{ sum_money('opening_mrr') }} as opening_mrr,
        {{ sum_money('case when is_churned then opening_mrr end') }} as churned_mrr,
        {{ sum_money('-contraction_mrr') }} as contraction_mrr,
        {% for kind in ['voluntary', 'involuntary'] %}
        {{ count_where("churn_kind = '" ~ kind ~ "'") }} as {{ kind }}_churned_customers,
        {{ sum_money("case when churn_kind = '" ~ kind ~ "' then opening_mrr end") }}
            as {{ kind }}_churned_mrr{% if not loop.last %},{% endif %}
        {% endfor %}
    from account_months
    inner join accounts on account_months.account_id = accounts.account_id
    group by account_months.month, accounts.segment
)

select
    summed.month,
    summed.segment,
    months.is_complete,
    summed.opening_customers,
    summed.churned_customers,
    summed.voluntary_churned_customers,
    summed.involuntary_churned_customers,
    {{ ratio('churned_customers', 'opening_customers') }} as logo_churn_rate,
    {{ ratio('voluntary_churned_customers', 'opening_customers') }} as voluntary_logo_churn_rate,
    {{ ratio('involuntary_churned_customers', 'opening_customers') }} as involuntary_logo_churn_rate,
    summed.opening_mrr,
    summed.churned_mrr,
    summed.voluntary_churned_mrr,
    summed.involuntary_churned_mrr,
    summed.contraction_mrr,
    {{ ratio('churned_mrr', 'opening_mrr') }} as revenue_churn_rate,
    {{ ratio('voluntary_churned_mrr', 'opening_mrr') }} as voluntary_revenue_churn_rate,
    {{ ratio('involuntary_churned_mrr', 'opening_mrr') }} as involuntary_revenue_churn_rate
from summed
inner join months on summed.month = months.month
