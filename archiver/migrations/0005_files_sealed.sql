-- Files lie sealed in the object store, each under the name sealed/ and the SHA-256 of what lies
-- there. While one comes it is under media/ and `object`; the row has both names before the store
-- does. Those that were fetched before lie open under media/, with no hash here.
alter table archiver.media
    add column file_salt bytea,         -- of the key of what is in it; another for each attempt
    add column ciphertext_sha256 text not null default '';
create unique index media_ciphertext on archiver.media (ciphertext_sha256)
    where ciphertext_sha256 <> '';
