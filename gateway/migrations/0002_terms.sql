-- Commands and uploads end at their term (docs/operators/terms.md).
create index command_accepted on gateway.command (accepted_at);
create index media_created on gateway.media (created_at);
grant delete on gateway.command, gateway.media to postkamer_gateway;
