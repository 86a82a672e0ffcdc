-- Commands and uploads end at their term (docs/operators/terms.md).
create index command_accepted on gateway.command (accepted_at);
create index media_created on gateway.media (created_at);
grant delete on gateway.command, gateway.media to postkamer_gateway;

-- No row goes before the lowest term that can be set, nor one that is needed: access.keep_row.
create trigger keep before delete on gateway.command for each row
    when (old.accepted_at > now() - interval '14 days')
    execute function access.keep_row();
create trigger keep before delete on gateway.media for each row
    when (old.created_at > now() - interval '8 days')
    execute function access.keep_row();
