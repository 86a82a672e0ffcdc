"""A town whose secrets are in files, and the world around it that knows them: Meta's webhooks and
Graph API, a CRM and its token endpoint. Each side may know two secrets while one is exchanged."""

import asyncio
import json
import os
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import msgspec
from aiohttp import web

from deploy.local.plan import REAL
from services import clock
from services.http.webhook_signature import is_signed, key_of
from tests.support.citizens import post, signature, text, webhook
from tests.support.installation import Installation
from tests.support.integration.bucket import Bucket
from tests.support.kubernetes.mounted_secrets import MountedSecrets
from tests.support.observer import until

RECEIVED = "nl.postkamer.message-received.v1"
PACE_SECONDS = 0.03
"""Pause between two webhooks: a busy town has some 30 in a second."""
CITIZENS = 7
DATABASE, BROKER = "POSTKAMER_DATABASE_PASSWORD", "POSTKAMER_AMQP_PASSWORD"
ADDRESSES = {DATABASE: "POSTKAMER_DATABASE_URL", BROKER: "POSTKAMER_AMQP_URL"}
"""Variable of a password -> that of its address."""
WITH_PASSWORD = re.compile("(//[^/:@]+):[^/@]*@")
CHANGE = """
[ok = rabbit_auth_backend_internal:change_password(User, <<"{}">>, <<"test">>) || User <- {}],
"""
CLOSE = """
[rabbit_networking:close_connection(Pid, "exchanged") || Pid <- rabbit_networking:connections(),
    User <- {}, [{{user, User}}] == (catch rabbit_networking:connection_info(Pid, [user]))].
"""
"""Expressions of Erlang, for the broker. A connection that ended since the list was made has no
user any more."""


class TownOfFiles(Installation):
    """Its services have each secret in a file: `secrets` are those that all have. The passwords of
    a service are in a folder of its own, as Kubernetes mounts it, apart from the addresses."""

    def __init__(
        self, folder: Path, change: Callable[[str], str], secrets: Mapping[str, str]
    ) -> None:
        super().__init__(folder, change)
        self._files = folder / "secrets"
        for name, value in secrets.items():
            self.put(name, value)
        self._mounted = {each: MountedSecrets(self._files / each) for each in REAL}
        for service, mounted in self._mounted.items():
            (self._files / service).mkdir()
            settings = super()._settings(service)
            passwords = {each: urlsplit(settings[url]).password for each, url in ADDRESSES.items()}
            mounted.put({name: password or "" for name, password in passwords.items()})

    def put(self, name: str, value: str) -> None:
        """Exchange a file, as careful operators do: by another in its place."""
        file = self._files / "all" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        new = file.with_suffix(".new")
        new.write_text(value)
        os.replace(new, file)

    def _settings(self, name: str) -> dict[str, str]:
        folders = [self._files / "all", *([self._files / name] if name in REAL else [])]
        found = [file for each in folders for file in each.glob("[!.]*")]
        files = {f"{file.name}_FILE": str(file) for file in found}
        settings = super()._settings(name)
        if name in REAL:
            bare = {url: WITH_PASSWORD.sub(r"\1@", settings[url]) for url in ADDRESSES.values()}
            settings = settings | bare
        return settings | files

    def exchange_passwords(self, password: str) -> None:
        """Give every service another password at database and broker, and end all connections to
        them but those of the gateway to the broker."""
        roles = [f"alter role postkamer_{each} password '{password}';" for each in REAL]
        ended = (
            "select pg_terminate_backend(pid) from pg_stat_activity where usename ~ '^postkamer_'"
        )
        self.database.execute("".join(roles))
        self.database.execute(ended)
        others = [each for each in REAL if each != "gateway"]
        change = CHANGE.format(password, erlang_list(REAL))
        self.broker.evaluate(change + CLOSE.format(erlang_list(others)))

    def put_passwords(self, password: str) -> None:
        """Exchange both passwords of each service in one step, as Kubernetes does."""
        for mounted in self._mounted.values():
            mounted.put(dict.fromkeys(ADDRESSES, password))

    def end_connections(self, user: str) -> None:
        """End the connections of a user to the broker, as a restart of its node would."""
        self.broker.evaluate(CLOSE.format(erlang_list([user])))

    def taken(self, service: str) -> Counter[str]:
        """Count how often a service has taken the file of each variable."""
        names = Counter[str]()
        for line in (self.folder / f"{service}.log").read_text().splitlines():
            if '"secrets.taken"' in line:
                names.update(json.loads(line)["what"].split(", "))
        return names

    async def until_taken(self, times: Mapping[str, int]) -> None:
        """Wait until each service has taken the file of each variable so often."""
        for service in REAL:

            async def look(service: str = service) -> Counter[str]:
                return self.taken(service)

            await until(
                look, lambda seen: all(seen[f"{n}_FILE"] >= t for n, t in times.items()), 30
            )


def erlang_list(names: Iterable[str]) -> str:
    return "[{}]".format(", ".join(f'<<"{name}">>' for name in names))


class Traffic:
    """Webhooks at a steady pace, by each of `sessions` in turn, signed with the secret of now, and
    what was answered."""

    def __init__(
        self,
        sessions: Sequence[aiohttp.ClientSession],
        gateway: str,
        secret: str,
        run: str = "wissel",
    ) -> None:
        self._sessions, self._gateway, self.secret, self._run = sessions, gateway, secret, run
        self.statuses = Counter[int]()
        self.sent: list[str] = []

    async def run(self) -> None:
        """Send for as long as this runs."""
        while True:
            await self.send()
            await asyncio.sleep(PACE_SECONDS)

    async def send(self) -> int:
        """Send one webhook; return the status. One that is not taken is not sent again."""
        number = sum(self.statuses.values())
        words, citizen = f"{self._run} {number}", number % CITIZENS
        body = webhook(text(words, f"wamid.{self._run}.{number}", citizen))
        signed = signature(body, self.secret.encode())
        session = self._sessions[number % len(self._sessions)]
        status = await post(session, self._gateway, body, signed)
        self.statuses[status] += 1
        self.sent += [words] if status == 200 else []
        return status

    async def until_more(self, count: int) -> None:
        """Wait until so many more were answered."""
        wanted = sum(self.statuses.values()) + count

        async def look() -> int:
            return sum(self.statuses.values())

        await until(look, lambda seen: seen >= wanted, 30)


class Outside:
    """Meta's Graph API, an object store, a CRM, and its token endpoint, which gives each secret a
    token of its own. Whoever comes with another secret is refused, and counted by what refused
    them."""

    def __init__(self, access: str, signing: str, client: str) -> None:
        self.access, self.signing, self.client = {access}, {signing}, {client}
        self.store = Bucket()
        self.refused = Counter[str]()
        self.events: dict[str, set[str]] = defaultdict(set)
        """Text of a message -> ids of its events."""
        self.conversation = ""
        self.shown = Counter[str]()
        """Access token -> messages that came with it."""

    async def take_event(self, request: web.Request) -> web.Response:
        body = await request.read()
        shown = request.headers.get("Authorization", "").removeprefix("Bearer ")
        keys = [key_of(each) for each in self.signing]
        if shown not in {token_for(each) for each in self.client}:
            return self._refuse("token")
        if not is_signed(request.headers, body, keys, clock.now()):
            return self._refuse("signature")
        event = msgspec.json.decode(body)
        if event["type"] == RECEIVED:
            self.events[event["data"]["text"]].add(event["id"])
            self.conversation = event["data"]["conversationId"]
        return web.Response(status=204)

    async def give_token(self, request: web.Request) -> web.Response:
        form = await request.post()
        if (form["client_id"], form["scope"]) != ("postkamer", "events:write") or form[
            "client_secret"
        ] not in self.client:
            self.refused["client"] += 1
            return web.json_response({"error": "invalid_client"}, status=400)
        token = token_for(str(form["client_secret"]))
        return web.json_response({"access_token": token, "token_type": "Bearer", "expires_in": 60})

    async def send(self, request: web.Request) -> web.Response:
        shown = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if shown not in self.access:
            return self._refuse("access token")
        self.shown[shown] += 1
        return web.json_response({"messages": [{"id": f"wamid.out.{sum(self.shown.values())}"}]})

    def _refuse(self, what: str) -> web.Response:
        self.refused[what] += 1
        return web.Response(status=401)


def token_for(client_secret: str) -> str:
    return f"token-for-{client_secret}"
