{# How a warehouse lays out a table, and what it is told of a query. DuckDB has no use for either. #}

{# Partitions of a calendar month, of a DATE column: what a change touches is rebuilt by month. dbt-duckdb
   has an option of the same name for DuckLake, and takes no such value. #}
{% macro by_month(column) -%}
    {{ return(
        {'field': column, 'data_type': 'date', 'granularity': 'month'} if target.type == 'bigquery' else none
    ) }}
{%- endmacro %}


{# On BigQuery its parts are labels of the job, and so of the bill. #}
{% macro query_comment(node) -%}
    {%- set labels = {'managed_by': 'saas-platform', 'layer': 'marts'} -%}
    {%- if node is not none -%}
        {%- do labels.update({'table': node.name}) -%}
    {%- endif -%}
    {{ return(tojson(labels)) }}
{%- endmacro %}
