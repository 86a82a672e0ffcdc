-- Disclosures: what is made public at a request under the Woo, or shown to who asked for access.
--
-- The database holds the rules that no service and no command may break: who drew, reviewed, redacted
-- or decided does not approve, and what was approved is not changed. Redactions are sealed under the
-- key of their conversation: without it they are lost.
alter table archiver.hold drop constraint hold_ground_check;
alter table archiver.hold add constraint hold_ground_check
    check (ground in ('objection', 'limitation', 'woo', 'access', 'dispute', 'audit'));

create sequence archiver.disclosure_number;
create table archiver.disclosure (
    id text primary key,                -- WOO-2026-0001
    tenant text not null,
    -- woo: a request under the Woo. access: of a citizen, for what is theirs (AVG, article 15).
    kind text not null check (kind in ('woo', 'access')),
    hold text not null unique references archiver.hold,     -- it selects the documents
    named text[] not null default '{}',                     -- ids of employees who are named
    state text not null default 'drawn' check (state in ('drawn', 'reviewed', 'approved')),
    drawn_by text not null check (drawn_by <> ''),
    drawn_at timestamptz not null,
    reviewed_by text,
    reviewed_at timestamptz,
    approved_by text,
    approved_at timestamptz,
    check ((reviewed_by is null) = (reviewed_at is null)),
    check ((approved_by is null) = (approved_at is null)),
    check ((state = 'drawn') = (reviewed_by is null)),
    check ((state = 'approved') = (approved_by is not null)),
    constraint disclosure_drawer_does_not_approve
        check (not archiver.same_person(approved_by, drawn_by)),
    constraint disclosure_reviewer_does_not_approve
        check (not archiver.same_person(approved_by, reviewed_by))
);
create index disclosure_tenant on archiver.disclosure (tenant, drawn_at);

-- A document is a conversation, up to an entry. What comes later is in it after the next refresh.
create table archiver.disclosure_document (
    disclosure text not null references archiver.disclosure,
    number int not null check (number > 0),
    tenant text not null,
    conversation text not null check (conversation <> ''),
    up_to bigint not null,              -- position in the log
    decision text not null default ''
        check (decision in ('', 'open', 'partly', 'closed', 'outside')),
    grounds text[] not null default '{}',
    decided_by text,
    decided_at timestamptz,
    handled_by text[] not null default '{}',    -- all who redacted it or decided about it
    salt bytea,
    sealed bytea,                       -- its redactions; null without any
    primary key (disclosure, number),
    unique (disclosure, conversation),
    check ((decision in ('partly', 'closed')) = (grounds <> '{}')),
    check ((decision = '') = (decided_by is null)),
    check ((decision = '') = (decided_at is null)),
    check ((salt is null) = (sealed is null))
);
create index disclosure_document_conversation
    on archiver.disclosure_document (tenant, conversation);
-- Steps of disclosures are few among the entries.
create index entry_disclosure on archiver.entry (tenant, id) where kind = 'disclosure';

create function archiver.keep_order_of_disclosure() returns trigger
    language plpgsql set search_path = pg_catalog
    as $$ begin
        if tg_op = 'DELETE' then
            raise insufficient_privilege using message = 'a disclosure is kept for ever';
        end if;
        if tg_op = 'INSERT' then
            if new.state <> 'drawn' then
                raise check_violation using message = 'a new disclosure is drawn and nothing else';
            end if;
            return new;
        end if;
        if (old.state, new.state) not in
            (('drawn', 'reviewed'), ('reviewed', 'drawn'), ('reviewed', 'approved'))
        then
            raise check_violation using message =
                format('a disclosure that is %s cannot become %s', old.state, new.state);
        end if;
        if (old.id, old.tenant, old.kind, old.hold, old.named, old.drawn_by, old.drawn_at)
            is distinct from (new.id, new.tenant, new.kind, new.hold, new.named, new.drawn_by,
                new.drawn_at)
            or new.state = 'approved' and (old.reviewed_by, old.reviewed_at)
                is distinct from (new.reviewed_by, new.reviewed_at)
        then
            raise check_violation using message = 'what was done to a disclosure is not changed';
        end if;
        if new.state <> 'drawn' and not exists (select from archiver.disclosure_document d
            where d.disclosure = new.id)
        then
            raise check_violation using message = 'it has no documents';
        end if;
        if new.state <> 'drawn' and exists (select from archiver.disclosure_document d
            where d.disclosure = new.id and d.decision = '')
        then
            raise check_violation using message = 'some documents are not decided';
        end if;
        if new.state = 'approved' and exists (select from archiver.disclosure_document d,
            unnest(d.handled_by) as h (person)
            where d.disclosure = new.id and archiver.same_person(h.person, new.approved_by))
        then
            raise check_violation using message = 'who decided about a document does not approve',
                constraint = 'disclosure_decider_does_not_approve';
        end if;
        return new;
    end $$;
create trigger keep_order before insert or update or delete on archiver.disclosure
    for each row execute function archiver.keep_order_of_disclosure();

create function archiver.keep_order_of_document() returns trigger
    language plpgsql set search_path = pg_catalog
    as $$
declare
    now_in text;
    forgotten archiver.disclosure_document;
begin
    if tg_op = 'DELETE' then
        raise insufficient_privilege using message = 'a document of a disclosure is kept for ever';
    end if;
    if tg_op = 'UPDATE' then
        -- Its conversation was destroyed.
        forgotten := old;
        forgotten.salt := null;
        forgotten.sealed := null;
        if new is not distinct from forgotten and not exists (
            select from archiver.conversation_key k
            where k.tenant = new.tenant and k.conversation = new.conversation)
        then
            return new;
        end if;
        if (old.disclosure, old.number, old.tenant, old.conversation)
            is distinct from (new.disclosure, new.number, new.tenant, new.conversation)
            or new.up_to < old.up_to or not new.handled_by @> old.handled_by
            or new.decided_by is not null and not new.decided_by = any(new.handled_by)
        then
            raise check_violation using message = 'what was done to a document is not changed';
        end if;
    end if;
    -- A review that is under way waits for this, or this for the review.
    select d.state into now_in from archiver.disclosure d where d.id = new.disclosure for share;
    if now_in is distinct from 'drawn' then
        raise check_violation using message = 'the disclosure was reviewed';
    end if;
    return new;
end
$$;
create trigger keep_order before insert or update or delete on archiver.disclosure_document
    for each row execute function archiver.keep_order_of_document();

grant select, insert on archiver.disclosure, archiver.disclosure_document to postkamer_archiver;
grant update (state, reviewed_by, reviewed_at, approved_by, approved_at) on archiver.disclosure
    to postkamer_archiver;
grant update (up_to, decision, grounds, decided_by, decided_at, handled_by, salt, sealed)
    on archiver.disclosure_document to postkamer_archiver;
grant usage on sequence archiver.disclosure_number to postkamer_archiver;
