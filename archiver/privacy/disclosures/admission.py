"""Admission to the work on disclosures over HTTP, and the answers to what is refused."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from aiohttp import web

from archiver.api.access_log import AccessLog
from archiver.disclosure.disclosure import Disclosure, DisclosureRefused, Document
from archiver.disclosure.disclosure_store import DisclosureStore
from archiver.media.thumbnail_maker import MakerBusy
from archiver.privacy.archive import PrivacyArchive
from archiver.privacy.request_routes import answered
from archiver.transcript.maker import TooLong
from archiver.transcript.routes import AWAY
from services.api.request_body import Refused
from services.files.object_store import StoreUnavailable
from services.http.bearer_auth import Handler, require_token
from services.http.problems import problem_response, service_unavailable
from services.http.rights import Rights, Role
from services.http.token_store import TokenStore
from services.printing.typesetter import Unprintable

ROLE: Role = "records"
PATH = "/v1/disclosures"
ONE = f"{PATH}/{{id}}"
NO_DISCLOSURE = "there is no such disclosure"
NO_DOCUMENT = "the disclosure has no such document"
NOT_ALL = "this token has not the role 'records' for every department, confidential ones too"
PICTURES_BUSY = "others are being answered: try again"
LONGEST_NUMBER = 6
"""Digits of the number of a document."""
NO_NUMBER = 0
"""Number that no document has."""
Read = Callable[[str], Awaitable[Disclosure | None]]


class Admission:
    """A disclosure is of every department, so it takes a token that reaches all of them."""

    def __init__(self, archive: PrivacyArchive, views: AccessLog, tokens: TokenStore) -> None:
        self._archive, self._views, self._tokens = archive, views, tokens

    def admit(self, handler: Handler, needed: Iterable[str] = ()) -> Any:
        """Wrap a handler for who has the role, reaches all, and gives the headers that are
        needed."""
        whole, headers = self._whole(handler), frozenset(needed)
        if headers:
            whole = self._views.identified(whole, lambda rights: headers)
        return require_token(whole, self._tokens, ROLE)

    def _whole(self, handler: Handler) -> Handler:
        async def handle(request: web.Request, rights: Rights) -> web.StreamResponse:
            if not self._archive.reaches_all(rights):
                return problem_response(403, "Forbidden", NOT_ALL)
            return await handler(request, rights)

        return _refusing(handle)


def _refusing(handler: Handler) -> Handler:
    """Wrap a handler, so that what the rules forbid is an answer."""

    async def answer(request: web.Request, rights: Rights) -> web.StreamResponse:
        try:
            return await handler(request, rights)
        except DisclosureRefused as refused:
            sentence = str(refused.args[0])
            return problem_response(409, "Conflict", sentence, code=refused.code)
        except (TooLong, Unprintable) as error:
            code = str(error).partition(":")[0]
            return problem_response(409, "Conflict", str(error), code=code)
        except MakerBusy:
            return service_unavailable(PICTURES_BUSY)
        except StoreUnavailable:
            return service_unavailable(AWAY)

    return answered(answer)


async def find_disclosure(read: Read, request: web.Request, rights: Rights) -> Disclosure:
    """Return the disclosure of the path, if it is of the token's municipality. Raises Refused."""
    found = await read(request.match_info["id"])
    if found is None or found.tenant != rights.tenant:
        raise Refused(problem_response(404, "Not Found", NO_DISCLOSURE))
    return found


async def find_document(store: DisclosureStore, found: Disclosure, number: str) -> Document:
    """Return a document by its number. Raises Refused."""
    is_number = number.isascii() and number.isdecimal() and len(number) <= LONGEST_NUMBER
    [document] = choose_documents(
        await store.documents(found.id), [int(number) if is_number else NO_NUMBER]
    )
    return document


def choose_documents(documents: Iterable[Document], numbers: Iterable[int]) -> list[Document]:
    """Return documents by their numbers, each once. Raises Refused if there is no such one."""
    by_number = {each.number: each for each in documents}
    chosen = list(dict.fromkeys(numbers))
    if not by_number.keys() >= {*chosen}:
        raise Refused(problem_response(404, "Not Found", NO_DOCUMENT))
    return [by_number[each] for each in chosen]
