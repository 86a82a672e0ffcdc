"""A whole installation with its secrets in files, whose CRM asks for a client certificate and for a
token: all of it works, and each secret and key is exchanged while webhooks come."""

import asyncio
import json
from collections.abc import Collection
from pathlib import Path

import aiohttp

from services import clock
from services.tasks import background_task
from tests.support.citizens import SECRET, TOKEN
from tests.support.decrypted_record import KEY
from tests.support.e2e.exchanged_keys import (
    KEYS_BEFORE,
    NEW_ARCHIVE,
    NEW_WORKING,
    KeyExchange,
    variables,
)
from tests.support.e2e.exchanged_secrets import (
    BROKER,
    DATABASE,
    Outside,
    TownOfFiles,
    Traffic,
    token_for,
)
from tests.support.installation import TOKENS
from tests.support.integration.bucket import running_bucket
from tests.support.integration.destination_harness import serving
from tests.support.observer import until
from tests.support.test_ca import Authority
from tests.support.tokens import bearer

APP, VERIFY = "POSTKAMER_META_APP_SECRETS", "POSTKAMER_META_VERIFY_TOKEN"
ACCESS, API = "POSTKAMER_META_ACCESS_TOKEN", "POSTKAMER_API_TOKENS"
SIGNING, CLIENT = "CRM_SECRET", "CRM_OAUTH"
STORE_SECRET, STORE_ID = "AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"
OLD = {
    APP: SECRET.decode(),
    VERIFY: "verify-before",
    ACCESS: "access-before",
    API: TOKENS,
    SIGNING: "whsec_YmVmb3JlYmVmb3JlYmVmb3JlYmVmb3JlYmVmb3Jl",
    CLIENT: "geheim-van-de-client-before",
    STORE_SECRET: "store-secret-before",
    STORE_ID: "store-id-before",
}
"""Variable -> its value at first."""
NEW = {
    APP: "app-secret-afterwards",
    VERIFY: "verify-afterwards",
    ACCESS: "access-afterwards",
    API: f"sandbox@almelo/**:api-token-afterwards,{TOKENS.partition(',')[2]}",
    SIGNING: "whsec_YWZ0ZXJ3YXJkc2FmdGVyd2FyZHNhZnRlcndhcmRz",
    CLIENT: "geheim-van-de-client-afterwards",
    STORE_SECRET: "store-secret-afterwards",
    STORE_ID: "store-id-afterwards",
}
BOTH = NEW | {APP: f"{NEW[APP]},{OLD[APP]}", API: f"{NEW[API]},{TOKENS.partition(',')[0]}"}
"""While two are valid here: those of others know both at their side."""
MORE = 20
"""Webhooks that come between two steps."""
AUTHOR = {"kind": "employee", "id": "sanne"}
ANSWER = {"type": "text", "text": {"body": "Wij komen erop terug."}}
NEW_TOKEN, PASSWORD = "api-token-afterwards", "password-afterwards"
OWN = """secret = "env:CRM_SECRET"
client_certificate = "tls/ours.pem"
client_key = "env:CRM_KEY"
certificate_authorities = "tls/ca.pem"
[destinations.oauth]
token_url = "{url}token"
client_id = "postkamer"
client_secret = "env:CRM_OAUTH"
client_auth = "post"
scope = "events:write"
"""
ENDS = 'postkamer_destination_certificate_not_after_seconds{destination="crm"} '


def town_with(folder: Path, authority: Authority, url: str, token_url: str) -> TownOfFiles:
    """Its files stand beside its configuration."""

    def change(text: str) -> str:
        text = text.replace('secret = "env:CRM_SECRET"\n', OWN.format(url=token_url), 1)
        at = text.index('url = "', text.index("[[destinations]]"))
        return text[:at] + f'url = "{url}events"' + text[text.index("\n", at) :]

    authority.issued("ours", days=3)
    town = TownOfFiles(folder, change, OLD | KEYS_BEFORE)
    town.more = {"CRM_KEY_FILE": str(folder / "tls" / "ours.key")}
    return town


class Exchange:
    """The exchange of every secret of a town, under traffic."""

    def __init__(
        self,
        town: TownOfFiles,
        outside: Outside,
        session: aiohttp.ClientSession,
        keys: KeyExchange,
        traffic: Traffic,
    ) -> None:
        self.town, self.outside, self._session, self.keys = town, outside, session, keys
        self.logs = ""
        """Logs from before the exchange of the keys, which replaces the processes."""
        self.traffic = traffic

    async def run(self) -> None:
        """Exchange all, in the order of docs/operators/secrets.md."""
        async with background_task(self.traffic.run()) as running:
            await self.until_events(1)
            await self._until_sent(TOKEN, OLD[ACCESS])
            await self._exchange_passwords_at_servers()
            await self._exchange_files()
            await self._forget_former()
            await self._until_sent(NEW_TOKEN, NEW[ACCESS])
            self.logs = self.town.logs()
            await self.keys.run(NEW_TOKEN)
            await self._until_sent(NEW_TOKEN, NEW[ACCESS])
            await self.traffic.until_more(MORE)
            assert not running.done()

    async def _exchange_passwords_at_servers(self) -> None:
        """All connections but the gateway's to the broker end. New ones are refused."""
        await asyncio.to_thread(self.town.exchange_passwords, PASSWORD)
        for line in ("InvalidPasswordError", "ProbableAuthenticationError"):
            await until(self._logs, lambda logs, line=line: line in logs, 30)
        await self.traffic.until_more(MORE)

    async def _exchange_files(self) -> None:
        """Those outside know both secrets by then."""
        self.outside.access.add(NEW[ACCESS])
        self.outside.signing.add(NEW[SIGNING])
        self.outside.client.add(NEW[CLIENT])
        self.outside.store.lets_in = {OLD[STORE_ID], NEW[STORE_ID]}
        self.town.put_passwords(PASSWORD)
        for name, value in BOTH.items():
            self.town.put(name, value)
        await self.town.until_taken(dict.fromkeys([*BOTH, DATABASE, BROKER], 1))
        assert await self._handshake(OLD[VERIFY]) == 403
        assert await self._handshake(NEW[VERIFY]) == 200
        await self.traffic.until_more(MORE)

    async def _forget_former(self) -> None:
        """Those outside use the new secrets alone, and then the services."""
        outside = self.outside
        outside.access, outside.signing, outside.client = (
            {NEW[n]} for n in (ACCESS, SIGNING, CLIENT)
        )
        outside.store.lets_in = {NEW[STORE_ID]}
        self.traffic.secret = NEW[APP]
        await self.traffic.until_more(MORE)
        await self._until_sent(TOKEN, NEW[ACCESS])
        for name in (APP, API):
            self.town.put(name, NEW[name])
        await self.town.until_taken({APP: 2, API: 2})

    async def arrives(self) -> None:
        """All that was answered 200 comes at the CRM and into the archive, and each file was taken:
        with the key of the store that counted then."""
        sent, store = self.traffic.sent, self.outside.store
        await self.until_events(len(sent), sent)
        await self.keys.until_archived(sent)
        assert {*self.keys.uploads} == {201}
        assert store.asked.keys() == {OLD[STORE_ID], NEW[STORE_ID]} and not store.refused

    async def refuses_former(self) -> None:
        """Former secrets open nothing, and a connection that ends is made with the new password."""
        assert await self._send(TOKEN) == 401
        conversation = f"{self.town.archiver}/v1/conversations/{self.outside.conversation}"
        assert [await self._get(conversation, each) for each in (TOKEN, NEW_TOKEN)] == [401, 200]
        rules = f"{self.town.router}/v1/rules/versions"  # for which neither has the role
        assert [await self._get(rules, each) for each in (TOKEN, NEW_TOKEN)] == [401, 403]
        assert await Traffic([self._session], self.town.gateway, OLD[APP]).send() == 401
        await asyncio.to_thread(self.town.end_connections, "gateway")
        after = Traffic([self._session], self.town.gateway, NEW[APP], "daarna")
        await until(after.send, lambda status: status == 200, 30)
        assert {*after.statuses} <= {200, 503}
        await self.until_events(len(after.sent), after.sent)

    async def until_events(self, count: int, among: Collection[str] = ()) -> None:
        async def look() -> int:
            return len(self.outside.events.keys() & among if among else self.outside.events)

        await until(look, lambda seen: seen >= count, 60)

    async def _until_sent(self, token: str, access: str) -> None:
        """Answer a citizen with a token of the API; it comes at Meta with this access token."""
        before = self.outside.shown[access]
        assert await self._send(token) == 202

        async def look() -> int:
            return self.outside.shown[access]

        await until(look, lambda seen: seen > before, 60)

    async def _send(self, token: str) -> int:
        body = {"conversationId": self.outside.conversation, "author": AUTHOR} | ANSWER
        headers = bearer(token) | {"Idempotency-Key": str(clock.new_id())}
        url = f"{self.town.gateway}/v1/messages"
        async with self._session.post(url, json=body, headers=headers) as answer:
            return answer.status

    async def _get(self, url: str, token: str) -> int:
        async with self._session.get(url, headers=bearer(token)) as answer:
            return answer.status

    async def _handshake(self, token: str) -> int:
        query = {"hub.mode": "subscribe", "hub.verify_token": token, "hub.challenge": "1"}
        url = f"{self.town.gateway}/webhooks/whatsapp"
        async with self._session.get(url, params=query) as answer:
            return answer.status

    async def _logs(self) -> str:
        return self.town.logs()


async def test_secrets_exchanged_under_traffic_refuse_no_webhook_and_are_in_no_log(
    tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    folder = tmp_path / "town"
    authority = Authority(folder / "tls", "ca")
    tls = authority.shown_by(authority.issued("server"), asks=True)
    outside = Outside(OLD[ACCESS], OLD[SIGNING], OLD[CLIENT])
    one_each = aiohttp.TCPConnector(force_close=True)
    async with (
        aiohttp.ClientSession(connector=one_each, timeout=session.timeout) as anew,
        running_bucket(outside.store) as store_port,
        serving(outside.give_token, tls) as token_url,
        serving(outside.take_event, tls) as url,
        serving(outside.send) as graph_url,
    ):
        town = town_with(folder, authority, url, token_url)
        town.more |= variables(store_port) | {"POSTKAMER_META_GRAPH_URL": f"{graph_url}v26.0"}
        try:
            await asyncio.to_thread(town.start)
            traffic = Traffic([session, anew], town.gateway, OLD[APP])
            exchange = Exchange(town, outside, session, KeyExchange(town, session), traffic)
            await exchange.run()
            await exchange.arrives()
            await exchange.refuses_former()
            async with session.get(f"{town.operations('deliverer')}/metrics") as answer:
                lines = (await answer.text()).splitlines()
        finally:
            await asyncio.to_thread(town.discard)
    assert {*exchange.traffic.statuses} == {200}
    assert {len(ids) for ids in outside.events.values()} == {1}
    assert outside.refused.keys() <= {"token"}, "a token from the former secret, once"
    assert any(line.startswith(ENDS) and float(line.split()[-1]) > 1e9 for line in lines)
    logs = exchange.logs + town.logs()
    secrets = [*OLD.values(), *NEW.values(), token_for(OLD[CLIENT]), PASSWORD, NEW_TOKEN]
    secrets += [KEY, NEW_ARCHIVE, NEW_WORKING]
    assert [each for each in secrets if each in logs] == []
    ends = [json.loads(line) for line in exchange.logs.splitlines() if '"certificate.ends"' in line]
    assert [(line["destination"], line["level"]) for line in ends] == [("crm", "warning")]
