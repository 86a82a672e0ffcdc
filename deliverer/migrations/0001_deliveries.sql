-- Deliveries to CRMs.

create table deliverer.delivery (
    destination text not null,
    event uuid not null,
    message uuid,
    tenant text not null,
    conversation text not null,
    place bigint not null default 0,    -- in its conversation; only a sidelined one has it
    -- aside: sidelined after failing alone. It is stored here and keeps no message of the queue
    -- unacknowledged, else a few of them would hold back all other conversations.
    state text not null check (state in ('settled', 'parked', 'replay', 'dropped', 'aside')),
    attempts int not null,
    failed int not null default 0,      -- attempts that failed while other deliveries succeeded
    replays int not null default 0,     -- times that a person set it to be tried again
    status int not null,                -- HTTP status of the last answer, 0 without one
    reason text not null default '',
    body bytea,                         -- the delivery itself, while it may be tried again
    at timestamptz not null,
    due_at timestamptz,                 -- earliest time of the next attempt
    claimed_by uuid,                    -- process that has it in hand
    claimed_until timestamptz,          -- until then no other process takes it
    told boolean not null default true, -- the archive has the record of it
    primary key (destination, event)
);
create index delivery_parked on deliverer.delivery (destination, at) where state = 'parked';
create index delivery_replay on deliverer.delivery (destination, due_at) where state = 'replay';
-- Another process's claims are looked up every second, however many deliveries wait.
create index delivery_claimed on deliverer.delivery (destination, claimed_until)
    where state = 'replay' and claimed_until is not null;
create index delivery_aside on deliverer.delivery (destination, conversation, place, event)
    where state = 'aside';
create index delivery_untold on deliverer.delivery (at) where not told;

-- Destinations that a person paused.
create table deliverer.pause (
    destination text primary key,
    since timestamptz not null default now(),
    reason text not null
);

-- Messages to Meta.

create table deliverer.ledger (
    id uuid primary key,                -- message id
    position bigint generated always as identity,
    number text not null,
    conversation text not null,
    place bigint not null,              -- in the conversation, at which the router accepted it
    person uuid not null,
    address_kind text not null,         -- phone or bsuid
    address text not null,
    content jsonb not null,             -- {"type": "text", "text": {"body": …}}
    about uuid,                         -- our id of the message that it quotes or reacts to
    about_wamid text not null default '',   -- Meta's id of that message
    media uuid,                         -- upload of gateway.media that it carries
    author_kind text not null default '',   -- author as the CRM named them, for registers
    author text not null default '',
    purpose text not null default '',   -- consent by which it is business-initiated; else ''
    asks boolean not null default false,    -- a template that asks the citizen to write again
    -- held: an answer outside the customer service window. It is on hold until its citizen writes
    -- again, and holds back everything behind it but templates.
    state text not null default 'queued' check (
        state in ('queued', 'sending', 'unknown', 'sent', 'failed', 'unconfirmed', 'held')),
    attempt int not null default 0,
    due_at timestamptz not null,
    first_at timestamptz,               -- first attempt: a provider may put it off for one day
    -- A process whose claim succeeded without an answer (the database stood still) finds the line
    -- again by its own id, and knows for certain that the line was not sent.
    claimed_by uuid,
    claimed_at timestamptz,
    -- It waits because its number was stopped, and is tried again at each start: the cause may be gone.
    stopped boolean not null default false,
    held_at timestamptz,
    -- Known of the citizen when it was put on hold, to see whether they wrote or said STOP since.
    heard_at timestamptz,               -- last message to this number, by the citizen's clock
    wrote_at timestamptz,               -- last message to any number, when it came in
    wamid text not null default '',
    code int not null default 0,
    reason text not null default '',
    created_at timestamptz not null
);
-- Messages that still occupy a citizen's line, oldest first: one goes at a time.
create index ledger_line on deliverer.ledger (person, number, position)
    where state in ('queued', 'sending', 'unknown');
create index ledger_held on deliverer.ledger (person, number, position) where state = 'held';
create index ledger_asks on deliverer.ledger (person, number, position) where asks;
-- Lines that may go are looked up several times a second, by due time: messages that wait for the
-- morning or for Meta are passed over, however many they are.
create index ledger_due on deliverer.ledger (number, due_at, position) where state = 'queued';
-- The oldest waiting lines of a number are told why they wait.
create index ledger_queued on deliverer.ledger (number, position) where state = 'queued';
create index ledger_stopped on deliverer.ledger (number, position)
    where state = 'queued' and stopped;
-- Business-initiated messages and reopen templates wait for the morning by number.
create index ledger_unasked on deliverer.ledger (number, due_at)
    where state = 'queued' and purpose <> '';
create index ledger_asks_due on deliverer.ledger (number, due_at) where state = 'queued' and asks;
-- Lines that wait for their file to be at the provider.
create index ledger_media on deliverer.ledger (position)
    where state = 'queued' and media is not null;
create index ledger_sending on deliverer.ledger (claimed_by) where state = 'sending';
-- Recent messages to one citizen, for Meta's limit of a pair.
create index ledger_pair on deliverer.ledger (person, number, claimed_at)
    where claimed_at is not null;
-- Unconfirmed messages are counted every few seconds.
create index ledger_unconfirmed on deliverer.ledger (claimed_at) where state = 'unconfirmed';

-- Outcomes on their way to the router's partitions.
create table deliverer.outcome (
    id uuid primary key,
    position bigint generated always as identity,
    number text not null,
    body bytea not null,                -- MessagePack of a SendOutcome
    published_at timestamptz
);
create index outcome_waiting on deliverer.outcome (position) where published_at is null;

-- Ids under which accounts at Meta or a BSP hold our files.
create table deliverer.upload (
    media uuid not null,
    account text not null,              -- the provider's name and its id of the number
    provider_id text not null default '',   -- '' while the provider does not hold it
    -- A file that was uploaded without a scanner goes again once there is one.
    scanned boolean not null default false,
    attempt int not null default 0,
    due_at timestamptz not null,        -- until then it is held there, or claimed, or it waits
    first_at timestamptz,               -- first attempt: a provider may put it off for one day
    claimed_by uuid,                    -- process that has it in hand
    stopped boolean not null default false, -- as in the ledger
    primary key (media, account)
);

-- Read receipts. They are no lines of the ledger, since no answer waits for one. There is one row
-- for each citizen of a number: a newer receipt includes the older one.
create table deliverer.mark (
    number text not null,
    person uuid not null,
    id uuid not null,                   -- the outcome of this one must not touch the next
    wamid text not null,                -- Meta's id of the citizen's last message
    heard_at timestamptz not null,      -- when they wrote it
    typing boolean not null,
    created_at timestamptz not null,
    due_at timestamptz not null,        -- earliest time of the next attempt, or the end of a claim
    attempt int not null default 0,
    primary key (number, person)
);
create index mark_due on deliverer.mark (number, due_at);

-- Shared pace of a number, however many processes send for it: sent messages are a debt that time
-- pays.
create table deliverer.pace (
    number text primary key,
    per_second float8 not null,         -- rate of the last messages
    paid_until timestamptz not null     -- end of the debt; in the past: so much may go at once
);

-- Progress of each klantcontact and internetaak in Open Klant. A number is drawn before anything is
-- created: by it an object is found again that was stored while its answer was lost. These tables
-- hold no text of messages; it is read back from Open Klant.
create sequence deliverer.referentienummer
    minvalue 1 maxvalue 9999999999      -- Open Klant takes ten digits
    start with 4000000000;              -- apart from others who number from 1

create table deliverer.klantcontact (
    destination text not null,
    event uuid not null,                -- event of the burst's first message; of an answer: its message
    conversation text not null,
    -- Position in the conversation where the burst began; 0 for an answer. An answer refers to the
    -- last question before the place at which it was accepted.
    place bigint not null default 0,
    answers uuid,                       -- event of the question; only of an answer
    answered boolean not null default false, -- the citizen's next message begins another contact
    number bigint not null default nextval('deliverer.referentienummer'),
    klantcontact uuid,
    betrokkene uuid,
    addressed boolean not null default false,
    linked boolean not null default false,
    told uuid[] not null default '{}',  -- events of the messages that it contains
    heard_at timestamptz not null,      -- when the citizen wrote last
    primary key (destination, event)
);
create index klantcontact_newest
    on deliverer.klantcontact (destination, conversation, heard_at desc);

create table deliverer.internetaak (
    destination text not null,
    event uuid not null,                -- event that made it work
    conversation text not null,
    contact uuid not null,              -- event of the klantcontact that it belongs to
    department text not null,           -- department whose work it is
    covers bigint not null,             -- position in the conversation of the last message it is about
    number bigint not null default nextval('deliverer.referentienummer'),
    internetaak uuid,
    ending boolean not null default false,  -- we report it there as done, or did
    ended boolean not null default false,
    handled_at timestamptz,             -- when we saw that an employee had done it there
    looked_at timestamptz not null default now(),
    -- Open Klant may refuse to show a task: it was asked for and not seen, and others come first the
    -- next time.
    asked_at timestamptz not null default now(),
    primary key (destination, event)
);
create index internetaak_open on deliverer.internetaak (destination, conversation)
    where not ended;
create index internetaak_conversation on deliverer.internetaak (destination, conversation);
create index internetaak_looked on deliverer.internetaak (destination, looked_at)
    where not ended and not ending and internetaak is not null;
create index internetaak_asked on deliverer.internetaak (destination, asked_at)
    where not ended and not ending and internetaak is not null;

-- A task that an employee set to done in Open Klant closes its conversation. The router is told of
-- these; a row goes when that is done.
create table deliverer.closing (
    id uuid primary key,
    destination text not null,
    conversation text not null,
    department text not null,
    seen bigint not null,               -- position of the last message that was known there
    found_at timestamptz not null default now()
);

-- Next poll of a destination; the first process to come does it.
create table deliverer.look (
    destination text primary key,
    next_at timestamptz not null
);

grant select on deliverer.pause to postkamer_deliverer;
grant select, insert, update on deliverer.delivery, deliverer.ledger, deliverer.outcome,
    deliverer.pace, deliverer.klantcontact, deliverer.internetaak, deliverer.look
    to postkamer_deliverer;
grant select, update, delete on deliverer.mark to postkamer_deliverer;
grant select, insert, delete on deliverer.closing to postkamer_deliverer;
grant select, insert, update, delete on deliverer.upload to postkamer_deliverer;
grant usage on sequence deliverer.referentienummer to postkamer_deliverer;

-- The router accepts a message, and asks for a read receipt, by a row in the transaction that
-- decides it. A status that carries our own value settles a send whose answer was lost. The wamid of
-- an earlier message is needed to quote it.
grant usage on schema deliverer to postkamer_router;
grant insert, select (id, state, wamid, conversation), update (state, wamid) on deliverer.ledger
    to postkamer_router;
grant select, insert, update on deliverer.mark to postkamer_router;

-- The gateway tells a sender why a message waits; it reads neither content nor address.
grant usage on schema deliverer to postkamer_gateway;
grant select (id, state, code, reason) on deliverer.ledger to postkamer_gateway;
