-- Lists the calendar months up to as_of. The last one may still be running.
with dates as (
    select * from {{ ref('dim_date') }}
),

months as (
    select
        month,
        min(date_day) as first_day,
        max(date_day) as last_day
    from dates
    group by month
),

bounded as (
    select
        month,
        cast({{ add_to_date('day', 1, 'last_day') }} as {{ dbt.type_timestamp() }}) as calendar_end_at,
        {{ dbt.datediff('first_day', 'last_day', 'day') }} + 1 as days
    from months
)

select
    month,
    days,
    least(calendar_end_at, {{ as_of() }}) as end_at,
    cast(least(calendar_end_at, {{ as_of() }}) as date) as end_date,
    calendar_end_at <= {{ as_of() }} as is_complete
from bounded
