-- Whether somebody said STOP after they last wrote: then an answer that comes late goes in no template.
grant select (by) on router.withdrawal to postkamer_deliverer;
