"""The configuration that a deliverer goes by, and the secrets that go with it. Numbers,
destinations and departments may be added while it runs; all parts read them here.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from deliverer.credentials import load_credentials, load_secrets
from deliverer.crm.destination_kind import Credentials
from deliverer.meta.accounts import Account, load_accounts
from services.config.loader import LoadedConfig
from services.config.model import Configuration
from services.config.organisation import Department, Destination
from services.config.reload import ActiveVersion
from services.config.secret_files import LiveSettings
from services.config.settings import DelivererSettings


class CurrentConfig:
    """`credentials`, `accounts` and `names` are those that all parts read: they grow in place."""

    def __init__(
        self,
        live: LiveSettings[DelivererSettings],
        loaded: LoadedConfig,
        credentials: dict[str, Credentials],
        accounts: dict[str, Account],
    ) -> None:
        self.live, self.version, self.config = live, ActiveVersion(loaded), loaded.config
        self.credentials, self.accounts = credentials, accounts
        self.names: dict[str, str] = {}
        """Number -> name of its account."""
        self._add_accounts(accounts)

    def department(self, tenant: str, id: str) -> Department | None:
        return self.config.department(tenant, id)

    def departments(self) -> Sequence[Department]:
        return self.config.departments

    def destinations(self) -> Sequence[Destination]:
        return self.config.destinations

    def knows_all(self) -> bool:
        """Return False while the files are not in force here: another process may have taken
        them."""
        status = self.version.status
        return status.refused is None and status.waiting is None

    def prepare_secrets(self, settings: DelivererSettings) -> Callable[[], None]:
        """Prepare what destinations and providers are shown from the next request on."""
        config, environ = self.config, self.live.environ
        secrets, found = load_secrets(config, environ), load_accounts(settings, config, environ)

        def apply() -> None:
            for id, each in secrets.items():
                self.credentials[id].secrets = each
            self._add_accounts(found)

        return apply

    def prepare(self, config: Configuration) -> tuple[dict[str, Account], Callable[[], None]]:
        """Return the accounts of a new configuration, and a function that has all parts go by it.
        SettingsError lists every secret that is missing."""
        settings, environ = self.live.current, self.live.environ
        accounts = load_accounts(settings, config, environ)
        folder = Path(settings.config).parent
        added = [each for each in config.destinations if each.id not in self.credentials]
        credentials = load_credentials(
            config.model_copy(update={"destinations": added}), folder, environ
        )

        def apply() -> None:
            self.config = config
            self.credentials.update(credentials)
            self._add_accounts(accounts)

        return accounts, apply

    def _add_accounts(self, accounts: dict[str, Account]) -> None:
        self.accounts.update(accounts)
        self.names.update({number: each.name for number, each in accounts.items()})
