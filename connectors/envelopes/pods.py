"""Where a container's line came from, as each shipper's Kubernetes metadata names it."""

from __future__ import annotations

from typing import Any, NamedTuple

from connectors.records import CONTAINER, HOST, NAMESPACE, SERVICE

SERVICE_LABELS = ("app.kubernetes.io/name", "app_kubernetes_io/name", "app", "k8s-app")
"""Labels that name what runs in a pod, the recommended one first; Beats write ``_`` for its dots."""


class PodNames(NamedTuple):
    """The names of one shipper's members."""

    namespace: str
    pod: str
    container: str
    node: str
    labels: str


def paths_of(names: PodNames) -> tuple[tuple[str, ...], ...]:
    """Where a pod's metadata has what ``add_pod`` makes columns of, below ``kubernetes``."""
    return (
        *(("kubernetes", name) for name in (names.namespace, names.container, names.node)),
        *(("kubernetes", names.labels, label) for label in SERVICE_LABELS),
    )


def add_pod(columns: dict[str, str], pod: dict[str, Any], names: PodNames) -> str:
    """Adds the columns that a pod's metadata gives.

    Returns what the lines around it in order came from: the container in its pod; empty when that is not said.
    """
    namespace, name, container = pod.get(names.namespace), pod.get(names.pod), pod.get(names.container)
    node, labels = pod.get(names.node), pod.get(names.labels)
    if type(namespace) is str and namespace:
        columns[NAMESPACE] = namespace
    if type(container) is str and container:
        columns[CONTAINER] = container
    if type(node) is str and node:
        columns[HOST] = node
    if type(labels) is dict:
        for label in SERVICE_LABELS:
            if label in labels:
                service = labels[label]
                if type(service) is str and service:
                    columns[SERVICE] = service
                    break
    return f"{namespace}/{name}/{container}" if name else ""
