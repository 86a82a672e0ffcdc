"""Sessions, codes and refresh tokens over time, and their bounds."""

from datetime import UTC, datetime, timedelta

import pytest

from sandbox.identity.authorization import AuthorizationRequest
from sandbox.identity.people import PEOPLE
from sandbox.identity.session import SESSION_TIME, Session
from sandbox.identity.session_store import CODE_TIME, MAX_CODES, MAX_SESSIONS, SessionStore
from sandbox.identity.token_request import CodeRequest, RefreshRequest, challenge_of
from services.refusal import Refusal

NOW = datetime(2026, 11, 30, 9, tzinfo=UTC)
VERIFIER = "v" * 43
ASKED = AuthorizationRequest("http://desk/login/callback", "openid", "n", challenge_of(VERIFIER))
PERSON = PEOPLE["h.vos"]
LITTLE = timedelta(microseconds=1)


def begin(store: SessionStore) -> tuple[Session, CodeRequest]:
    session, code = store.begin(ASKED, PERSON, "http://idp", NOW)
    return session, CodeRequest(code, ASKED.redirect_uri, VERIFIER)


def refresh(store: SessionStore, session: Session | Refusal, at: datetime) -> Session | Refusal:
    assert isinstance(session, Session)
    return store.renew(RefreshRequest(session.refresh, ""), at)


@pytest.mark.parametrize(
    ("after", "works"),
    [(CODE_TIME - LITTLE, True), (CODE_TIME, False), (timedelta(hours=1), False)],
)
def test_code_works_for_a_minute(after: timedelta, works: bool) -> None:
    store = SessionStore()
    _, asked = begin(store)
    assert isinstance(store.redeem(asked, NOW + after), Session) is works


@pytest.mark.parametrize(("after", "works"), [(SESSION_TIME - LITTLE, True), (SESSION_TIME, False)])
def test_refreshing_does_not_make_a_session_longer(after: timedelta, works: bool) -> None:
    store = SessionStore()
    _, asked = begin(store)
    session = refresh(store, store.redeem(asked, NOW), NOW + SESSION_TIME / 2)
    assert isinstance(refresh(store, session, NOW + after), Session) is works


def test_code_used_again_after_its_time_still_ends_the_session() -> None:
    store = SessionStore()
    _, asked = begin(store)
    session = store.redeem(asked, NOW)
    assert isinstance(store.redeem(asked, NOW + timedelta(hours=1)), Refusal)
    assert isinstance(refresh(store, session, NOW), Refusal)


def test_session_without_a_refresh_token_is_not_renewed() -> None:
    store = SessionStore()
    session, asked = begin(store)
    for token in (session.refresh, session.id, f"{session.id}.", f"{session.id}.é"):
        assert isinstance(store.renew(RefreshRequest(token, ""), NOW), Refusal)
    assert isinstance(store.redeem(asked, NOW), Refusal)


def test_oldest_codes_and_sessions_make_room() -> None:
    store = SessionStore()
    _, lost = begin(store)
    _, kept = begin(store)
    for _ in range(MAX_CODES - 1):
        begin(store)
    assert isinstance(store.redeem(lost, NOW), Refusal)
    assert isinstance(store.redeem(kept, NOW), Session)
    assert len(store.end_person(PERSON.id)) == MAX_SESSIONS


def test_code_that_made_room_ends_nothing() -> None:
    store = SessionStore()
    _, asked = begin(store)
    session = store.redeem(asked, NOW)
    for _ in range(MAX_CODES // 2):
        begin(store)
    session = refresh(store, session, NOW)
    for _ in range(MAX_CODES // 2):
        begin(store)
    assert isinstance(store.redeem(asked, NOW), Refusal)
    assert isinstance(refresh(store, session, NOW), Session)


def test_only_the_sessions_of_a_person_end() -> None:
    store = SessionStore()
    session, _ = begin(store)
    other, code = store.begin(ASKED, PEOPLE["l.hendriks"], "http://idp", NOW)
    assert store.end_person(PERSON.id) == [session]
    redeemed = store.redeem(CodeRequest(code, ASKED.redirect_uri, VERIFIER), NOW)
    assert isinstance(redeemed, Session) and redeemed.id == other.id
