"""An OpenID Connect provider, at which a few people of Voorbeeldstad log in without a password."""
