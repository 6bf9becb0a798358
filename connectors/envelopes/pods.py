"""Where a container's line came from, as each shipper's Kubernetes metadata names it."""

from __future__ import annotations

from typing import Any, NamedTuple

from connectors.envelopes.paths import string
from connectors.records import CONTAINER, HOST, NAMESPACE, SERVICE

_SERVICE_LABELS = (
    "app.kubernetes.io/name",
    "app_kubernetes_io/name",
    "app",
    "k8s-app",
)
"""Labels that name what runs in a pod, the recommended one first; Beats write ``_`` for its dots."""


class PodNames(NamedTuple):
    """The names of one shipper's members."""

    namespace: str
    pod: str
    container: str
    node: str
    labels: str


def add_pod(columns: dict[str, str], pod: dict[str, Any], names: PodNames) -> str:
    """Adds the columns that a pod's metadata gives.

    Returns what the lines around it in order came from: the container in its pod; empty when that is not said.
    """
    namespace, container = string(pod, names.namespace), string(pod, names.container)
    if namespace:
        columns[NAMESPACE] = namespace
    if container:
        columns[CONTAINER] = container
    node = pod.get(names.node)
    if type(node) is str and node:
        columns[HOST] = node
    service = string(pod.get(names.labels), *_SERVICE_LABELS)
    if service:
        columns[SERVICE] = service
    name = string(pod, names.pod)
    return f"{namespace}/{name}/{container}" if name else ""
