"""From the bytes of one Kafka message to its records, whatever shipped it.

An envelope is only one where a shipper's signature is: ``connectors.envelopes.registry`` lists them,
one file a shipper. What
is inside is read as if it had come alone, further envelopes included.
"""

from __future__ import annotations

from connectors.envelopes.reading import Reader, read
from connectors.envelopes.settings import ReadingSettings
from connectors.envelopes.unwrapping import MAX_LINES

__all__ = ["MAX_LINES", "Reader", "ReadingSettings", "read"]
