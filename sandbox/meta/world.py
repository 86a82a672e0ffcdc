"""Shared state of the sandbox: one Meta, one event stream, the phones and their files."""

from random import Random

import msgspec

from sandbox.event_stream import Stream
from sandbox.meta.handsets import Handsets
from sandbox.meta.media_store import Media
from sandbox.meta.number_directory import Numbers
from sandbox.meta.webhook_sender import Meta
from sandbox.organisation import Town
from sandbox.settings import SandboxSettings


class World(msgspec.Struct, frozen=True, kw_only=True):
    settings: SandboxSettings
    town: Town
    numbers: Numbers
    meta: Meta
    stream: Stream
    handsets: Handsets
    media: Media
    chance: Random
