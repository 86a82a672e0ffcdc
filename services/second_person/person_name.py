"""Names of persons, compared. Pure."""

import re
from unicodedata import normalize

_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")
"""Characters that nobody sees: a soft hyphen, joiners and spaces of no width."""
_SPACES = re.compile("[\t-\r\x1c- \x85\u1680\u2028\u2029]+")
"""White space that NFKC leaves; it makes a space of all others, such as a no-break space."""


def fold_name(name: str) -> str:
    """Return a name as it is compared; `archiver.fold_name`. Capitals first: ß is SS then."""
    folded = normalize("NFKC", normalize("NFKC", name).upper().lower())
    return _SPACES.sub(" ", _INVISIBLE.sub("", folded)).strip(" ")
