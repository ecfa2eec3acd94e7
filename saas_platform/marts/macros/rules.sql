{# The numbers in the metric definitions, each declared once. #}

{# Days of pause after which the account counts as churned. #}
{% macro pause_days() -%} {{ return(90) }} {%- endmacro %}

{# Days past due after which dunning has failed, even if the source does not show it yet. #}
{% macro dunning_days() -%} {{ return(30) }} {%- endmacro %}

{# Days after signup within which the key event activates an account. #}
{% macro activation_days() -%} {{ return(7) }} {%- endmacro %}

{# Days after the first failure within which a payment counts as recovered. #}
{% macro recovery_days() -%} {{ return(30) }} {%- endmacro %}

{# Days after the offer within which a purchase counts as a conversion: the length of two trials. #}
{% macro conversion_days() -%} {{ return(30) }} {%- endmacro %}

{# The kinds of MRR movement, in the order of the reports. #}
{% macro movement_kinds() -%}
    {{ return(['new', 'expansion', 'contraction', 'churn', 'reactivation']) }}
{%- endmacro %}

{# Months over which LTV is summed. #}
{% macro ltv_months() -%} {{ return(36) }} {%- endmacro %}

{# Percentage of the revenue that is left after the cost of serving it. Each company sets its own. #}
{% macro gross_margin_percent() -%} {{ return(var('gross_margin_percent')) }} {%- endmacro %}

{# Accounts that must have reached a month of life for its own loss rate to be used. #}
{% macro min_at_risk() -%} {{ return(30) }} {%- endmacro %}
