-- What the desk knows of the conversations that wait, from the events that it received.
create table desk.conversation (
    id text primary key,
    source text not null,               -- of its events: the municipality
    department text not null,
    sequence bigint not null,           -- of the newest event
    message_sequence bigint not null,   -- of the citizen's newest message
    is_open bool not null,
    last_at timestamptz not null,
    waiting_since timestamptz,          -- of the oldest question that no person answered
    waiting_to bigint not null,         -- sequence of the newest such question
    window_until timestamptz,           -- end of the customer service window
    priority text not null,
    care text not null,                 -- a danger that no person confirmed
    tags text[] not null,
    also_about text[] not null,         -- other departments that a sentence was about
    language text not null,
    due date,                           -- legal deadline
    assignee text not null,             -- employee who has it, sealed; '' if nobody has
    is_provisional bool not null,
    trouble text not null,              -- status of the last answer, if that may not have arrived
    outcome text not null,
    content bytea not null,             -- name, last message, zaak, why it is urgent; sealed
    changed_at timestamptz not null default now()
);
-- The oldest that waits comes first; what does not wait follows by its last event.
create index conversation_waiting on desk.conversation (source, department, waiting_since)
    where is_open;
create index conversation_closed on desk.conversation (source, department, last_at)
    where not is_open;

-- Events that were received: each comes at least once, always with the same id.
create table desk.event (
    id uuid primary key,
    received_at timestamptz not null default now()
);
create index event_received on desk.event (received_at);

-- Alarms about citizens in danger, where the desk is a destination of care. The conversation may be
-- at a department of another system.
create table desk.alarm (
    conversation text primary key,
    source text not null,               -- the municipality's, as in desk.conversation
    care text not null,                 -- kind of danger; '' if its department is confidential
    nth integer not null,               -- number of the alarm
    at timestamptz not null
);
create index alarm_at on desk.alarm (at);

-- People who are logged in. The browser has a random value, the table its hash.
create table desk.session (
    id bytea primary key check (length(id) = 32),
    issuer text not null,
    subject bytea not null,             -- hash of the provider's `sub`
    provider_session bytea not null,    -- hash of the provider's `sid`; empty without one
    person text not null,               -- name on the record; sealed
    access jsonb not null,              -- municipality, roles and departments, as the gateway says
    tokens bytea not null,              -- access, refresh and ID token; sealed
    began_at timestamptz not null,
    used_at timestamptz not null,
    refresh_at timestamptz not null,    -- when the access token is renewed
    expires_at timestamptz not null
);
create index session_subject on desk.session (subject);
create index session_provider on desk.session (provider_session);
create index session_used on desk.session (used_at);

-- Answers that are being written, one for each conversation and employee.
create table desk.draft (
    conversation text not null,
    person bytea not null,              -- hash of the employee's name
    key uuid not null,                  -- idempotency key of the answer: sent twice, it goes once
    text bytea not null,                -- sealed
    about uuid,                         -- message that it quotes
    written_at timestamptz not null,
    primary key (conversation, person)
);
create index draft_written on desk.draft (written_at);

-- Answers that were given to the gateway, or were about to be.
create table desk.answer (
    key uuid primary key,               -- idempotency key
    conversation text not null,
    person bytea not null,
    covers bigint not null,             -- sequence of the newest message that its writer saw;
                                        -- -1 for a reaction, which answers nothing
    body bytea not null,                -- as the gateway got it, until it is known to have it; sealed
    message uuid,                       -- null: it is not known if the gateway took it
    given_at timestamptz not null
);
create index answer_message on desk.answer (message);
create index answer_conversation on desk.answer (conversation);
create index answer_given on desk.answer (given_at);

-- Reasons for which employees read what asks for one, until their session ends.
create table desk.reason (
    session bytea not null references desk.session on delete cascade,
    conversation text not null,
    reason bytea not null,              -- sealed
    given_at timestamptz not null,
    primary key (session, conversation)
);

-- Texts that employees begin an answer with.
create table desk.standard_answer (
    id uuid primary key,
    source text not null,               -- the municipality's, as in desk.conversation
    department text not null,           -- '': all of the municipality
    title text not null,
    text text not null,                 -- {naam}, {medewerker} and {gemeente} are filled in
    changed_by text not null,           -- the manager, by the name on the record
    changed_at timestamptz not null
);
create index standard_answer_source on desk.standard_answer (source);

grant select, insert, update, delete
    on desk.conversation, desk.event, desk.alarm, desk.session, desk.draft, desk.answer, desk.reason,
    desk.standard_answer
    to postkamer_desk;

create or replace function sealing.key_holders(ids bytea[]) returns table (id bytea, holder text)
security definer language sql
set search_path = pg_catalog
begin atomic
select distinct key, holder from (
    select sealing.key_of(decision) as key, 'router.inbox' as holder from router.inbox
    union all select sealing.key_of(wamid), 'router.inbox' as holder from router.inbox
    union all select sealing.key_of(raw), 'router.quarantine' as holder from router.quarantine
    union all select sealing.key_of(entry), 'router.quarantine' as holder from router.quarantine
    union all select sealing.key_of(delivery), 'router.held' as holder from router.held
    union all select sealing.key_of(delivery), 'router.waiting' as holder from router.waiting
    union all select sealing.key_of(reason), 'router.conversation' as holder
        from router.conversation
    union all select sealing.key_of(state #>> '{}'), 'router.conversation' as holder
        from router.conversation
    union all select sealing.key_of(source), 'router.consent' as holder from router.consent
    union all select sealing.key_of(body), 'deliverer.delivery' as holder from deliverer.delivery
    union all select sealing.key_of(sealed), 'deliverer.sent' as holder from deliverer.sent
    union all select sealing.key_of(sealed), 'deliverer.secret' as holder from deliverer.secret
    union all select sealing.key_of(content ->> 'sealed'), 'deliverer.ledger' as holder
        from deliverer.ledger
    union all select sealing.key_of(wamid), 'deliverer.ledger' as holder from deliverer.ledger
    union all select sealing.key_of(about_wamid), 'deliverer.ledger' as holder
        from deliverer.ledger
    union all select sealing.key_of(author), 'deliverer.ledger' as holder from deliverer.ledger
    union all select sealing.key_of(wamid), 'deliverer.mark' as holder from deliverer.mark
    union all select sealing.key_of(body), 'deliverer.outcome' as holder from deliverer.outcome
    union all select sealing.key_of(action #>> '{}'), 'deliverer.found_command' as holder
        from deliverer.found_command
    union all select sealing.key_of(employee), 'deliverer.found_command' as holder
        from deliverer.found_command
    union all select sealing.key_of(employee), 'deliverer.internetaak' as holder
        from deliverer.internetaak
    union all select sealing.key_of(filename), 'gateway.media' as holder from gateway.media
    union all select sealing.key_of(sha256), 'gateway.media' as holder from gateway.media
    union all select sealing.key_of(content), 'desk.conversation' as holder from desk.conversation
    union all select sealing.key_of(tokens), 'desk.session' as holder from desk.session
    union all select sealing.key_of(person), 'desk.session' as holder from desk.session
    union all select sealing.key_of(text), 'desk.draft' as holder from desk.draft
    union all select sealing.key_of(body), 'desk.answer' as holder from desk.answer
    union all select sealing.key_of(reason), 'desk.reason' as holder from desk.reason
) sealed where key in (select unnest(ids));
end;
