-- A number goes at one pace, however many processes send for it: what was sent is a debt that time pays.
create table deliverer.pace (
    number text primary key,
    per_second float8 not null,         -- at which the last ones went
    paid_until timestamptz not null     -- the debt; in the past: so much may go at once
);
grant select, insert, update on deliverer.pace to postkamer_deliverer;
