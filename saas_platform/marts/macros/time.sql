{# Times are UTC timestamps, and a month is the DATE of its first day. The casts are needed because dbt's
   dateadd changes the type on BigQuery. #}

{# The time up to which data is known (UTC, exclusive): that of dbt's variable, or else that of the last run. #}
{% macro as_of() -%}
    cast('{{ var("as_of", none) or as_of_last_run() }}' as {{ dbt.type_timestamp() }})
{%- endmacro %}


{# Returns the clock of the last complete run of the marts, which the platform records in `_builds`. #}
{% macro as_of_last_run() -%}
    {%- if not execute -%} {{ return('') }} {%- endif -%}
    {%- set builds = adapter.get_relation(target.database, target.schema, '_builds') -%}
    {%- set found = [] -%}
    {%- if builds is not none -%}
        {%- set found = run_query("select inputs from " ~ builds ~ " where product = 'marts' and inputs <> ''").columns[0].values() -%}
    {%- endif -%}
    {%- if not found -%}
        {%- do exceptions.raise_compiler_error(
            "The warehouse has no complete build of the marts, whose clock dbt would use: run `saas-platform run`,"
            ~ " or pass a clock, such as --vars '{as_of: 2026-01-01}'."
        ) -%}
    {%- endif -%}
    {{ return(fromjson(found[0])['as_of'] | replace('T', ' ')) }}
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
