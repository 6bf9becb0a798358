from __future__ import annotations

import json
from dataclasses import replace

import pytest

from connectors.alerts import Told, folded
from connectors.sinks.ecs import ecs
from connectors.sinks.forms import form_of, plain
from connectors.sinks.ocsf import ocsf
from connectors.version import PRODUCT, version
from tests.connectors.sinks.schemas import ecs_errors, ocsf_errors
from tests.connectors.steps import NOW
from tests.connectors.test_alerts import change, line


def told(*, why: str = "new", **fields) -> Told:
    first = replace(line(3, score=4.5), model="tiny@1.0#ab12", **fields)
    alert, _ = folded(None, change(first, line(4, at=NOW + 5)), NOW, NOW + 5)
    return Told(17, 0, replace(alert, why=why))


BARE = {"entities": (), "reasons": (), "model": "", "timestamp": 0.0, "text": "\x00ä\U0001f600" * 1_000}
ENTRIES = [
    told(),
    told(why="kind"),
    told(why="over"),
    told(entities=("ip=2001:db8::1", "ip=192.0.2.1", "user=ada", "host=web-1"), score=-1.0),
]


def bare() -> Told:
    entry = told()
    nothing = replace(entry.alert.best, **BARE)
    return replace(entry, alert=replace(entry.alert, best=nothing, first=nothing, last=nothing, kinds=()))


@pytest.mark.parametrize("entry", [*ENTRIES, bare()])
def test_an_ocsf_finding_is_valid_by_the_published_schema_and_the_published_models(entry):
    finding = json.loads(json.dumps(ocsf("logs/api", entry)))
    assert ocsf_errors(finding) == []
    models = pytest.importorskip("py_ocsf_models.events.findings.detection_finding")
    read = models.DetectionFinding(**finding)
    assert (read.class_uid, read.finding_info.uid) == (2004, entry.alert.id)


def test_the_ocsf_schema_tells_a_wrong_finding():
    wrong = ocsf("logs", ENTRIES[0])
    wrong["anomaly_analyses"][0].pop("anomalies")
    wrong["severity_id"] = 42
    assert len(ocsf_errors(wrong)) >= 2


def test_an_ocsf_finding_has_each_reason_as_an_anomaly_and_is_updated_when_it_changes():
    created, updated = (ocsf("logs", entry) for entry in ENTRIES[:2])
    assert (created["activity_id"], created["type_uid"], updated["type_uid"]) == (1, 200401, 200402)
    (analysis,) = created["anomaly_analyses"]
    assert [one["observations"][0]["value"] for one in analysis["anomalies"]] == ["new it is"]
    assert created["metadata"]["uid"] == "logs@17"
    assert [one["value"] for one in created["observables"]] == ["192.0.2.7", "ada"]


@pytest.mark.parametrize("entry", [*ENTRIES, bare()])
def test_an_ecs_event_has_fields_of_ecs_alone_but_for_our_own_set(entry):
    event = json.loads(json.dumps(ecs("logs/api", entry)))
    assert event["secencoder"]["alert"] == entry.alert.id
    assert ecs_errors(event) == []
    assert event["event"]["kind"] == "alert"
    assert 0 <= event["event"]["risk_score"] <= 100


def test_the_list_of_ecs_fields_tells_a_wrong_event():
    wrong = ecs("logs", ENTRIES[0])
    wrong["event"] |= {"kind": "alarm", "mood": "bad", "start": "yesterday"}
    wrong["related"]["ip"] = "192.0.2.7"
    assert len(ecs_errors(wrong)) == 4


def test_a_plain_alert_says_all_there_is():
    found = plain("logs", ENTRIES[0])
    assert (found["id"], found["alert"], found["lines"], found["why"]) == ("logs@17", "p1.1", 2, "new")
    assert found["reasons"][0]["numbers"] == {"lines": 7.0, "value": "ä\U0001f600"}
    assert found["severity"] == "medium"
    assert form_of("json") is plain


def test_every_form_names_the_program_with_its_version_and_the_model():
    json_, finding, event = (form_of(name)("logs", ENTRIES[0]) for name in ("json", "ocsf", "ecs"))
    product = {"name": PRODUCT, "version": version()}
    assert json_["product"] == product
    assert finding["metadata"]["product"] == product | {"vendor_name": PRODUCT}
    assert {"product": PRODUCT, "version": version()}.items() <= event["observer"].items()
    models = json_["model"], finding["finding_info"]["analytic"]["uid"], event["rule"]["version"]
    assert set(models) == {"tiny@1.0#ab12"}


def test_what_was_marked_as_malicious_is_severe():
    marked = replace(ENTRIES[0], alert=replace(ENTRIES[0].alert, kinds=("marked", "new")))
    assert ocsf("logs", marked)["severity"] == "High"
