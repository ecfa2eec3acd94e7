{# Money is decimal dollars, to the cent. #}
{% macro type_money() -%}
    {{ return(adapter.dispatch('type_money')()) }}
{%- endmacro %}

{% macro default__type_money() -%} decimal(18, 2) {%- endmacro %}

{% macro bigquery__type_money() -%} numeric {%- endmacro %}


{# Cents, an integer, as dollars. #}
{% macro dollars(cents) -%}
    cast({{ cents }} * cast(0.01 as {{ type_money() }}) as {{ type_money() }})
{%- endmacro %}


{# Dollars as cents, an integer. #}
{% macro in_cents(amount) -%}
    cast(({{ amount }}) * 100 as {{ dbt.type_bigint() }})
{%- endmacro %}


{% macro sum_money(expression) -%}
    cast(coalesce(sum({{ expression }}), 0) as {{ type_money() }})
{%- endmacro %}


{#
    amount x numerator / denominator, rounded to the cent, half away from zero. In integers: a decimal
    quotient is a float on DuckDB. In wide ones: the product of two amounts may pass 64 bits.
#}
{% macro money_share(amount, numerator, denominator) -%}
    {{ dollars(
        'cast(sign(' ~ amount ~ ') as ' ~ dbt.type_bigint() ~ ') * '
        ~ 'cast('
        ~ whole_quotient(
            'cast(abs(' ~ in_cents(amount) ~ ') as ' ~ type_wide() ~ ') * (' ~ numerator ~ ') * 2 + ('
            ~ denominator ~ ')',
            '2 * (' ~ denominator ~ ')'
        )
        ~ ' as ' ~ dbt.type_bigint() ~ ')'
    ) }}
{%- endmacro %}


{# amount x factor, a float, to the cent: for estimates, not for what must add up. #}
{% macro money_times(amount, factor) -%}
    cast(round(cast({{ amount }} as {{ type_ratio() }}) * ({{ factor }}), 2) as {{ type_money() }})
{%- endmacro %}
