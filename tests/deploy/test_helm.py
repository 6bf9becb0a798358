"""The chart, rendered by Helm's own engine: valid for Kubernetes, and in step with what the worker really does."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from pydantic import BaseModel, SecretStr

from connectors.version import version
from stream_processors.operations.health import CHECK_SECONDS
from stream_processors.settings import Settings, load_settings
from stream_processors.worker import SHUTDOWN_SECONDS

CHART = Path(__file__).parents[2] / "deploy" / "helm" / "secencoder-streams"
KUBERNETES = ("1.25", "1.33")
EVERYTHING = {
    "settings": {
        "kafka": {"security_protocol": "SASL_SSL", "sasl_mechanism": "PLAIN", "sasl_username": "reader"},
        "templates": {"masks": {"ORDER": r"ord-\d+"}},
        "retention": {"anomalies": 2_000_000},
    },
    "secrets": {
        "existingSecret": "logins",
        "keys": {"redis.password": "store", "kafka.sasl_password": "kafka"},
    },
    "tls": {"existingSecret": "certificates"},
    "keda": {"enabled": True, "authenticationRef": "kafka", "triggerMetadata": {"sasl": "scram_sha512"}},
    "podMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "extraEnv": [{"name": "TZ", "value": "UTC"}],
    "nodeSelector": {"disk": "ssd"},
    "priorityClassName": "high",
}


@pytest.fixture(scope="module")
def helm() -> Any:
    return pytest.importorskip("helm_python", reason="no Helm: pip install helm-python-sdk")


@pytest.fixture
def rendered(helm):
    """``rendered(values)``: the manifests by their kind."""

    def render(values: dict[str, Any] | None = None) -> dict[str, dict[str, Any]]:
        with helm.Chart.load(str(CHART)) as chart:
            chart.validate_schema(values or {})
            texts = chart.render(values or {}, name="demo", namespace="logs")
        manifests = [yaml.safe_load(text) for name, text in texts.items() if name.endswith(".yaml")]
        return {manifest["kind"]: manifest for manifest in manifests if manifest}

    return render


def test_helm_lints_it(helm):
    report = helm.lint(str(CHART), EVERYTHING, strict=True)
    assert report["errors"] == []
    assert [m["error"] for m in report["messages"]] == ["icon is recommended"]


@pytest.mark.parametrize("values", [{}, EVERYTHING], ids=["default", "everything"])
def test_its_manifests_are_valid_for_kubernetes(rendered, values):
    validate = pytest.importorskip("kubernetes_validate").validate
    manifests = rendered(values)
    kinds = {"ConfigMap", "Deployment", "PodDisruptionBudget", "ServiceAccount"}
    more = {"ScaledObject", "PodMonitor"} if values else set()
    assert set(manifests) == kinds | more
    for kind in kinds:
        for kubernetes in KUBERNETES:
            validate(manifests[kind], kubernetes, strict=True)


def test_the_worker_reads_the_settings_file_and_the_environment(rendered, tmp_path):
    manifests = rendered(EVERYTHING)
    path = tmp_path / "secencoder.toml"
    path.write_text(manifests["ConfigMap"]["data"]["secencoder.toml"])
    worker = pod(manifests)["containers"][0]
    environ = {one["name"]: "7" for one in worker["env"]}
    settings = load_settings(path, environ=environ)
    assert settings.templates.masks == {"ORDER": r"ord-\d+"}
    assert (settings.health.host, settings.health.port) == ("0.0.0.0", worker["ports"][0]["containerPort"])
    assert settings.encoder.threads == 7
    assert None not in (settings.redis.password, settings.kafka.sasl_password)
    assert settings.kafka.bootstrap_servers == trigger(manifests)["metadata"]["bootstrapServers"]
    assert settings.stream.group == trigger(manifests)["metadata"]["consumerGroup"]
    assert worker["args"][:3] == ["worker", "--config", worker["volumeMounts"][0]["mountPath"]]


def test_no_secret_can_be_put_into_the_config_map(helm, rendered):
    secret = [
        (section, name)
        for section, field in Settings.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
        for name, inner in field.annotation.model_fields.items()
        if SecretStr in (inner.annotation, *get_args(inner.annotation))
    ]
    assert len(secret) >= 6
    for section, name in [*secret, ("redis", "url")]:
        with pytest.raises(helm.HelmError):
            rendered({"settings": {section: {name: "redis://user:open@192.0.2.1"}}})


def test_probes_ask_what_the_worker_answers_and_give_it_the_time_it_takes(rendered):
    manifests = rendered()
    worker, defaults = pod(manifests)["containers"][0], Settings()
    startup, alive, ready = (worker[f"{name}Probe"] for name in ("startup", "liveness", "readiness"))
    assert [one["httpGet"]["path"] for one in (startup, alive, ready)] == ["/healthz", "/healthz", "/readyz"]
    assert {one["httpGet"]["port"] for one in (startup, alive, ready)} == {worker["ports"][0]["name"]}
    assert patience(startup) > 2 * defaults.stream.startup_seconds
    assert patience(alive) > defaults.health.exit_seconds
    assert ready["timeoutSeconds"] > CHECK_SECONDS
    assert pod(manifests)["terminationGracePeriodSeconds"] > SHUTDOWN_SECONDS


def test_it_runs_as_nobody_special_and_writes_to_empty_folders_only(rendered):
    spec = pod(rendered())
    assert spec["securityContext"]["runAsNonRoot"]
    assert spec["automountServiceAccountToken"] is False
    for container in (*spec["initContainers"], *spec["containers"]):
        allowed = container["securityContext"]
        assert (allowed["readOnlyRootFilesystem"], allowed["allowPrivilegeEscalation"]) == (True, False)
        assert allowed["capabilities"] == {"drop": ["ALL"]}
        folders = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
        (cache,) = (one["value"] for one in container["env"] if one["name"] == "XDG_CACHE_HOME")
        empty = {volume["name"] for volume in spec["volumes"] if "emptyDir" in volume}
        assert {folders[cache], folders["/tmp"]} == empty


def test_labels_select_the_pods_and_nothing_scales_twice(rendered):
    plain, scaled = rendered(), rendered(EVERYTHING)
    labels = plain["Deployment"]["spec"]["template"]["metadata"]["labels"]
    for kind in ("Deployment", "PodDisruptionBudget", "PodMonitor"):
        assert scaled[kind]["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert plain["Deployment"]["spec"]["replicas"] == 2
    assert "replicas" not in scaled["Deployment"]["spec"]
    assert scaled["ScaledObject"]["spec"]["scaleTargetRef"]["name"] == plain["Deployment"]["metadata"]["name"]
    (endpoint,) = scaled["PodMonitor"]["spec"]["podMetricsEndpoints"]
    assert endpoint["port"] == pod(plain)["containers"][0]["ports"][0]["name"]


def test_changed_settings_start_the_workers_anew(rendered):
    one, other = (
        rendered({"settings": {"stream": {"batch_lines": lines}}})["Deployment"]["spec"]["template"][
            "metadata"
        ]
        for lines in (1_000, 2_000)
    )
    assert one["annotations"] != other["annotations"]


def test_the_chart_is_of_this_version():
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["appVersion"] == version()


def pod(manifests: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What a worker's pod is made from."""
    return manifests["Deployment"]["spec"]["template"]["spec"]


def trigger(manifests: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What workers are scaled by."""
    (found,) = manifests["ScaledObject"]["spec"]["triggers"]
    return found


def patience(probe: dict[str, Any]) -> float:
    """Seconds until a probe gives up."""
    return probe["periodSeconds"] * probe["failureThreshold"]
