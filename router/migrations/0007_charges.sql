-- What Meta charged each message of ours as, and when it was delivered: what months cost.
create table router.charge (
    id uuid primary key,                                    -- of the message: charged once
    tenant text not null,
    number text not null,
    department text not null,                               -- that sent it
    category text not null,                                 -- Meta's words; '' while none came
    type text not null,
    pricing_model text not null,
    billable boolean,
    said_by text not null,                                  -- the status that the price came with
    delivered_at timestamptz                                -- by Meta's clock; null: not charged
);
create index charge_delivered on router.charge (delivered_at) where delivered_at is not null;

grant select, insert, update on router.charge to postkamer_router;
