-- A conversation is found by its zaak: by the last part of an address, or by a word alone.
create index conversation_zaak on router.conversation (regexp_replace(zaak, '^.*/', ''))
    where zaak <> '';
