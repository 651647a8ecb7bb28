{{ config(materialized='table', dist='id', sort='id') }}
select 1 as id, 'new'::varchar(20) as state
union all
select 2, 'sent'::varchar(20)
