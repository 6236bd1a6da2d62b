create table log(i int);
delimiter //
create procedure p(n int) begin
 declare continue handler for sqlexception select 'handled';
 select n;
 insert into t(i) values (n + 100);
 insert into t(i) values (n + 100);
 execute immediate 'update t set s = ''x'' where i < 100';
 call q();
end//
create procedure q() begin update t set d = 3 where i = 7; do sleep(0.02); end//
create function f() returns int deterministic begin update log set i = i + 1; return 5; end//
create procedure again() begin
 prepare a from 'select * from t where i = 7';
 execute a;
 alter table t add other int;
 execute a;
end//
delimiter ;
