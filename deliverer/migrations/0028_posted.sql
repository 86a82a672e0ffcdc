-- Messages of the post whose answer is still to come, or was lost: a report that is found again has
-- these, and what came after it is added.
alter table deliverer.report add column posted uuid[] not null default '{}';
-- Messages whose note or file may have been added, without an answer. `adding` has one alone, and
-- forgets it with the next message: a replay was then added twice. Nothing uses it any more.
alter table deliverer.report add column tried uuid[] not null default '{}';
update deliverer.report set tried = array[adding] where adding is not null;
