"""An ordinary Java application that logs through Log4j: `%d %-5p [%t] %c - %m`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from stream_processors.demo.scenario import cast
from stream_processors.demo.scenario.draw import Draw
from stream_processors.demo.scenario.moment import Moment
from stream_processors.demo.scenario.template import System, Writer

JAVA = System("java", share=0.065, swing=0.25)


@dataclass(frozen=True, slots=True)
class _Source:
    """A logger and the pool of threads that it is called from."""

    logger: str
    thread: str
    threads: int


_ORDERS = _Source("com.example.shop.orders.OrderService", "http-nio-8080-exec", 24)
_BILLING = _Source("com.example.shop.billing.InvoiceRenderer", "billing-worker", 4)
_CACHE = _Source("com.example.shop.cache.CatalogueCache", "cache-refresh", 2)
_KAFKA = _Source("com.example.shop.events.OrderEventPublisher", "kafka-producer-network-thread", 1)
_JOBS = _Source("com.example.shop.jobs.PaymentReconciler", "scheduling", 3)
_POOL = _Source("com.zaxxer.hikari.pool.HikariPool", "HikariPool-1 housekeeper", 0)
_HTTP = _Source("com.example.shop.clients.ShippingClient", "http-nio-8080-exec", 24)
_GC = _Source("com.example.shop.runtime.MemoryWatch", "memory-watch", 0)
_AUTH = _Source("com.example.shop.security.SessionFilter", "http-nio-8080-exec", 24)


def _accepted(d: Draw) -> str:
    number, total = d.between(700_000, 999_999), f"{d.tail(5, 900)}.{d.below(100):02d}"
    return f"Order {number} accepted: {d.tail(1, 12)} items, total {total} EUR, customer {d.below(90_000)}"


def _rendered(d: Draw) -> str:
    return f"Invoice INV-2025-{d.below(10**6):06d} rendered in {d.tail(18, 900)} ms ({d.between(1, 6)} pages)"


def _refreshed(d: Draw) -> str:
    took = f"{d.between(4_000, 5_200)} catalogue entries in {d.tail(90, 2_500)} ms"
    return f"Refreshed {took}, hit ratio 0.{d.between(90, 99)}"


def _published(d: Draw) -> str:
    return (
        f"Published OrderAccepted to orders.events-{d.below(12)} at offset {d.between(8_000_000, 9_000_000)}"
    )


def _session(d: Draw) -> str:
    return f"Session {d.hex(8)} started for customer {d.below(90_000)} from {d.favour(cast.VISITORS)}"


def _pool_stats(d: Draw) -> str:
    active = d.between(0, 9)
    return f"HikariPool-1 - Pool stats (total=10, active={active}, idle={10 - active}, waiting=0)"


def _quoted(d: Draw) -> str:
    return f"Shipping quote for zone {d.pick(('DE', 'FR', 'PL', 'IT'))} received in {d.tail(40, 1_200)} ms"


def _slow(d: Draw) -> str:
    query = "select o from Order o where o.customer = ?"
    return f"Slow query ({d.tail(1_000, 6_000)} ms): {query} [{d.below(90_000)}]"


def _retry(d: Draw) -> str:
    return f"Shipping provider answered 503, retry {d.between(1, 3)} of 3 in {d.pick((200, 400, 800))} ms"


def _heap(d: Draw) -> str:
    used = d.between(2_600, 3_700)
    return f"Heap at {used * 100 // 4096} % after full collection ({used} MB of 4096 MB)"


def _timeout(d: Draw) -> str:
    reason = "java.net.SocketTimeoutException: Read timed out"
    return f"Shipping quote for order {d.between(700_000, 999_999)} failed: {reason}"


def _reconciled(d: Draw) -> str:
    return f"Reconciled {d.between(200, 4_000)} payments, {d.tail(0, 6)} differences written to ledger"


def _clock_skew(d: Draw) -> str:
    delta = f"{d.between(46, 95)}s{d.below(999)}ms"
    return f"HikariPool-1 - Thread starvation or clock leap detected (housekeeper delta={delta})"


def _rejected(d: Draw) -> str:
    code = d.pick(("51", "05", "54"))
    return f"Payment for order {d.between(700_000, 999_999)} declined by issuer: code {code}"


def _deadlock(d: Draw) -> str:
    return f"Could not update stock of item {d.below(5_200)}: deadlock detected, transaction rolled back"


_KINDS: tuple[tuple[float, str, str, _Source, Callable[[Draw], str]], ...] = (
    (28, "order_accepted", "INFO", _ORDERS, _accepted),
    (18, "session_started", "INFO", _AUTH, _session),
    (14, "event_published", "INFO", _KAFKA, _published),
    (11, "invoice_rendered", "INFO", _BILLING, _rendered),
    (8, "shipping_quoted", "INFO", _HTTP, _quoted),
    (6, "pool_stats", "DEBUG", _POOL, _pool_stats),
    (5, "cache_refreshed", "INFO", _CACHE, _refreshed),
    (3, "payment_declined", "WARN", _ORDERS, _rejected),
    (2.5, "shipping_retry", "WARN", _HTTP, _retry),
    (2, "slow_query", "WARN", _ORDERS, _slow),
    (1.2, "reconciled", "INFO", _JOBS, _reconciled),
    (0.9, "heap_high", "WARN", _GC, _heap),
    (0.6, "shipping_timeout", "ERROR", _HTTP, _timeout),
    (0.4, "deadlock", "ERROR", _ORDERS, _deadlock),
    (0.3, "clock_leap", "WARN", _POOL, _clock_skew),
)


def _writer(level: str, source: _Source, message: Callable[[Draw], str]) -> Writer:
    def write(draw: Draw, now: Moment) -> str:
        thread = f"{source.thread}-{draw.between(1, source.threads)}" if source.threads else source.thread
        return f"{now.log4j()} {level:<5} [{thread}] {source.logger} - {message(draw)}"

    return write


for _weight, _name, _level, _source, _message in _KINDS:
    JAVA.add(_name, _weight, _writer(_level, _source, _message))
