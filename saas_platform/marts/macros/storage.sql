{# How a warehouse lays out a table, and the labels that it gets with a query. DuckDB uses neither. #}

{# Returns the config that partitions a table by the calendar month of a DATE column, because tables are
   rebuilt by month. dbt-duckdb has an option of the same name for DuckLake, which accepts no such value. #}
{% macro by_month(column) -%}
    {{ return(
        {'field': column, 'data_type': 'date', 'granularity': 'month'} if target.type == 'bigquery' else none
    ) }}
{%- endmacro %}


{# Returns the comment of a query as JSON. On BigQuery its entries become labels of the job and its bill. #}
{% macro query_comment(node) -%}
    {%- set labels = {'managed_by': 'saas-platform', 'layer': 'marts'} -%}
    {%- if node is not none -%}
        {%- do labels.update({'table': node.name}) -%}
    {%- endif -%}
    {{ return(tojson(labels)) }}
{%- endmacro %}
