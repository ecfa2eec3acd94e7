{# Puts every model into the target's schema, without a prefix and without a second schema. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ target.schema }}
{%- endmacro %}
