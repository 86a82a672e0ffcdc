"""Writes the dashboards beside this file: python -m deploy.grafana"""

import json
from collections.abc import Mapping
from pathlib import Path

from deploy.grafana.delivery import DELIVERY
from deploy.grafana.panels import Dashboard, document
from deploy.grafana.today import TODAY

FOLDER = Path(__file__).parent
DASHBOARDS: Mapping[str, Dashboard] = {"today.json": TODAY, "delivery.json": DELIVERY}
"""Name of a file -> its dashboard."""


def text(dashboard: Dashboard) -> str:
    return json.dumps(document(dashboard), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for name, dashboard in DASHBOARDS.items():
        (FOLDER / name).write_text(text(dashboard))
        print(f"deploy/grafana/{name} is written")
