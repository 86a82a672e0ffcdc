-- Receipt of the last notice about a template: the deliverer then asks Meta for the list again. It is
-- no time of Meta's, as `changed_at` is, since some notices have none, and some come late.
alter table router.template add column noticed_at timestamptz;
grant select (waba, noticed_at) on router.template to postkamer_deliverer;
