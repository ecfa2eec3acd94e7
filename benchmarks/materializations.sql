{#
    Builds tables and views on DuckDB with one statement, which drops and creates the relation in the transaction
    that dbt has open. The adapter builds under another name and renames twice, and drops the old relation after
    the commit. benchmarks/materializations.py compares the two; the project uses the adapter's.
#}
{% macro replace_relation(existing, target, create_statement) -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {% call statement('main') %}
        {% if existing is not none %} drop {{ existing.type }} if exists {{ existing }}; {% endif %}
        {{ create_statement }}
    {% endcall %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% do adapter.commit() %}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target]}) }}
{%- endmacro %}


{% materialization table, adapter='duckdb' %}
    {% set target = this.incorporate(type='table') %}
    {% set create_statement = get_create_table_as_sql(False, target, sql) %}
    {{ return(replace_relation(load_cached_relation(this), target, create_statement)) }}
{% endmaterialization %}


{% materialization view, adapter='duckdb' %}
    {% set target = this.incorporate(type='view') %}
    {% set create_statement = get_create_view_as_sql(target, sql) %}
    {{ return(replace_relation(load_cached_relation(this), target, create_statement)) }}
{% endmaterialization %}
