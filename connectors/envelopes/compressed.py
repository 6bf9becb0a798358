"""Values that are compressed a second time, beneath Kafka's own compression: gzip and Zstandard."""

from __future__ import annotations

import gzip
import io
import zlib

from connectors.envelopes.envelope import MAX_MESSAGE_BYTES, Inner

GZIP_MAGIC = b"\x1f\x8b\x08"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
GZIP_WINDOW = 31
"""zlib's number for a gzip header and the largest window."""
MAX_MEMBERS = 10_000
"""Of one gzip value: a value of empty members alone would take long."""
FIRST_BYTES = 256 << 10
"""Room that a Zstandard value is unpacked into at first; more is made while it does not suffice."""


class Gzip:
    """One or more gzip members; CloudWatch Logs subscriptions come so."""

    name = "gzip"
    firsts = GZIP_MAGIC[:1]

    def unwrap(self, value: bytes) -> list[Inner | bytes] | None:
        """The value inside. Raises ValueError for a broken one and one of more than MAX_MESSAGE_BYTES."""
        if not value.startswith(GZIP_MAGIC):
            return None
        member = zlib.decompressobj(GZIP_WINDOW)
        try:
            held = member.decompress(value, MAX_MESSAGE_BYTES + 1)
            if member.unused_data:  # several members: GzipFile takes them in linear time
                if value.count(GZIP_MAGIC) > MAX_MEMBERS:
                    raise EOFError(f"more than {MAX_MEMBERS} members")
                with gzip.GzipFile(fileobj=io.BytesIO(value)) as members:
                    held = members.read(MAX_MESSAGE_BYTES + 1)
            elif not member.eof and len(held) <= MAX_MESSAGE_BYTES:
                raise EOFError("the value ends in the middle")
        except (zlib.error, OSError, EOFError) as error:
            raise ValueError(f"gzip: {' '.join(str(error).split())}") from error
        if len(held) > MAX_MESSAGE_BYTES:
            raise ValueError(f"gzip: unpacks to more than {MAX_MESSAGE_BYTES} bytes")
        return [held]


class Zstd:
    """Zstandard frames."""

    name = "zstd"
    firsts = ZSTD_MAGIC[:1]

    def unwrap(self, value: bytes) -> list[Inner | bytes] | None:
        """As of ``Gzip``."""
        if not value.startswith(ZSTD_MAGIC):
            return None
        import cramjam

        size = min(max(FIRST_BYTES, 8 * len(value)), MAX_MESSAGE_BYTES)
        while True:
            room = bytearray(size)
            try:
                return [bytes(memoryview(room)[: cramjam.zstd.decompress_into(value, room)])]
            except cramjam.DecompressionError as error:
                if "whole buffer" not in str(error):
                    raise ValueError(f"zstd: {' '.join(str(error).split())}") from error
            if size == MAX_MESSAGE_BYTES:
                raise ValueError(f"zstd: unpacks to more than {MAX_MESSAGE_BYTES} bytes")
            size = min(4 * size, MAX_MESSAGE_BYTES)
