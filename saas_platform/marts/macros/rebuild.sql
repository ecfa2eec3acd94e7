{#
    Rebuilds models by month: a model is built again from the first month that can have changed, and earlier
    months are kept. Python passes the first touched month of each raw table (SAAS_DBT_REBUILD, JSON). Each
    model declares the raw tables that it is built from. If the log of syncs cannot tell what changed, Python
    asks for a full refresh. If Python passes nothing, all months are built.

    A test compares the declared tables with the lineage and with the rows. They could not be derived here: on
    BigQuery the months are part of the config, which dbt evaluates before it knows the graph.
#}

{#
    Returns the config of a model that is rebuilt by month.

    field: the DATE column that assigns a row to its month.
    built_from: the raw tables whose touched months the model's rows depend on. An unsliced table has none,
        so it is left out: if its rows change, everything is built again.
    unaffected_by: the other raw tables among the model's ancestors, each with the reason why a change of it
        changes none of the model's rows.
    months_before: how many earlier months a touched month affects; 1 if a row depends on the next month.
    cluster_by: the columns by which BigQuery clusters the rows of a month.
#}
{% macro rebuilt_by_month(field, built_from, unaffected_by={}, months_before=0, cluster_by=none) -%}
    {%- set found = {
        'materialized': 'incremental',
        'incremental_strategy': 'from_month',
        'on_schema_change': 'fail',
        'meta': {
            'month_of': field,
            'built_from': built_from,
            'unaffected_by': unaffected_by,
            'months_before': months_before
        },
    } -%}
    {%- if target.type == 'bigquery' -%}
        {%- do found.update(
            incremental_strategy='insert_overwrite',
            partition_by=by_month(field)
        ) -%}
        {%- if env_var('SAAS_DBT_REBUILD', '') -%}
            {%- do found.update(partitions=months_rebuilt(built_from, months_before)) -%}
        {%- else -%}
            {%- do found.update(full_refresh=true) -%}
        {%- endif -%}
        {%- if cluster_by is not none -%}
            {%- do found.update(cluster_by=cluster_by) -%}
        {%- endif -%}
    {%- endif -%}
    {{ return(found) }}
{%- endmacro %}


{# Returns the first month to rebuild, as `YYYY-MM-DD`. #}
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
    Returns the months to rebuild, as the literals by which BigQuery prunes partitions. They end a year after
    as_of because a row may be dated in the future.
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


{# Returns the first day that this model is rebuilt from, less `days_before` for the input of a window. #}
{% macro rebuilt_from(days_before=0, type='date') -%}
    {%- set first = modules.datetime.date.fromisoformat(
        first_month(config.get('meta').built_from, config.get('meta').months_before)
    ) - modules.datetime.timedelta(days=days_before) -%}
    cast('{{ first }}' as {{ type }})
{%- endmacro %}


{# On DuckDB, deletes and inserts the months to rebuild in one transaction. #}
{% macro get_incremental_from_month_sql(arguments) -%}
    {%- set columns = arguments['dest_columns'] | map(attribute='quoted') | join(', ') %}
    delete from {{ arguments['target_relation'] }}
    where {{ config.get('meta').month_of }} >= {{ rebuilt_from() }};
    insert into {{ arguments['target_relation'] }} ({{ columns }})
    select {{ columns }} from {{ arguments['temp_relation'] }}
{%- endmacro %}
