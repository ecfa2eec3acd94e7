{# The type of money, which is decimal dollars, to the cent. #}
{% macro type_money() -%}
    {{ return(adapter.dispatch('type_money')()) }}
{%- endmacro %}

{% macro default__type_money() -%} decimal(18, 2) {%- endmacro %}

{% macro bigquery__type_money() -%} numeric {%- endmacro %}


{# Converts integer cents to dollars. #}
{% macro to_dollars(cents) -%}
    cast({{ cents }} * cast(0.01 as {{ type_money() }}) as {{ type_money() }})
{%- endmacro %}


{# Converts dollars to integer cents. #}
{% macro to_cents(amount) -%}
    cast(({{ amount }}) * 100 as {{ dbt.type_bigint() }})
{%- endmacro %}


{# Sums money; 0 if there are no rows. #}
{% macro sum_money(expression) -%}
    cast(coalesce(sum({{ expression }}), 0) as {{ type_money() }})
{%- endmacro %}


{#
    Computes amount x numerator / denominator, rounded to the cent, half away from zero. It uses integers
    because a decimal quotient is a float on DuckDB, and wide ones because the product of two amounts may
    exceed 64 bits.
#}
{% macro money_share(amount, numerator, denominator) -%}
    {{ to_dollars(
        'cast(sign(' ~ amount ~ ') as ' ~ dbt.type_bigint() ~ ') * '
        ~ 'cast('
        ~ integer_quotient(
            'cast(abs(' ~ to_cents(amount) ~ ') as ' ~ type_wide_integer() ~ ') * (' ~ numerator ~ ') * 2 + ('
            ~ denominator ~ ')',
            '2 * (' ~ denominator ~ ')'
        )
        ~ ' as ' ~ dbt.type_bigint() ~ ')'
    ) }}
{%- endmacro %}


{# Computes amount x factor (a float), to the cent. Use it for estimates, not for amounts that must add up. #}
{% macro money_times(amount, factor) -%}
    cast(round(cast({{ amount }} as {{ type_ratio() }}) * ({{ factor }}), 2) as {{ type_money() }})
{%- endmacro %}
