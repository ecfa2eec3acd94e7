{#
    Models by month are built again from a month on, where only later months can have changed. Python
    says from which month each table of raw is touched (SAAS_DBT_REBUILD, JSON); each model says which
    of them it is built from. What the log of syncs can't say leads to a full refresh.
#}

{#
    The config of a model that is built again by month.

    field: the DATE column that its months are cut by.
    built_from: the tables of raw that its rows follow from.
    months_before: how far back a touched month reaches: 1 where a row looks into the next month.
    cluster_by: columns by which BigQuery keeps a month's rows together.
#}
{% macro rebuilt_by_month(field, built_from, months_before=0, cluster_by=none) -%}
    {%- set found = {
        'materialized': 'incremental',
        'incremental_strategy': 'from_month',
        'on_schema_change': 'fail',
        'meta': {'month_of': field, 'built_from': built_from, 'months_before': months_before},
    } -%}
    {%- if target.type == 'bigquery' -%}
        {%- do found.update(
            incremental_strategy='insert_overwrite',
            partition_by=by_month(field),
            partitions=months_rebuilt(built_from, months_before)
        ) -%}
        {%- if cluster_by is not none -%}
            {%- do found.update(cluster_by=cluster_by) -%}
        {%- endif -%}
    {%- endif -%}
    {{ return(found) }}
{%- endmacro %}


{# The first month to be built again, as `YYYY-MM-DD`. #}
{% macro first_month(built_from, months_before) -%}
    {%- set touched = fromjson(env_var('SAAS_DBT_REBUILD', '{}')) -%}
    {%- set months = [touched.get('as_of', '1900-01-01')] -%}
    {%- for table in built_from if table in touched -%}
        {%- do months.append(touched[table]) -%}
    {%- endfor -%}
    {%- set first = months | min -%}
    {%- set number = first[:4] | int * 12 + first[5:7] | int - 1 - months_before -%}
    {{ return('%04d-%02d-01' % (number // 12, number % 12 + 1)) }}
{%- endmacro %}


{#
    The months to be built again as the literals that BigQuery prunes by. They end a year after as_of:
    a row may be dated ahead.
#}
{% macro months_rebuilt(built_from, months_before) -%}
    {%- set first = first_month(built_from, months_before) -%}
    {%- set from_no = first[:4] | int * 12 + first[5:7] | int - 1 -%}
    {%- set to_no = var('as_of')[:4] | int * 12 + var('as_of')[5:7] | int - 1 + 12 -%}
    {%- set months = [] -%}
    {%- for number in range(from_no, to_no + 1) -%}
        {%- do months.append("date '%04d-%02d-01'" % (number // 12, number % 12 + 1)) -%}
    {%- endfor -%}
    {{ return(months) }}
{%- endmacro %}


{# Where this model is built again from; `days_before` that for what a window needs. #}
{% macro rebuilt_from(days_before=0, type='date') -%}
    {%- set first = modules.datetime.date.fromisoformat(
        first_month(config.get('meta').built_from, config.get('meta').months_before)
    ) - modules.datetime.timedelta(days=days_before) -%}
    cast('{{ first }}' as {{ type }})
{%- endmacro %}


{# DuckDB: the months from the first on are deleted and inserted, in one transaction. #}
{% macro get_incremental_from_month_sql(arguments) -%}
    {%- set columns = arguments['dest_columns'] | map(attribute='quoted') | join(', ') %}
    delete from {{ arguments['target_relation'] }}
    where {{ config.get('meta').month_of }} >= {{ rebuilt_from() }};
    insert into {{ arguments['target_relation'] }} ({{ columns }})
    select {{ columns }} from {{ arguments['temp_relation'] }}
{%- endmacro %}
