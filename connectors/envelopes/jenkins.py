"""Jenkins: lines of builds from its plugin for Kafka."""

from __future__ import annotations

from typing import Any

from connectors.envelopes.envelope import Inner
from connectors.envelopes.values import as_text, columns, without, word
from connectors.records import SERVICE

_NAMES = frozenset({"build", "job", "message", "metadata"})


class Jenkins:
    """One line of a build's console. The job is the service that it came from."""

    name = "jenkins"

    def matches(self, names: frozenset[str]) -> bool:
        """See ObjectEnvelope."""
        return names == _NAMES

    def unwrap(self, event: dict[str, Any]) -> list[Inner] | None:
        """The message as a line."""
        message = event.get("message")
        if type(message) is not str or type(event.get("build")) is not int:
            return None
        return [
            Inner(
                message,
                columns=columns({SERVICE: event.get("job")}),
                shipper={"jenkins": without(event, ("message",))},
                stream=f"{word(event.get('job'))} {as_text(event.get('build'))}",
            )
        ]
