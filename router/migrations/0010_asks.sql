-- Whether the template failed, at Meta, that asks a citizen to write again: what waits for that fails.
grant select (id, status, code, reason) on router.outgoing to postkamer_deliverer;
-- Who the citizen of a conversation is by now: after a merge what is held waits for that person.
grant select (id) on router.conversation to postkamer_deliverer;
