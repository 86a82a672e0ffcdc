-- A late answer of a confidential department does not go by Meta's Direct Send: Meta would keep a
-- template of it. So the deliverer sees which departments had the conversation.
grant select (departments) on router.conversation to postkamer_deliverer;
