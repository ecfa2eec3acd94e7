{{ config(partition_by=by_month('month'), cluster_by=['account_id']) }}

{# Each sign of trouble with its condition and the points that it deducts, strongest first. #}
{% set signs = {
    'is_late': ('is_past_due or failed_payments_60d > 0', 40),
    'is_silent': ('coalesce(days_since_last_login, 31) > 14', 20),
    'is_fading': ('events_ratio < 0.5', 20),
    'is_shrinking': ('seats_change_90d < 0', 10),
    'is_complaining': ('complaints_90d > 0', 10)
} %}
with features as (
    select * from {{ ref('account_month_features') }}
),

signed as (
    select
        features.*,
        {% for name, (condition, points) in signs.items() %}
        coalesce({{ condition }}, false) as {{ name }},
        {% endfor %}
        month = max(month) over () as is_latest
    from features
),

scored as (
    select
        signed.*,
        100
        {% for name, (condition, points) in signs.items() %}
        - case when {{ name }} then {{ points }} else 0 end
        {% endfor %} as health_score
    from signed
)

select
    account_id,
    month,
    is_latest,
    segment,
    mrr,
    {% for name in signs %}
    {{ name }},
    {% endfor %}
    cast(health_score as {{ dbt.type_bigint() }}) as health_score,
    case
        when health_score > 80 then 'healthy'
        when health_score > 50 then 'watch'
        else 'at_risk'
    end as health,
    churned_next_month
from scored
