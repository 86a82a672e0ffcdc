-- Lets the role of each service log in, with the password from the environment of this one-shot
-- container. The migrations created the roles without one. Run by psql as the database owner.
\set ON_ERROR_STOP on
\getenv gateway GATEWAY_DATABASE_PASSWORD
\getenv router ROUTER_DATABASE_PASSWORD
\getenv deliverer DELIVERER_DATABASE_PASSWORD
\getenv archiver ARCHIVER_DATABASE_PASSWORD
\getenv desk DESK_DATABASE_PASSWORD
begin;
alter role postkamer_gateway login password :'gateway';
alter role postkamer_router login password :'router';
alter role postkamer_deliverer login password :'deliverer';
alter role postkamer_archiver login password :'archiver';
alter role postkamer_desk login password :'desk';
commit;
