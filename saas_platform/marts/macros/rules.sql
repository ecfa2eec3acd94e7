{# The numbers of the metric definitions, once each. #}

{# After a pause of this many days the account counts as churned. #}
{% macro pause_days() -%} {{ return(90) }} {%- endmacro %}

{# After this many days past due dunning has failed, whatever the source still says. #}
{% macro dunning_days() -%} {{ return(30) }} {%- endmacro %}

{# Days from signup within which the key event activates an account. #}
{% macro activation_days() -%} {{ return(7) }} {%- endmacro %}

{# Days from the first failure within which a payment counts as recovered. #}
{% macro recovery_days() -%} {{ return(30) }} {%- endmacro %}

{# Days from the offer within which a purchase counts as converted: two trials long. #}
{% macro conversion_days() -%} {{ return(30) }} {%- endmacro %}

{# What can happen to MRR, in the order of the reports. #}
{% macro movement_kinds() -%}
    {{ return(['new', 'expansion', 'contraction', 'churn', 'reactivation']) }}
{%- endmacro %}

{# Months over which LTV is summed. #}
{% macro ltv_months() -%} {{ return(36) }} {%- endmacro %}

{# Part of the revenue that is left after the cost of serving it; a company's own figure. #}
{% macro gross_margin_percent() -%} {{ return(var('gross_margin_percent')) }} {%- endmacro %}

{# Accounts that a month of life must have seen for its own loss rate to count. #}
{% macro least_at_risk() -%} {{ return(30) }} {%- endmacro %}
