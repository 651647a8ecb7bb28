{{ config(materialized='view') }}
select id, state from {{ ref('orders') }} where state = 'sent'
