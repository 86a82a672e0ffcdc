-- Consent to be sent what nobody asked for: for each purpose the newest; all of it is in the archive.
create table router.consent (
    tenant text not null,
    person uuid not null,
    purpose text not null,
    source text not null,                   -- where it can be looked up, as the CRM says it
    given_at timestamptz not null,          -- by the citizen
    recorded_at timestamptz not null,
    recorded_by text not null,              -- name of the token that brought it
    ended_at timestamptz,
    ended_by text not null default '',      -- stop, meta or crm
    primary key (person, tenant, purpose)
);

-- When somebody last ended all of it. Consent from before counts no more, whenever it is brought.
create table router.withdrawal (
    tenant text not null,
    person uuid not null,
    by text not null,                       -- stop or meta
    at timestamptz not null,
    primary key (person, tenant, by)
);

grant select, insert, update on router.consent, router.withdrawal to postkamer_router;
-- The deliverer looks again at the moment of sending: hours may lie between.
grant select (tenant, person, purpose, given_at, ended_at) on router.consent
    to postkamer_deliverer;
grant select (tenant, person, at) on router.withdrawal to postkamer_deliverer;
