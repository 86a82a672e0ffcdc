-- The gateway shows who wrote a message with its status.
grant select (author_kind) on router.outgoing to postkamer_gateway;
