with trials as (
    select * from {{ ref('trial_funnel') }}
)

select
    cohort_month,
    trial_with_card,
    trials,
    converted_trials,
    expired_trials,
    conversion_rate
from trials
