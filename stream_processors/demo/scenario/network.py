"""The edge of the network: nginx access lines in the combined format, and BIND's query log."""

from __future__ import annotations

from dataclasses import dataclass

from stream_processors.demo.scenario import cast
from stream_processors.demo.scenario.draw import Draw
from stream_processors.demo.scenario.moment import Moment
from stream_processors.demo.scenario.template import System, Writer

NGINX = System("nginx", share=0.25, swing=0.3)
DNS = System("dns", share=0.14, swing=0.25)

_WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
_SAFARI = "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.3"
_BROWSERS = (
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_WEBKIT} Chrome/133.0.0.0 Safari/537.36",
    f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X) {_SAFARI} Mobile/15E148 Safari/604.1",
    f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {_SAFARI} Safari/605.1.15",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:135.0) Gecko/20100101 Firefox/135.0",
    f"Mozilla/5.0 (Linux; Android 10; K) {_WEBKIT} Chrome/132.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
)
_APP = ("ExampleShop/5.12.0 (Android 14)", "ExampleShop/5.12.1 (iOS 18.3)")
_BOTS = (
    "Mozilla/5.0 (compatible; ExampleSearchBot/2.1; +https://search.example.org/bot.html)",
    "Mozilla/5.0 (compatible; PriceCrawler/1.4; +https://prices.example.net/about)",
)
_PROBE = ("kube-probe/1.30", "UptimeCheck/1.0 (+https://status.example.com)")
_PARTNER = ("python-requests/2.32.3",)

_SHOP = "https://shop.example.com"
_REFERERS = (
    "-",
    f"{_SHOP}/",
    f"{_SHOP}/catalogue",
    f"{_SHOP}/search?q=desk+lamp",
    "https://search.example.org/",
)
_WORDS = (
    "desk-lamp",
    "office-chair",
    "notebook-a5",
    "usb-cable",
    "standing-desk",
    "monitor-arm",
    "whiteboard",
)


def access_line(
    now: Moment, address: str, request: str, *, status: int, size: int, agent: str, referer: str = "-"
) -> str:
    """Return one access line in nginx's combined format."""
    return f'{address} - - [{now.access()}] "{request} HTTP/1.1" {status} {size} "{referer}" "{agent}"'


@dataclass(frozen=True, slots=True)
class _Page:
    """A kind of request. `{n}`, `{page}`, `{word}` and `{hash}` in the paths stand for what varies."""

    weight: float
    template: str
    status: int
    sizes: tuple[int, int]
    agents: tuple[str, ...]
    requests: tuple[str, ...]
    sources: tuple[str, ...] = cast.VISITORS


_ASSETS = ("GET /static/app.{hash}.js", "GET /static/main.{hash}.css", "GET /img/products/{word}-640.webp")
_PAGES = (
    _Page(24, "asset", 200, (900, 420_000), _BROWSERS, _ASSETS),
    _Page(
        15,
        "product",
        200,
        (9_000, 64_000),
        _BROWSERS,
        ("GET /product/{word}", "GET /catalogue?page={page}", "GET /"),
    ),
    _Page(
        12,
        "api_get",
        200,
        (180, 9_000),
        _APP,
        ("GET /api/v2/cart", "GET /api/v2/orders/{n}", "GET /api/v2/items?q={word}"),
    ),
    _Page(10, "not_modified", 304, (0, 0), _BROWSERS, _ASSETS),
    _Page(
        8,
        "health",
        200,
        (2, 15),
        _PROBE,
        ("GET /healthz", "GET /readyz"),
        tuple(n.address for n in cast.NODES),
    ),
    _Page(6, "api_post", 201, (90, 800), _APP, ("POST /api/v2/cart/items", "POST /api/v2/orders")),
    _Page(
        5,
        "search",
        200,
        (5_000, 38_000),
        _BROWSERS,
        ("GET /search?q={word}", "GET /search?q={word}&page={page}"),
    ),
    _Page(
        4, "bot", 200, (4_000, 52_000), _BOTS, ("GET /product/{word}", "GET /sitemap.xml", "GET /robots.txt")
    ),
    _Page(
        3,
        "not_found",
        404,
        (153, 153),
        _BROWSERS,
        ("GET /favicon-{n}.png", "GET /product/{word}-{n}", "GET /blog/{word}/"),
    ),
    _Page(2.5, "login", 302, (0, 154), _BROWSERS, ("POST /login", "GET /account", "POST /logout")),
    _Page(2, "unauthorized", 401, (64, 172), _APP, ("GET /api/v2/me", "GET /api/v2/orders")),
    _Page(
        1.2, "client_gone", 499, (0, 0), _BROWSERS, ("GET /search?q={word}", "GET /api/v2/recommendations")
    ),
    _Page(
        0.8,
        "partner_feed",
        200,
        (80_000, 900_000),
        _PARTNER,
        ("GET /feeds/partner-{n}.xml",),
        ("198.51.100.77",),
    ),
    _Page(
        0.4, "bad_gateway", 502, (157, 157), _BROWSERS, ("GET /api/v2/recommendations", "POST /api/v2/orders")
    ),
    _Page(
        0.3,
        "export",
        200,
        (3_000_000, 60_000_000),
        _BROWSERS[:1],
        ("GET /exports/orders-{n}.csv",),
        (cast.OFFICE_GATEWAY,),
    ),
    _Page(0.2, "too_large", 413, (183, 183), _BROWSERS, ("POST /api/v2/reviews/{n}/photo",)),
    _Page(0.15, "bad_request", 400, (150, 150), ("-",), ("GET /",)),
)


def _page_writer(page: _Page) -> Writer:
    def write(draw: Draw, now: Moment) -> str:
        request = draw.favour(page.requests).format(
            n=draw.tail(1, 90_000),
            page=draw.tail(2, 60),
            word=draw.favour(_WORDS),
            hash=draw.favour(("3f9c1ab2", "b71e04dd", "0c55e9a8")),
        )
        return access_line(
            now,
            draw.favour(page.sources),
            request,
            status=page.status,
            size=draw.tail(*page.sizes),
            agent=draw.favour(page.agents),
            # only browsers say where they come from
            referer=draw.favour(_REFERERS) if page.agents is _BROWSERS else "-",
        )

    return write


for _page in _PAGES:
    NGINX.add(_page.template, _page.weight, _page_writer(_page))


_INTERNAL = tuple(f"{h.name.lower()}.{cast.DOMAIN}" for h in (*cast.WINDOWS_SERVERS, *cast.LINUX))
_EXTERNAL = (
    "www.example.org",
    "api.example.net",
    "cdn.example.net",
    "time.example.org",
    "updates.example.net",
    "mail.example.com",
    "shop.example.com",
    "packages.example.org",
    "video.example.net",
)
_REVERSE = tuple(".".join(reversed(h.address.split("."))) + ".in-addr.arpa" for h in cast.LINUX)
_SERVICES = (
    f"_ldap._tcp.dc._msdcs.{cast.DOMAIN}",
    f"_kerberos._tcp.{cast.DOMAIN}",
    f"_gc._tcp.{cast.DOMAIN}",
)
_TEXTS = ("example.com", "_dmarc.example.com", "s1._domainkey.example.net", "example.org")
_CLIENTS = tuple(who.address for who in cast.PEOPLE) + tuple(h.address for h in (*cast.NODES, *cast.LINUX))


def query_line(draw: Draw, now: Moment, client: str, name: str, kind: str, *, flags: str = "+E(0)") -> str:
    """Return one line of BIND's query log."""
    at = f"client @0x7f{draw.hex(10)} {client}#{draw.between(1024, 65535)} ({name})"
    return f"{now.bind()} queries: info: {at}: query: {name} IN {kind} {flags} ({cast.RESOLVER})"


# weight, template, record type, names
_QUERIES: tuple[tuple[float, str, str, tuple[str, ...]], ...] = (
    (30, "a_external", "A", _EXTERNAL),
    (22, "a_internal", "A", _INTERNAL),
    (14, "aaaa", "AAAA", _EXTERNAL),
    (9, "ptr", "PTR", _REVERSE),
    (7, "srv", "SRV", _SERVICES),
    (5, "https", "HTTPS", _EXTERNAL),
    (3, "mx", "MX", _TEXTS),
    (2.2, "txt", "TXT", _TEXTS),
    (1.5, "ns", "NS", _TEXTS),
    (1.2, "soa", "SOA", (cast.DOMAIN, "example.com")),
)


def _query_writer(kind: str, names: tuple[str, ...]) -> Writer:
    def write(draw: Draw, now: Moment) -> str:
        client, name = draw.favour(_CLIENTS), draw.favour(names)
        return query_line(draw, now, client, name, kind, flags=draw.favour(("+E(0)", "+", "+E(0)K")))

    return write


for _weight, _name, _type, _names in _QUERIES:
    DNS.add(_name, _weight, _query_writer(_type, _names))


@DNS.kind("servfail", 0.9)
def _servfail(draw: Draw, now: Moment) -> str:
    name = draw.pick(_EXTERNAL)
    at = f"client @0x7f{draw.hex(10)} {draw.favour(_CLIENTS)}#{draw.between(1024, 65535)} ({name})"
    return f"{now.bind()} query-errors: info: {at}: query failed (SERVFAIL) for {name}/IN/A at query.c:7837"


@DNS.kind("timed_out", 0.7)
def _timed_out(draw: Draw, now: Moment) -> str:
    server = f"{draw.pick(cast.VISITORS)}#53"
    return f"{now.bind()} lame-servers: info: timed out resolving '{draw.pick(_EXTERNAL)}/AAAA/IN': {server}"


@DNS.kind("transfer", 0.4)
def _transfer(draw: Draw, now: Moment) -> str:
    serial = now.counter(2025000000, 900_000_000)
    at = f"client @0x7f{draw.hex(10)} 10.20.0.22#{draw.between(1024, 65535)} ({cast.DOMAIN})"
    return (
        f"{now.bind()} xfer-out: info: {at}: transfer of '{cast.DOMAIN}/IN': IXFR started (serial {serial})"
    )


@DNS.kind("update", 0.4)
def _update(draw: Draw, now: Moment) -> str:
    who = draw.pick(cast.PEOPLE)
    name = f"{who.workstation.lower()}.{cast.DOMAIN}"
    at = f"client @0x7f{draw.hex(10)} {who.address}#{draw.between(1024, 65535)}/key dhcp"
    return f"{now.bind()} update: info: {at}: updating zone '{cast.DOMAIN}/IN': adding an RR at '{name}' A"


@DNS.kind("cache_denied", 0.2)
def _cache_denied(draw: Draw, now: Moment) -> str:
    name = draw.pick(_EXTERNAL)
    at = f"client @0x7f{draw.hex(10)} {draw.pick(cast.VISITORS)}#{draw.between(1024, 65535)} ({name})"
    denied = f"query (cache) '{name}/A/IN' denied (allow-query-cache did not match)"
    return f"{now.bind()} security: info: {at}: {denied}"
