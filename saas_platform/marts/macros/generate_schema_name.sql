{# Every model lives in the target's schema: no prefix, no second schema. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ target.schema }}
{%- endmacro %}
