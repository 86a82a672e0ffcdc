-- The archiver answers the privacy officer about citizens' requests: it opens, extends and decides them,
-- as the commands do. The steps are on the record, against which `archive verify` holds each row. The
-- person of a request is as it was found: hashes and conversations are never changed by a service.
grant insert on archiver.request to postkamer_archiver;
grant update (due_on, extension, decision, ground, decided_at) on archiver.request
    to postkamer_archiver;
grant usage on sequence archiver.request_number to postkamer_archiver;
