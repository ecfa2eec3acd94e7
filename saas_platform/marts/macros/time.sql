{# Times are UTC timestamps, and a month is the DATE of its first day. The casts are needed because dbt's
   dateadd changes the type on BigQuery. #}

{% macro as_of() -%}
    cast('{{ var("as_of") }}' as {{ dbt.type_timestamp() }})
{%- endmacro %}


{% macro month_of(timestamp_) -%}
    cast({{ dbt.date_trunc('month', timestamp_) }} as date)
{%- endmacro %}


{% macro add_to_date(part, number, day) -%}
    cast({{ dbt.dateadd(part, number, day) }} as date)
{%- endmacro %}


{% macro add_to_timestamp(part, number, timestamp_) -%}
    cast({{ dbt.dateadd(part, number, timestamp_) }} as {{ dbt.type_timestamp() }})
{%- endmacro %}


{# Selects a row for each day from `first` to `last`, which are columns of `relation`, as `date_day`. #}
{% macro days_between(first, last, relation) -%}
    {{ return(adapter.dispatch('days_between')(first, last, relation)) }}
{%- endmacro %}

{% macro duckdb__days_between(first, last, relation) -%}
    select cast(unnest(generate_series({{ first }}, {{ last }}, interval 1 day)) as date) as date_day
    from {{ relation }}
{%- endmacro %}

{% macro bigquery__days_between(first, last, relation) -%}
    select date_day
    from {{ relation }}, unnest(generate_date_array({{ first }}, {{ last }}, interval 1 day)) as date_day
{%- endmacro %}
