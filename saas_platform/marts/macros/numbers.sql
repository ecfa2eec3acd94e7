{# Divides two integers and drops the fraction. #}
{% macro integer_quotient(dividend, divisor) -%}
    {{ return(adapter.dispatch('integer_quotient')(dividend, divisor)) }}
{%- endmacro %}

{% macro default__integer_quotient(dividend, divisor) -%}
    div({{ dividend }}, {{ divisor }})
{%- endmacro %}

{% macro duckdb__integer_quotient(dividend, divisor) -%}
    (({{ dividend }}) // ({{ divisor }}))
{%- endmacro %}


{# The type of integers that may exceed 64 bits. #}
{% macro type_wide_integer() -%}
    {{ return(adapter.dispatch('type_wide_integer')()) }}
{%- endmacro %}

{% macro default__type_wide_integer() -%} decimal(38, 0) {%- endmacro %}

{% macro duckdb__type_wide_integer() -%} hugeint {%- endmacro %}

{% macro bigquery__type_wide_integer() -%} bignumeric {%- endmacro %}


{# The type of ratios, a 64-bit float. dbt's own type_float has 32 bits on DuckDB. #}
{% macro type_ratio() -%}
    {{ return(adapter.dispatch('type_ratio')()) }}
{%- endmacro %}

{% macro default__type_ratio() -%} double precision {%- endmacro %}

{% macro bigquery__type_ratio() -%} float64 {%- endmacro %}


{# Divides numerator by denominator as floats; NULL if the denominator is 0. #}
{% macro ratio(numerator, denominator) -%}
    cast({{ numerator }} as {{ type_ratio() }})
    / nullif(cast({{ denominator }} as {{ type_ratio() }}), 0)
{%- endmacro %}


{# Counts the rows that meet a condition. #}
{% macro count_where(condition) -%}
    count(case when {{ condition }} then 1 end)
{%- endmacro %}


{# Sums integers; 0 if there are no rows. Without the cast, DuckDB widens the sum to 128 bits. #}
{% macro sum_integer(expression) -%}
    cast(coalesce(sum({{ expression }}), 0) as {{ dbt.type_bigint() }})
{%- endmacro %}


{# Whether any row meets a condition. #}
{% macro any_true(condition) -%}
    (max(case when {{ condition }} then 1 else 0 end) = 1)
{%- endmacro %}


{# Computes a running sum of integers. #}
{% macro running_sum_integer(expression, order) -%}
    cast(coalesce(sum({{ expression }}) over (
        order by {{ order }} rows between unbounded preceding and current row
    ), 0) as {{ dbt.type_bigint() }})
{%- endmacro %}
