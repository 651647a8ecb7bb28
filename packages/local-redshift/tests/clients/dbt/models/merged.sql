{{ config(materialized='incremental', incremental_strategy='merge', unique_key='id') }}
select id, state from {{ ref('orders') }}
