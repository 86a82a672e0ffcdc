"""What the parts of the sandbox share: one Meta, one stream, the phones and their files."""

from random import Random

import msgspec

from sandbox.handsets import Handsets
from sandbox.media import Media
from sandbox.meta import Meta
from sandbox.numbers import Numbers
from sandbox.settings import SandboxSettings
from sandbox.stream import Stream
from sandbox.town import Town


class World(msgspec.Struct, frozen=True, kw_only=True):
    settings: SandboxSettings
    town: Town
    numbers: Numbers
    meta: Meta
    stream: Stream
    handsets: Handsets
    media: Media
    chance: Random
