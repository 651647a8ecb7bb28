"""Statements broken at random: the server always replies, and the transaction state stays correct."""

import random

import psycopg
import pytest

from local_redshift.testing.pytest_plugin import Connection

STATEMENTS = """
create table f (id int identity(1,1) distkey, name varchar(10) encode lzo, primary key (id)) sortkey (id)
create temp table g (like f including defaults)
create table #h as select id, name from f
insert into f (name) values ('a'), ('b'';--'), (null)
insert into f (name) select name from f where id > 1
update f set name = 'x' where id in (select id from g)
delete from f using g where f.id = g.id
merge into f using g on f.id = g.id when matched then delete when not matched then insert values (g.id, g.name)
copy f (name) from 's3://lake/fuzz' iam_role default csv gzip manifest maxerror 3 null as '\\N' dateformat 'auto'
unload ('select * from f') to 's3://lake/fuzz/' iam_role default parquet partition by (name)
select listagg(name, ',') within group (order by id) from f group by 1 qualify row_number() over (order by 1) = 1
select dateadd(day, 1, getdate()), datediff(month, '2020-01-31'::date, sysdate), nvl(name, 'z') from f limit 3
truncate table f
vacuum full f to 90 percent
analyze f (id, name) predicate columns
alter table f add column c decimal(5,2) default 0 encode az64
alter table f alter column name type varchar(20)
alter table f append from g ignoreextra
grant select, insert on f to group nobody_here
lock table f, g
set query_group to 'x'
show search_path
comment on column f.name is 'it''s'
drop table if exists g cascade
begin
commit
rollback
""".strip().splitlines()


NOISE = ["(", ")", ",", ";", "'", '"', "$1", "$$", "/*", "--", "::", ".", "1e400", "\\", "é", "nul"]


def break_statement(rng: random.Random, sql: str) -> str:
    words = sql.split(" ")
    for _ in range(rng.randint(0, 3)):
        at = rng.randrange(len(words))
        action = rng.randrange(5)
        if action == 0:
            del words[at : at + 2]
        elif action == 1:
            words.insert(at, rng.choice(NOISE))
        elif action == 2:
            words[at:at] = rng.choice(STATEMENTS).split(" ")[: rng.randint(1, 6)]
        elif action == 3:
            rng.shuffle(words)
        words = words or ["select"]
    return " ".join(words)


@pytest.mark.parametrize("seed", range(4))
def test_broken_statements_leave_the_connection_usable_and_its_state_correct(
    empty_redshift: Connection, seed: int
) -> None:
    rng = random.Random(seed)
    cursor_factory = psycopg.ClientCursor if seed % 2 else psycopg.Cursor
    with empty_redshift.psycopg(autocommit=True, cursor_factory=cursor_factory) as connection:
        connection.execute("set statement_timeout to 3000")
        for _ in range(60):
            sql = break_statement(rng, rng.choice(STATEMENTS))
            error = None
            try:
                connection.execute(sql)
            except psycopg.Error as found:
                error = found
            assert error is None or (error.sqlstate and "internal error" not in str(error)), sql
            state = connection.info.transaction_status
            if state == psycopg.pq.TransactionStatus.INERROR:
                with pytest.raises(psycopg.errors.InFailedSqlTransaction):
                    connection.execute("select 1")
                connection.execute("rollback")
            else:
                assert not (error and state == psycopg.pq.TransactionStatus.INTRANS), sql
                assert connection.execute("select 1").fetchone() == (1,), sql
