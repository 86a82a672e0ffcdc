-- The router answers callers about its rules: it reads their tokens and keeps their budgets, as gateway
-- and archiver do.
grant select on access.token, access.refused_token, access.told_tokens to postkamer_router;
grant select, insert, update on access.budget to postkamer_router;
