-- A file that goes out with a message is copied from the store of uploads. The row says in the open which
-- upload that is, so that the gateway ends none that is still to be copied.
alter table archiver.media add column upload uuid;
create index media_of_upload on archiver.media (upload) where state = 'waiting' and upload is not null;
grant usage on schema archiver to postkamer_gateway;
grant select (id, upload, state) on archiver.media to postkamer_gateway;
grant usage on schema gateway to postkamer_archiver;
grant select (id, tenant, token, object, mime_type, size, sha256) on gateway.media to postkamer_archiver;
