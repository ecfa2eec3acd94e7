-- Trials that required a card compared with those that did not.
select
    trial_with_card,
    {{ sum_integer('trials') }} as trials,
    {{ sum_integer('converted_trials') }} as converted_trials,
    {{ ratio('sum(converted_trials)', 'sum(trials)') }} as conversion_rate
from {{ ref('trial_funnel') }}
group by trial_with_card
order by trial_with_card
