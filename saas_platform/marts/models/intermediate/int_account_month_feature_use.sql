{{ config(**rebuilt_by_month(
    'month',
    ['usage_events'],
    unaffected_by={'accounts': 'only the calendar depends on it, and a change of its first month leads to a full refresh'},
    cluster_by=['account_id']
)) }}

-- Counts the features that an account used in the 28 days before the end of each month.
with events as (
    select * from {{ ref('stg_usage_events') }}
    where
        feature_id is not null
        {% if is_incremental() %}
        and occurred_at >= {{ rebuilt_from(days_before=28, type=dbt.type_timestamp()) }}
        {% endif %}
),

months as (
    select * from {{ ref('int_months') }}
    {% if is_incremental() %}
    where month >= {{ rebuilt_from() }}
    {% endif %}
),

-- One day per month is enough: a window that ends in or after a month sees the feature if it sees the last
-- day on which the feature was used in that month.
last_uses as (
    select
        account_id,
        feature_id,
        {{ month_of('occurred_at') }} as month,
        max(cast(occurred_at as date)) as last_used_on
    from events
    group by account_id, feature_id, {{ month_of('occurred_at') }}
)

select
    last_uses.account_id,
    months.month,
    count(distinct last_uses.feature_id) as features_used_28d
from last_uses
inner join months
    on
        last_uses.last_used_on < months.end_date
        and last_uses.last_used_on >= {{ add_to_date('day', -28, 'months.end_date') }}
group by last_uses.account_id, months.month
