-- A keyed hash over the row (deliverer.destinations.openklant.row_seals): it says to which
-- conversation an object in an Open Klant belongs. Null in a row of before, which is not acted on.
alter table deliverer.klantcontact add column seal bytea;
alter table deliverer.internetaak add column seal bytea;
alter table deliverer.registration add column seal bytea;
