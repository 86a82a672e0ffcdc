-- `archive verify` holds the reason of what waits here against the record.
grant select (reason) on router.quarantine to postkamer_archiver;
