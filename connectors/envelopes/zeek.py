"""Zeek: its Kafka writer, plain or with ``tag_json``, and the JSON of Corelight's and RockNSM's scripts."""

from __future__ import annotations

from typing import Any

from connectors.envelopes.envelope import Inner
from connectors.envelopes.stamps import seconds
from connectors.envelopes.values import only, word
from connectors.records import HOST, SERVICE

_SURE = (
    frozenset({"@stream", "@proc"}),
    frozenset({"_path", "_write_ts"}),
    frozenset({"ts", "uid", "id.orig_h"}),
    frozenset({"ts", "uid", "id_orig_h"}),
    frozenset({"ts", "fuid", "source"}),
    frozenset({"ts", "uids", "mac"}),
    frozenset({"ts", "certificate.serial"}),
)
_NESTED = frozenset({"ts", "uid", "id"})
"""Sure only when the id holds the two ends of a connection: ``uid`` and ``id`` are names of any application."""
_TAGGED = frozenset(
    {"uid", "uids", "fuid", "fingerprint", "peer", "node", "host", "id", "id.orig_h", "id_orig_h"}
)
"""One of these is beside ``ts`` in the records of nearly every log, so that the key around it is Zeek's tag."""
_KEPT_APART = frozenset(
    {"@stream", "@system", "@proc", "_path", "_system_name", "_write_ts", "_node"}
    | {"ts", "uid", "uids", "fuid", "fuids", "conn_uids", "orig_fuids", "resp_fuids", "parent_fuid"}
    | {"cert_chain_fuids", "client_cert_chain_fuids", "tunnel_parents", "community_id"}
)


class Zeek:
    """One record of one log. The log's name, where the record gives it, comes first as ``_path``.

    The ids of connections and files are new in every record: they are kept apart, ``uid`` as a column.
    """

    name = "zeek"

    def matches(self, names: frozenset[str]) -> bool:
        """See ObjectEnvelope."""
        return len(names) == 1 or names >= _NESTED or any(names >= signature for signature in _SURE)

    def unwrap(self, event: dict[str, Any]) -> list[Inner] | None:
        """The record's members as a line."""
        record: Any = event
        path = event.get("@stream") or event.get("_path")
        if len(event) == 1:
            [(path, record)] = event.items()
            if type(record) is not dict or "ts" not in record or _TAGGED.isdisjoint(record):
                return None
        node = record.get("id")
        if (
            record is event
            and "uid" in event
            and "id" in event
            and not (type(node) is dict and "orig_h" in node)
        ):
            return None
        line: dict[str, Any] = {"_path": path} if path else {}
        for name, value in record.items():
            if name not in _KEPT_APART:
                line[name] = value
        if type(node) is str:
            del line["id"]  # of a file, as new in every record as the others
        columns = {SERVICE: "zeek"}
        if host := word(event.get("@system") or event.get("_system_name")):
            columns[HOST] = host
        if uid := word(record.get("uid")):
            columns["uid"] = uid
        return [
            Inner(
                line,
                time=seconds(record.get("ts")),
                columns=columns,
                shipper={"zeek": only(record, _KEPT_APART)},
            )
        ]
