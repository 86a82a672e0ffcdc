-- Health of our numbers at Meta or a BSP, looked at every hour.

create table deliverer.number_health (
    number text not null,
    "check" text not null,              -- subscription, token, payment, ...: deliverer/meta/health
    state text not null check (state in ('fine', 'warning', 'wrong', 'unknown', 'not_offered')),
    detail text not null,               -- sentence for an operator, never a text of Meta's
    until timestamptz,                  -- end of the token, the Graph version or the certificate
    looked_at timestamptz not null,     -- last look that brought an answer
    since timestamptz not null,         -- start of this state
    primary key (number, "check")
);

-- Next look at a number; the first process to come claims it.
create table deliverer.number_look (
    number text primary key,
    next_at timestamptz not null,
    claimed_until timestamptz           -- until then no other process looks
);

grant select, insert, update, delete on deliverer.number_health, deliverer.number_look
    to postkamer_deliverer;
