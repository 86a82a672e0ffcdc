-- When a citizen wrote what they wrote last, by Meta's clock and never later than it came in: from then
-- Meta counts the 24 hours. Empty where it was not kept yet; then it is when it came in.
alter table router.conversation add column said_at timestamptz;
grant select (said_at) on router.conversation to postkamer_deliverer;
