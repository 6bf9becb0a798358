"""Kubernetes API server audit events: one JSON object per line, level Metadata."""

from __future__ import annotations

from dataclasses import dataclass, replace

from stream_processors.demo.scenario import cast
from stream_processors.demo.scenario.draw import Draw
from stream_processors.demo.scenario.moment import Moment
from stream_processors.demo.scenario.template import System, Writer, compact_json

KUBERNETES = System("kubernetes", share=0.15, swing=0.0)

_POD_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"  # what the API server draws pod name suffixes from
_CODES = {"create": 201}


@dataclass(frozen=True, slots=True)
class User:
    """Who calls the API server. An empty address stands for some node, which `{node}` in the name names."""

    name: str
    group: str
    agent: str
    address: str = ""


def _component(name: str) -> User:
    return User(f"system:{name}", "system:authenticated", f"{name}/v1.30.4 (linux/amd64) kubernetes/a51b3b7")


def service_account(namespace: str, name: str, agent: str, address: str = "") -> User:
    """Return the user that pods with this service account act as."""
    return User(
        f"system:serviceaccount:{namespace}:{name}", f"system:serviceaccounts:{namespace}", agent, address
    )


_SCHEDULER = _component("kube-scheduler")
_CONTROLLER = _component("kube-controller-manager")
_KUBELET = User("system:node:{node}", "system:nodes", "kubelet/v1.30.4 (linux/amd64) kubernetes/a51b3b7")
_PROMETHEUS = service_account("monitoring", "prometheus", "Prometheus/2.54.1")
_COREDNS = service_account("kube-system", "coredns", "Go-http-client/2.0")
_ARGO = service_account("argocd", "argocd-application-controller", "argocd-application-controller/v2.12.4")
_INDEXER = service_account("search", "search-indexer", "okhttp/4.12.0")
_ENGINEER = User(
    cast.ENGINEERS[0].mail, "platform", "kubectl/v1.30.2 (darwin/arm64) kubernetes/3968350", "10.20.4.11"
)


@dataclass(frozen=True, slots=True)
class Request:
    """One call: a verb on a resource; no name for a collection, no namespace for the whole cluster."""

    verb: str
    resource: str
    namespace: str = ""
    name: str = ""
    group: str = ""
    subresource: str = ""
    code: int = 0

    def uri(self) -> str:
        """Return the path the client asked for."""
        root = f"/apis/{self.group}/v1" if self.group else "/api/v1"
        namespace = f"namespaces/{self.namespace}" if self.namespace else ""
        # A new object is posted to its collection: its name is not part of the path.
        name = self.name if self.subresource or self.verb != "create" else ""
        path = "/".join(part for part in (root, namespace, self.resource, name, self.subresource) if part)
        query = {"watch": "?allowWatchBookmarks=true&watch=true", "list": "?limit=500"}
        return path + query.get(self.verb, "")

    def reference(self) -> dict[str, str]:
        """Return the `objectRef` of the event."""
        fields = {
            "resource": self.resource,
            "namespace": self.namespace,
            "name": self.name,
            "apiGroup": self.group,
            "apiVersion": "v1",
            "subresource": self.subresource,
        }
        return {key: value for key, value in fields.items() if value}


def audit_event(draw: Draw, now: Moment, user: User, request: Request, annotations: dict[str, str]) -> str:
    """Return one audit event at the stage ResponseComplete."""
    code = request.code or _CODES.get(request.verb, 200)
    node = draw.favour(cast.NODES)
    event: dict[str, object] = {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "Metadata",
        "auditID": draw.uuid(),
        "stage": "ResponseComplete",
        "requestURI": request.uri(),
        "verb": request.verb,
        "user": {"username": user.name.replace("{node}", node.name), "groups": [user.group]},
        "sourceIPs": [user.address or node.address],
        "userAgent": user.agent,
        "objectRef": request.reference(),
        "responseStatus": {"metadata": {}, "code": code},
        "requestReceivedTimestamp": now.later(-draw.tail(900, 60_000)).iso_micros(),
        "stageTimestamp": now.iso_micros(),
        "annotations": {"authorization.k8s.io/decision": "forbid" if code == 403 else "allow", **annotations},
    }
    return compact_json(event)


@dataclass(frozen=True, slots=True)
class _Kind:
    weight: float
    template: str
    user: User
    request: Request
    pod: bool = (
        False  # the object is a pod (or named after one): a fresh name in a random namespace each time
    )


_KINDS = (
    _Kind(
        24,
        "update_lease",
        _SCHEDULER,
        Request("update", "leases", "kube-system", "kube-scheduler", "coordination.k8s.io"),
    ),
    _Kind(17, "get_pod", _KUBELET, Request("get", "pods"), pod=True),
    _Kind(12, "patch_pod_status", _KUBELET, Request("patch", "pods", subresource="status"), pod=True),
    _Kind(10, "watch_configmaps", _KUBELET, Request("watch", "configmaps", "shop")),
    _Kind(8, "list_pods", _PROMETHEUS, Request("list", "pods")),
    _Kind(7, "watch_endpointslices", _COREDNS, Request("watch", "endpointslices", group="discovery.k8s.io")),
    _Kind(6, "get_node", _PROMETHEUS, Request("get", "nodes", name="node-2", subresource="metrics")),
    _Kind(5, "create_event", _KUBELET, Request("create", "events"), pod=True),
    _Kind(
        4, "create_token", _KUBELET, Request("create", "serviceaccounts", "shop", "cart", subresource="token")
    ),
    _Kind(3, "get_configmap", _INDEXER, Request("get", "configmaps", "search", "search-indexer")),
    _Kind(2.5, "create_pod", _CONTROLLER, Request("create", "pods"), pod=True),
    _Kind(2, "create_binding", _SCHEDULER, Request("create", "pods", subresource="binding"), pod=True),
    _Kind(2, "delete_pod", _CONTROLLER, Request("delete", "pods"), pod=True),
    _Kind(1.2, "patch_deployment", _ARGO, Request("patch", "deployments", "shop", "cart", "apps")),
    _Kind(
        0.5,
        "update_conflict",
        _CONTROLLER,
        Request("update", "replicasets", "shop", "cart", "apps", code=409),
    ),
    _Kind(0.4, "get_secret", _ARGO, Request("get", "secrets", "argocd", "argocd-repo-creds")),
    _Kind(0.3, "get_pod_log", _ENGINEER, Request("get", "pods", subresource="log"), pod=True),
    _Kind(0.25, "list_forbidden", _INDEXER, Request("list", "nodes", code=403)),
    _Kind(0.12, "exec_pod", _ENGINEER, Request("create", "pods", subresource="exec", code=101), pod=True),
)


def pod_name(draw: Draw) -> str:
    """Return the name of some deployment's pod."""
    suffix = draw.text(_POD_ALPHABET, 14)
    return f"{draw.favour(cast.DEPLOYMENTS)}-{suffix[:9]}-{suffix[9:]}"


def _writer(kind: _Kind) -> Writer:
    def write(draw: Draw, now: Moment) -> str:
        request = kind.request
        if kind.pod:
            request = replace(request, namespace=draw.favour(cast.NAMESPACES), name=pod_name(draw))
        return audit_event(draw, now, kind.user, request, {})

    return write


for _kind in _KINDS:
    KUBERNETES.add(_kind.template, _kind.weight, _writer(_kind))
