{{ config(partition_by=by_month('month')) }}

with days as (
    select * from {{ ref('user_growth_daily') }}
),

months as (
    select * from {{ ref('int_months') }}
),

ranked as (
    select
        days.*,
        row_number() over (partition by month order by date_day desc) as from_last
    from days
),

summed as (
    select
        month,
        {{ sum_integer('signups') }} as signups,
        {{ sum_integer('case when activated_signups is not null then signups end') }} as matured_signups,
        {{ sum_integer('activated_signups') }} as activated_signups,
        {{ sum_integer('new_users') }} as new_users,
        {{ ratio('sum(dau)', 'count(*)') }} as mean_dau,
        max(case when from_last = 1 then wau end) as wau,
        max(case when from_last = 1 then mau end) as mau
    from ranked
    group by month
)

select
    summed.month,
    months.is_complete,
    summed.signups,
    summed.matured_signups,
    summed.activated_signups,
    {{ ratio('summed.activated_signups', 'summed.matured_signups') }} as activation_rate,
    summed.new_users,
    summed.mean_dau,
    summed.wau,
    summed.mau,
    {{ ratio('summed.mean_dau', 'summed.mau') }} as stickiness
from summed
inner join months on summed.month = months.month
