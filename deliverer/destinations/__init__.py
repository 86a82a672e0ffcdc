"""Kinds of destination: a receiver module for each, and the table of them.

A new kind needs a module with a `DestinationKind`, a line here, and its settings in
`services.config.organisation`.
"""

from collections.abc import Mapping

from deliverer.crm.destination_kind import DestinationKind
from deliverer.destinations import cloudevents_receiver, mail_receiver
from deliverer.destinations.openklant import destination as openklant
from deliverer.destinations.signalen import destination as signalen

DESTINATIONS: Mapping[str, DestinationKind] = {
    "cloudevents": cloudevents_receiver.KIND,
    "openklant": openklant.KIND,
    "signalen": signalen.KIND,
    "mail": mail_receiver.KIND,
}
