-- Who wrote a message of ours, for registers that want to know: as the CRM said it.
alter table deliverer.ledger
    add column author_kind text not null default '',
    add column author text not null default '';
-- An answer is a contact of its own, which refers to the question that it answers.
alter table deliverer.klantcontact
    add column answers uuid,            -- event of the question; of this, `event` is the message
    add column answered boolean not null default false; -- what the citizen writes next is another
