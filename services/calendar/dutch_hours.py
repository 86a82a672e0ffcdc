"""Opening hours as people write them, such as `ma t/m vr 9-17 uur`, in OpenStreetMap's notation.
Pure.

The result is a guess: a caller checks that it can be read, and lets a person decide.
"""

import re

REWRITES = (
    (r"[\u2010-\u2015]|\bt/m\b|\btot(?: en met)?\b|\bto\b", "-"),
    (r"\ben\b|\band\b|&", ","),
    (r"\bvan\b|(?<=\d)\s*(?:uur|u)\b", ""),
    (r"\bgesloten\b|\bdicht\b", "off"),
    (r"\bfeestdag(?:en)?\b", "PH"),
    (r"\b(?:maandag|ma|monday|mon)\b", "Mo"),
    (r"\b(?:dinsdag|di|tuesday|tue)\b", "Tu"),
    (r"\b(?:woensdag|wo|wednesday|wed)\b", "We"),
    (r"\b(?:donderdag|do|thursday|thu)\b", "Th"),
    (r"\b(?:vrijdag|vr|friday|fri)\b", "Fr"),
    (r"\b(?:zaterdag|za|saturday|sat)\b", "Sa"),
    (r"\b(?:zondag|zo|sunday|sun)\b", "Su"),
    (r"\s*([-,;])\s*", r"\1"),
    (r"(?<=[A-Za-z]):", " "),
    (r"(?<=\d),(?=[A-Z])", ";"),
    (r";", "; "),
    (r"\s+", " "),
)
"""Pattern -> replacement, in this order."""
TIME = re.compile(r"(?<![\d:.])(\d{1,2})(?:[.:](\d\d))?(?![\d:.])")


def rewrite_hours(text: str) -> str:
    """Return hours in OpenStreetMap's notation, as far as the words are known."""
    for pattern, replacement in REWRITES:
        text = re.sub(pattern, replacement, text, flags=re.IGNORECASE)
    return TIME.sub(lambda time: f"{time[1]:0>2}:{time[2] or '00'}", text).strip(" ;,")
