{# The numbers of the metric definitions, once each. #}

{# After a pause of this many days the account counts as churned. #}
{% macro pause_days() -%} {{ return(90) }} {%- endmacro %}

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
