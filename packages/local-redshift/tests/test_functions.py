"""The rewrite of functions and query syntax, as text: changes, unchanged statements, requests for columns, refusals."""

import pytest

from local_redshift.query.rewrite import rewrite, tables_read
from local_redshift.sql.token_tree import Column, NeedColumns, Refused

TEXT = 25

UNTOUCHED = [
    "select a, b from t where c = 'dateadd(month, 1, x) qualify top'",
    "select 1 -- minus pivot\n",
    'select "top" from t',
    "insert into t values (1, 'top of the as', null), (2, 'x''y', -1.5e3)",
    "update t set a = b where c in (1, 2)",
    "select t.decode from t",
]


@pytest.mark.parametrize("sql", UNTOUCHED)
def test_a_statement_without_redshifts_own_words_is_unchanged(sql: str) -> None:
    assert rewrite(sql) == sql


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select dateadd(m, 1, x)", "select date_add('minute', 1, x)"),
        ("select DATEDIFF(qtr,a,b)", "select date_diff('quarter', a, b)"),
        ("select extract(ms from ts)", "select redshift_internal.date_part('millisecond', ts)"),
        ("select sysdate, t.sysdate from t", "select sysdate(), t.sysdate from t"),
        ("select nvl2(a, nvl(b, 1), 2)", "select CASE WHEN (a) IS NOT NULL THEN COALESCE(b, 1) ELSE 2 END"),
        ("select pg_catalog.avg(a) from t", "select redshift_internal.avg(a) from t"),
        ("select 1 minus select 2", "select 1 EXCEPT select 2"),
        ("select top 3 a from t order by 1", "select a from t order by 1 LIMIT 3"),
        ("select 'x'::super", "select 'x'::text::super"),
        ("select approximate count(distinct a) from t", "select count(distinct a) from t"),
        ("select case when a = 1then 4else 1e3end as b", "select case when a = 1 then 4 else 1e3 end as b"),
    ],
)
def test_calls_and_clauses_are_rewritten_to_postgresqls(sql: str, expected: str) -> None:
    assert rewrite(sql) == expected


def _with_columns(sql: str, **columns: tuple[str, ...]) -> str:
    """Rewrite; each request for columns returns those of the first of these tables in its query."""
    known: dict[str, tuple[Column, ...] | None] = {}
    for _ in range(8):
        try:
            return rewrite(sql, known)
        except NeedColumns as need:
            names = next((columns[table] for table in columns if f" {table}" in need.query), None)
            known[need.query] = None if names is None else tuple(Column(name, TEXT, -1) for name in names)
    raise AssertionError("the rewrite requests columns without end")


def test_an_alias_is_replaced_only_where_the_table_has_no_such_column() -> None:
    assert (
        _with_columns("select a + 1 as b, b * 2 as c from t", t=("a",)) == "select a + 1 as b, (a + 1) * 2 as c from t"
    )
    assert _with_columns("select a + 1 as b, b * 2 as c from t", t=("a", "b")) == "select a + 1 as b, b * 2 as c from t"


def test_an_alias_in_where_is_replaced_only_where_the_table_has_no_such_column() -> None:
    sql = "select a + 1 as b from t where b > 5 and (b in (1, 2) or t.b is null)"
    replaced = "select a + 1 as b from t where (a + 1) > 5 and ((a + 1) in (1, 2) or t.b is null)"
    assert _with_columns(sql, t=("a",)) == replaced
    assert _with_columns(sql, t=("a", "b")) == sql
    assert _with_columns(sql) == sql  # FROM refers to an outer query, or to nothing


@pytest.mark.parametrize(
    "sql",
    [
        "select t.id as id from t where id = 5",
        "select a + 1 as b from t where exists (select 1 from u where u.b = 5)",
        "select a as time from t where a at time zone 'UTC' > b",
        'select a as "and", a as "null" from t where a = 1 and b is null',
        "select a + 1 as b from t group by a having b > 5",
    ],
)
def test_where_needs_no_columns_for_what_is_no_reference_to_an_alias(sql: str) -> None:
    assert rewrite(sql) == sql


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select reldiststyle from pg_class", "select reldiststyle from redshift_internal.pg_class"),
        ("select relname from pg_class c", "select relname from pg_class c"),
        (
            "select 'pg_attribute' from pg_type t, Pg_Catalog.pg_attribute a, pg_attribute b",
            "select 'pg_attribute' from pg_type t, redshift_internal.pg_attribute a, redshift_internal.pg_attribute b",
        ),
        ("select pg_attribute, 1 from t", "select pg_attribute, 1 from t"),
        (
            'select adsrc from (pg_attrdef d join "pg_attribute" a on true)',
            "select adsrc from (redshift_internal.pg_attrdef d join redshift_internal.pg_attribute a on true)",
        ),
        ("select a.tableoid from pg_attribute a", "select a.tableoid from pg_attribute a"),
    ],
)
def test_catalogs_are_read_with_redshifts_columns(sql: str, expected: str) -> None:
    assert rewrite(sql) == expected


def test_an_alias_in_a_subquery_of_its_own_is_unchanged() -> None:
    sql = "select 1 as b, (select max(b) from u) as c from t"
    assert _with_columns(sql, t=("a",), u=("b",)) == sql


def test_a_request_for_columns_has_the_ctes_it_needs() -> None:
    with pytest.raises(NeedColumns) as need:
        rewrite("with x as (select 1 as p), y as (select p + 1 as q, q + 1 as r from x) select * from y")
    assert need.value.query == "WITH x as (select 1 as p) SELECT * from x"


def test_exclude_lists_the_other_columns() -> None:
    assert _with_columns("select * exclude (b) from t", t=("a", "b", "c")) == 'select "a", "c" from t'


def test_a_pivot_whose_columns_cannot_be_found_is_refused() -> None:
    with pytest.raises(Refused, match="could not determine the columns"):
        _with_columns("select * from t pivot (sum(a) for b in (1))")


@pytest.mark.parametrize(
    ("sql", "alternative"),
    [
        ("select string_agg(a, ',') from t", "LISTAGG"),
        ("select now() from t", "GETDATE"),
        ("select a::jsonb from t", "SUPER"),
        ("select cast(a as uuid) from t", "CHAR"),
        ("select sum(a) over (order by b) from t", "frame clause"),
        ("select listagg('a')", "compute nodes"),
        ("select a is distinct from b from t", "IS NULL"),
        ("select t.data.name from t", "navigation"),
    ],
)
def test_what_redshift_does_not_have_is_refused_with_the_alternative(sql: str, alternative: str) -> None:
    with pytest.raises(Refused, match=alternative):
        rewrite(sql)


def test_queries_of_the_catalog_may_use_postgresqls_functions() -> None:
    sql = "select array_agg(a::json) from pg_catalog.pg_class where relname = any (array['t']) and now() is not null"
    assert "array_agg" in rewrite(sql)


def test_deep_nesting_is_refused_and_does_not_exhaust_the_stack() -> None:
    with pytest.raises(Refused, match="deep") as refused:
        rewrite("select " + "(" * 5000 + "1" + ")" * 5000 + " as x")
    assert refused.value.code == "54001"


@pytest.mark.parametrize("sql", ["select array(, , 2 2)", "select cast(, as super)", "select dateadd(, 1, x)"])
def test_a_missing_argument_is_left_to_postgresql(sql: str) -> None:
    assert rewrite(sql) == sql


def test_unbalanced_parentheses_are_left_to_postgresql() -> None:
    assert rewrite("select nvl(1 as x") == "select nvl(1 as x"


def test_tables_read_leaves_out_ctes_and_functions() -> None:
    sql = "with x as (select * from core.a) select * from x join b on true, generate_series(1, 2)"
    assert tables_read(sql) == ("b", "core.a")
