"""Shared state of the sandbox: one Meta, one event stream, the phones and their files."""

from random import Random

import msgspec

from sandbox.event_stream import EventStream
from sandbox.meta.handsets import Handsets
from sandbox.meta.media_store import MediaStore
from sandbox.meta.message_templates import TemplatesOfAll
from sandbox.meta.number_directory import NumberDirectory
from sandbox.meta.number_health import HealthOfAll
from sandbox.meta.webhook_sender import WebhookSender
from sandbox.organisation import Town
from sandbox.settings import SandboxSettings


class World(msgspec.Struct, frozen=True, kw_only=True):
    settings: SandboxSettings
    town: Town
    numbers: NumberDirectory
    webhooks: WebhookSender
    stream: EventStream
    handsets: Handsets
    media: MediaStore
    health: HealthOfAll
    templates: TemplatesOfAll
    chance: Random
