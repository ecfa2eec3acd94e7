{# The quotient of two integers without its fraction. #}
{% macro whole_quotient(dividend, divisor) -%}
    {{ return(adapter.dispatch('whole_quotient')(dividend, divisor)) }}
{%- endmacro %}

{% macro default__whole_quotient(dividend, divisor) -%}
    div({{ dividend }}, {{ divisor }})
{%- endmacro %}

{% macro duckdb__whole_quotient(dividend, divisor) -%}
    (({{ dividend }}) // ({{ divisor }}))
{%- endmacro %}


{# Whole numbers of more than 64 bits. #}
{% macro type_wide() -%}
    {{ return(adapter.dispatch('type_wide')()) }}
{%- endmacro %}

{% macro default__type_wide() -%} decimal(38, 0) {%- endmacro %}

{% macro duckdb__type_wide() -%} hugeint {%- endmacro %}

{% macro bigquery__type_wide() -%} bignumeric {%- endmacro %}


{# A float of 64 bits; dbt's own type_float has 32 on DuckDB. #}
{% macro type_ratio() -%}
    {{ return(adapter.dispatch('type_ratio')()) }}
{%- endmacro %}

{% macro default__type_ratio() -%} double precision {%- endmacro %}

{% macro bigquery__type_ratio() -%} float64 {%- endmacro %}


{# numerator / denominator as a float; NULL where the denominator is 0. #}
{% macro ratio(numerator, denominator) -%}
    cast({{ numerator }} as {{ type_ratio() }})
    / nullif(cast({{ denominator }} as {{ type_ratio() }}), 0)
{%- endmacro %}


{% macro count_where(condition) -%}
    count(case when {{ condition }} then 1 end)
{%- endmacro %}


{# Sum of integers, 0 for none; DuckDB would widen it to 128 bits. #}
{% macro sum_whole(expression) -%}
    cast(coalesce(sum({{ expression }}), 0) as {{ dbt.type_bigint() }})
{%- endmacro %}


{% macro is_any(condition) -%}
    (max(case when {{ condition }} then 1 else 0 end) = 1)
{%- endmacro %}


{# Running sum of integers. #}
{% macro sum_whole_over(expression, order) -%}
    cast(coalesce(sum({{ expression }}) over (
        order by {{ order }} rows between unbounded preceding and current row
    ), 0) as {{ dbt.type_bigint() }})
{%- endmacro %}
