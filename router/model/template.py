"""What Meta said of a template. A type."""

from datetime import datetime

import msgspec


class Template(msgspec.Struct, frozen=True, kw_only=True):
    """What Meta last said of a template. Some notices tell its status, some only its category."""

    waba: str
    name: str
    language: str
    status: str = ""
    category: str = ""
    reason: str = ""
    changed_at: datetime

    @property
    def key(self) -> tuple[str, str, str]:
        return self.waba, self.name, self.language

    def then(self, new: "Template") -> "Template":
        """What is known after `new`: the status that Meta gave last, whichever came last."""
        category = new.category or self.category
        late = not new.status or (self.status and new.changed_at < self.changed_at)
        return msgspec.structs.replace(self if late else new, category=category)
