"""An alert as an OCSF 1.8 ``detection_finding`` (class 2004), its kinds of surprise as ``anomaly_analyses``.

Schema: https://schema.ocsf.io/1.8.0/classes/detection_finding
"""

from __future__ import annotations

from typing import Any

from connectors.alerts import Told
from connectors.sinks.forms import level, line_fields, plain, title
from connectors.version import PRODUCT, version

VERSION = "1.8.0"
ACTIVITIES = {"new": (1, "Create"), "again": (1, "Create"), "over": (3, "Close")}
UPDATE = (2, "Update")
NEW, RESOLVED = (1, "New"), (4, "Resolved")
OBSERVABLES = {"host": (1, "Hostname"), "ip": (2, "IP Address"), "user": (4, "User Name")}
OTHER = (99, "Other")
LEARNING = (4, "Learning (ML/DL)")
"""Type of the analytic."""


def ocsf(source: str, told: Told) -> dict[str, Any]:
    """An alert as a detection finding: created when it is new or comes again, closed when it is over, else updated."""
    alert, best = told.alert, told.alert.best
    activity, activity_name = ACTIVITIES.get(alert.why, UPDATE)
    status, status_name = RESOLVED if alert.why == "over" else NEW
    severity, caption = level(told)
    model, _, model_version = best.model.partition("@")
    return {
        "activity_id": activity,
        "activity_name": activity_name,
        "category_uid": 2,
        "category_name": "Findings",
        "class_uid": 2004,
        "class_name": "Detection Finding",
        "type_uid": 200_400 + activity,
        "type_name": f"Detection Finding: {activity_name}",
        "severity_id": severity,
        "severity": caption,
        "status_id": status,
        "status": status_name,
        "is_alert": True,
        "time": millis(alert.last_seen),
        "start_time": millis(alert.first_seen),
        "end_time": millis(alert.last_seen),
        "count": alert.count,
        "message": title(told),
        "raw_data": best.text,
        "metadata": {
            "version": VERSION,
            "uid": told.key(source),
            "correlation_uid": alert.id,
            "log_name": source,
            "product": {"name": PRODUCT, "vendor_name": PRODUCT, "version": version()},
        },
        "finding_info": {
            "uid": alert.id,
            "title": title(told),
            "desc": "; ".join(reason.text for reason in best.reasons) or title(told),
            "types": list(alert.kinds),
            "first_seen_time": millis(alert.first_seen),
            "last_seen_time": millis(alert.last_seen),
            "data_sources": [source],
            "analytic": {
                "name": model or PRODUCT,
                "uid": best.model or PRODUCT,
                "version": model_version,
                "type_id": LEARNING[0],
                "type": LEARNING[1],
            },
        },
        "evidences": [{"data": line_fields(line)} for line in (best, alert.first, alert.last)],
        "observables": [
            {"name": "raw_data", "value": value, "type_id": type_id, "type": caption}
            for kind, _, value in (entity.partition("=") for entity in alert.entities)
            for type_id, caption in [OBSERVABLES.get(kind, OTHER)]
        ],
        "anomaly_analyses": [analysis(source, told)],
        "unmapped": {name: plain(source, told)[name] for name in ("score", "threshold", "pattern", "why")},
    }


def analysis(source: str, told: Told) -> dict[str, Any]:
    """What is unusual, each kind of surprise an anomaly, beside what is usual in the source."""
    alert, best = told.alert, told.alert.best
    anomalies = [
        {
            "observation_type": reason.kind,
            "observation_parameter": reason.kind,
            "observations": [{"value": reason.text, "count": alert.count}],
        }
        for reason in best.reasons
    ]
    score = {
        "observation_parameter": "score",
        "observations": [{"value": f"{best.score:.3f}", "count": alert.count}],
    }
    usual = {"value": f"below {best.threshold:.3f}", "count": best.among}
    return {
        "analysis_targets": [{"name": source, "type": "Log source"}],
        "anomalies": anomalies or [score],
        "baselines": [{"observation_parameter": "score", "observations": [usual]}],
    }


def millis(timestamp: float) -> int:
    """Seconds since the epoch as milliseconds."""
    return int(timestamp * 1_000)
