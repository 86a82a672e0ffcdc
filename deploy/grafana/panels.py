"""Panels and rows as tables, and the dashboard that Grafana reads. Functions without I/O."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

Kind = Literal["stat", "timeseries", "bargauge", "table"]
COLUMNS, ROW_HEIGHT = 24, 1
HEIGHTS: Mapping[Kind, int] = {"stat": 4, "timeseries": 8, "bargauge": 8, "table": 6}
SCHEMA = 39
"""Form of the document: that of Grafana 10.4, which newer ones read."""
SOURCE = {"type": "prometheus", "uid": "${source}"}
"""Data source that is chosen at the top of the page, so that any Prometheus will do."""


SLICE = "5m"
"""Period of each point of a time line: a small town has ten messages in a day."""


class Panel(NamedTuple):
    """One panel. `queries`: legend -> PromQL; a legend may name labels as `{{label}}`."""

    title: str
    kind: Kind
    queries: Mapping[str, str]
    width: int = 6
    unit: str = "short"
    red_from: float | None = None
    """Value from which it is red; None for figures that are neither good nor bad."""
    about: str = ""


class Row(NamedTuple):
    """A heading and its panels, from left to right."""

    title: str
    panels: Sequence[Panel]


class Dashboard(NamedTuple):
    """One page of rows. `period`: the period that it opens with."""

    uid: str
    title: str
    about: str
    period: tuple[str, str]
    rows: Sequence[Row]

    @property
    def queries(self) -> list[str]:
        panels = (panel for row in self.rows for panel in row.panels)
        return [query for panel in panels for query in panel.queries.values()]


def count(metric: str, by: str = "", *, over: str = "$__range") -> str:
    """Return how often a counter counted in a period, over restarts.

    A counter whose series began in it has not increased to its first value for Prometheus: then the
    least that it showed counts too. That is its first value, or less if several were counted at
    once and it began anew later. Not if the period began in a gap in scraping: the value is then of
    before.
    """
    total = f"sum by ({by})" if by else "sum"
    gap = f"(last_over_time(up[1w] offset {over}) unless up offset {over} == 1)"
    first = f"min_over_time({metric}[{over}])"
    whole = f"((increase({metric}[{over}]) + {first}) or {first})"
    began = f"{whole} unless {metric} offset {over} unless on (job, instance) {gap}"
    return f"{total} (({began}) or increase({metric}[{over}]))"


def recent(metric: str, by: str = "") -> str:
    return count(metric, by, over=SLICE)


def largest(metric: str, by: str) -> str:
    """Return the gauge for each label; of several processes the largest."""
    return f"max by ({by}) ({metric})"


def quantile(share: float, histogram: str, *, over: str = SLICE) -> str:
    return f"histogram_quantile({share}, sum by (le) (rate({histogram}_bucket[{over}])))"


def document(dashboard: Dashboard) -> dict[str, Any]:
    """Return the dashboard as Grafana reads it."""
    since, until = dashboard.period
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "description": dashboard.about,
        "tags": ["postkamer"],
        "timezone": "Europe/Amsterdam",
        "schemaVersion": SCHEMA,
        "refresh": "30s",
        "time": {"from": since, "to": until},
        "templating": {
            "list": [
                {
                    "name": "source",
                    "label": "Prometheus",
                    "type": "datasource",
                    "query": "prometheus",
                }
            ]
        },
        "panels": list(_place(dashboard.rows)),
    }


def _place(rows: Sequence[Row]) -> Iterator[dict[str, Any]]:
    """Yield the panels with their places: a row is as high as its highest panel."""
    top, id = 0, 1
    for row in rows:
        at = {"x": 0, "y": top, "w": COLUMNS, "h": ROW_HEIGHT}
        yield {"id": id, "type": "row", "title": row.title, "collapsed": False, "gridPos": at}
        top, id, left = top + ROW_HEIGHT, id + 1, 0
        height = max(HEIGHTS[panel.kind] for panel in row.panels)
        for panel in row.panels:
            if left + panel.width > COLUMNS:
                top, left = top + height, 0
            at = {"x": left, "y": top, "w": panel.width, "h": height}
            yield {"id": id, "gridPos": at, **_panel(panel)}
            left, id = left + panel.width, id + 1
        top += height


def _panel(panel: Panel) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"color": "text", "value": None}]
    if panel.red_from is not None:
        steps = [{"color": "green", "value": None}, {"color": "red", "value": panel.red_from}]
    defaults = {"unit": panel.unit, "thresholds": {"mode": "absolute", "steps": steps}}
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": SOURCE,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": _options(panel.kind),
        "targets": [
            {
                "refId": chr(ord("A") + n),
                "datasource": SOURCE,
                "expr": query,
                "legendFormat": legend,
                "instant": panel.kind != "timeseries",
                "range": panel.kind == "timeseries",
                **({"format": "table"} if panel.kind == "table" else {}),
            }
            for n, (legend, query) in enumerate(panel.queries.items())
        ],
    }


def _options(kind: Kind) -> dict[str, Any]:
    last = {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}}
    if kind == "stat":
        return last | {"graphMode": "none", "textMode": "value_and_name"}
    if kind == "bargauge":
        return last | {"orientation": "horizontal", "displayMode": "basic"}
    if kind == "timeseries":
        return {
            "legend": {"displayMode": "list", "placement": "bottom"},
            "tooltip": {"mode": "multi"},
        }
    return {}
