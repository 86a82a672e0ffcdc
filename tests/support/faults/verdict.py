"""The verdict on a run: all that was taken is at the CRM and in the archive, each once, as it was
decided, each conversation in order."""

from collections import Counter
from collections.abc import Iterator, Mapping

from tests.support.faults.crowd import Crowd
from tests.support.faults.message_evidence import Seen


def faults(found: Seen, crowd: Crowd) -> list[str]:
    """Return what is lost, doubled, out of order or told in two ways."""
    said = {texts[0]: texts for texts in crowd.texts}
    return [
        *_compare("CRM", said, found.texts_at_the_crm()),
        *_compare("archive", said, found.texts_in_the_archive()),
        *(f"{id}: told in two ways" for id in found.changed()),
        *found.disagreements(),
    ]


def _compare(
    place: str, said: Mapping[str, list[str]], found: Mapping[str, list[str]]
) -> Iterator[str]:
    came = Counter(text for texts in found.values() for text in texts)
    written = {text for texts in said.values() for text in texts}
    yield from (f"{place}: {text} is lost" for text in sorted(written - set(came)))
    yield from (f"{place}: {text} came {n} times" for text, n in came.items() if n > 1)
    for texts in found.values():
        citizen = texts[0].rpartition(" ")[0]
        expected = [text for text in said.get(f"{citizen} 0", []) if text in came]
        if texts != expected:
            yield f"{place}: the conversation of {citizen} is out of order"
