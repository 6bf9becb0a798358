"""Headers by known layouts and by their shape. All sample lines are made up."""

import pytest

from connectors.formats import parse
from connectors.records import LEVEL, LOGGER, PID, SERVICE, THREAD

MESSAGE = "queue orders is full"
TIME, DEBUG, INFO, NOTICE, WARN, ERROR = 1704164645, 5, 9, 10, 13, 17
UUID = "0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f9"

HEADERS = {
    "log4j": (
        "2024-01-02 03:04:05,000 WARN [main] org.example.Shop: ",
        WARN,
        {THREAD: "main", LOGGER: "org.example.Shop"},
    ),
    "logback": (
        "2024-01-02 03:04:05.000 WARN  [http-nio-80-exec-1] o.e.Shop - ",
        WARN,
        {THREAD: "http-nio-80-exec-1"},
    ),
    "spring": (
        "2024-01-02 03:04:05.000  WARN 71 --- [   main] o.e.Shop   : ",
        WARN,
        {PID: "71", LOGGER: "o.e.Shop"},
    ),
    "zookeeper": ("2024-01-02 03:04:05,000 - WARN  [Peer[myid=1]/0:0:0:0:2181:Shop@76] - ", WARN, {}),
    "jboss": (
        "2024-01-02 03:04:05,000 WARN  [org.example] (MSC service thread 1-8) ",
        WARN,
        {LOGGER: "org.example"},
    ),
    "a thread of several words": (
        "2024-01-02 03:04:05,000 WARN  [Pool-1 worker] org.example.Shop - ",
        WARN,
        {LOGGER: "org.example.Shop", THREAD: "Pool-1 worker", LEVEL: "WARN"},
    ),
    "a level beside the thread": (
        "2024-01-02 03:04:05,000 INFO [Server thread/WARN] org.example.Shop - ",
        INFO,
        {LOGGER: "org.example.Shop", THREAD: "Server thread", LEVEL: "INFO"},
    ),
    "ids of a request": (
        "2024-01-02 03:04:05,000 WARN [a1 b2] org.example.Shop - ",
        WARN,
        {LOGGER: "org.example.Shop", "header": "a1 b2"},
    ),
    "cassandra": (
        "WARN  [Writer:42] 2024-01-02 03:04:05,000 Shop.java:14 - ",
        WARN,
        {"code.file.path": "Shop.java"},
    ),
    "catalina": (
        "02-Jan-2024 03:04:05.000 WARNING [main] org.example.Shop.sell ",
        WARN,
        {LOGGER: "org.example.Shop.sell"},
    ),
    "elasticsearch": (
        "[2024-01-02T03:04:05,000][WARN ][o.e.Shop     ] [node-1] ",
        WARN,
        {LOGGER: "o.e.Shop", THREAD: "node-1"},
    ),
    "kafka": ("[2024-01-02 03:04:05,000] WARN [Controller 1]: ", WARN, {THREAD: "Controller 1"}),
    "hdfs": ("240102 030405 17 WARN shop.Data$Queue: ", WARN, {PID: "17", LOGGER: "shop.Data$Queue"}),
    "spark": ("24/01/02 03:04:05 WARN shop.Queue: ", WARN, {LOGGER: "shop.Queue"}),
    "python": (
        "2024-01-02 03:04:05,000 - shop.queue - WARNING - ",
        WARN,
        {LOGGER: "shop.queue", LEVEL: "WARNING"},
    ),
    "oslo": (
        f"2024-01-02 03:04:05.000 29 WARNING shop.queue [req-{UUID} a1 b2 - default] ",
        WARN,
        {PID: "29"},
    ),
    "oslo without a request": (
        "2024-01-02 03:04:05.000 29 WARNING shop.queue [-] ",
        WARN,
        {LOGGER: "shop.queue"},
    ),
    "oslo with a file in front": (
        "shop.log.1.2024-01-02_03:04:05 2024-01-02 03:04:05.000 29 WARNING shop.queue [-] ",
        WARN,
        {},
    ),
    "klog": ("W20240102 03:04:05.000000  17 queue.go:12] ", WARN, {PID: "17", "code.file.path": "queue.go"}),
    "tensorflow": ("2024-01-02 03:04:05.000000: W shop/core/queue.cc:12] ", WARN, {LEVEL: "W"}),
    "zap": ("2024-01-02T03:04:05.000Z\tWARN\tqueue\t", WARN, {LOGGER: "queue"}),
    "serilog": ("2024-01-02 03:04:05.000 +00:00 [WRN] ", WARN, {LEVEL: "WRN"}),
    "apache": (
        "[Tue Jan 02 03:04:05 2024] [warn] [client 192.0.2.9] ",
        WARN,
        {"client.address": "192.0.2.9"},
    ),
    "apache 2.4": (
        "[Tue Jan 02 03:04:05.000000 2024] [core:warn] [pid 7:tid 99] [client 192.0.2.9:5] ",
        WARN,
        {PID: "7", "thread.id": "99", LOGGER: "core"},
    ),
    "nginx": ("2024/01/02 03:04:05 [warn] 12#13: *5 ", WARN, {PID: "12", "thread.id": "13"}),
    "postgres": ("2024-01-02 03:04:05.000 UTC [17] shop@orders WARNING:  ", WARN, {PID: "17"}),
    "mysql": (
        "2024-01-02T03:04:05.000000Z 8 [Warning] [MY-010055] [Server] ",
        WARN,
        {PID: "8", LEVEL: "Warning"},
    ),
    "old mysql": ("240102  3:04:05 [Warning] ", WARN, {}),
    "redis": ("12:M 02 Jan 2024 03:04:05.000 # ", WARN, {PID: "12"}),
    "mongodb": (
        "2024-01-02T03:04:05.000+0000 W NETWORK  [listener] ",
        WARN,
        {LOGGER: "NETWORK", THREAD: "listener"},
    ),
    "rabbitmq": ("2024-01-02 03:04:05.000 [warning] <0.310.0> ", WARN, {THREAD: "<0.310.0>"}),
    "bind": ("02-Jan-2024 03:04:05.000 queries: warning: ", WARN, {LOGGER: "queries"}),
    "winston": ("2024-01-02T03:04:05.000Z warn: ", WARN, {LEVEL: "warn"}),
    "sidekiq": ("2024-01-02T03:04:05.000Z pid=6 tid=s5c class=Job WARN: ", WARN, {}),
    "bluegene": (
        "- 1704164645 2024.01.02 R02-M1-N0 2024-01-02-03.04.05.000000 R02-M1-N0:J12-U11 RAS KERNEL WARNING ",
        WARN,
        {},
    ),
    "bluegene with a label": (
        "KERNDTLB 1704164645 2024.01.02 R02-M1 2024-01-02-03.04.05.000000 R02-M1 RAS APP WARNING ",
        WARN,
        {},
    ),
    "open vswitch": ("2024-01-02T03:04:05.000Z|00042|queue|WARN|", WARN, {PID: "00042", LOGGER: "queue"}),
    "health app": ("20240102-03:04:05:000|Queue_LSC|30002312|", 0, {LOGGER: "Queue_LSC", PID: "30002312"}),
    "windows servicing": ("2024-01-02 03:04:05, Warning               CBS    ", WARN, {LOGGER: "CBS"}),
    "jvm": ("[2024-01-02T03:04:05.000+0000][warning][gc] ", WARN, {THREAD: "gc"}),
    "github": ("2024-01-02T03:04:05.0000000Z ##[warning]", WARN, {}),
    "sssd": ("(Tue Jan 02 03:04:05 2024) [queue] [full] (0x0020): ", 0, {THREAD: "queue", LOGGER: "full"}),
    "candlepin": ("[WARN 2024-01-02 03:04:05 main] ", WARN, {}),
    "forge": (
        "[02Jan2024 03:04:05.000] [Server thread/WARN] [shop/QUEUE]: ",
        WARN,
        {THREAD: "Server thread"},
    ),
}

WITHOUT_TIME = {
    "python's basic one": ("WARNING:shop:", WARN, {LOGGER: "shop"}),
    "java.util.logging": ("WARNING: ", WARN, {LEVEL: "WARNING"}),
    "maven": ("[WARNING] ", WARN, {LEVEL: "WARNING"}),
    "slf4j-simple": ("[main] WARN org.example.Shop - ", WARN, {THREAD: "main", LOGGER: "org.example.Shop"}),
    "logcat, brief": ("W/Queue(  123): ", WARN, {LOGGER: "Queue", PID: "123"}),
    "esp32": ("W (68428) queue: ", WARN, {LOGGER: "queue"}),
    "chromium": ("[7:9:0102/030405.000:WARNING:queue.cc(12)] ", WARN, {LEVEL: "WARNING"}),
    "the kernel's ring": ("[   12.345678] ", 0, {}),
    "minecraft": ("[03:04:05] [Server thread/WARN]: ", WARN, {THREAD: "Server thread"}),
    "logrus": ("WARN[0042] ", WARN, {LEVEL: "WARN"}),
    "a clock": ("03:04:05,000 WARN  [org.example] (main) ", WARN, {LOGGER: "org.example", THREAD: "main"}),
}


class TestHeaders:
    @pytest.mark.parametrize(("header", "severity", "columns"), HEADERS.values(), ids=HEADERS)
    def test_it_is_read_and_the_message_remains(self, header, severity, columns):
        record = parse(f"{header}{MESSAGE}".encode())
        assert (record.text, record.time, record.severity) == (MESSAGE, TIME, severity)
        assert columns.items() <= record.fields.items()
        assert record.message is None

    @pytest.mark.parametrize(("header", "severity", "columns"), WITHOUT_TIME.values(), ids=WITHOUT_TIME)
    def test_one_without_a_time(self, header, severity, columns):
        record = parse(f"{header}{MESSAGE}".encode())
        assert (record.text, record.time, record.severity) == (MESSAGE, None, severity)
        assert columns.items() <= record.fields.items()

    @pytest.mark.parametrize(
        "header",
        [
            "01-02 03:04:05.000  1702  2395 W Queue   : ",
            "W0102 03:04:05.000000  1702 queue.go:12] ",
            "[01.02 03:04:05] shop.exe - ",
        ],
        ids=["logcat", "glog", "proxifier"],
    )
    def test_one_without_a_year(self, header, at):
        at(2024, 1, 3)
        record = parse(f"{header}{MESSAGE}".encode())
        assert (record.text, record.time) == (MESSAGE, TIME)

    def test_a_program_behind_several_times_is_syslogs(self):
        record = parse(
            b"- 1704164645 2024.01.02 dn228 Jan 2 03:04:05 dn228/dn228 crond(pam_unix)[29]: session closed"
        )
        assert (record.text, record.message) == ("crond(pam_unix): session closed", "session closed")
        assert (record.fields[SERVICE], record.fields[PID]) == ("crond(pam_unix)", "29")

    @pytest.mark.parametrize(
        ("message", "level"), [("LOG", INFO), ("DEBUG", DEBUG), ("NOTICE", NOTICE), ("ERROR", ERROR)]
    )
    def test_levels(self, message, level):
        assert parse(f"2024-01-02 03:04:05 UTC [1] {message}:  x".encode()).severity == level

    def test_all_of_a_header_is_kept_in_columns(self):
        record = parse(b"2024-01-02 03:04:05 node7 [a] [b] [c] [d] ERROR: x")
        words = " ".join(record.fields.values()).split()
        assert sorted(words) == ["ERROR", "a", "b", "c", "d", "node7"]


MESSAGES = [
    "Got an ERROR from the server",
    "HTTP ERROR 500 happened",
    "[alice, bob] logged in",
    "[instance: 7] stopped",
    "192.0.2.7 is down",
    "3 mice ran away",
    "I am here",
    "A day has passed",
    "Exception: disk is full",
    "org.example is down",
    "www.example.com is down",
    "example.com:8080 is down",
    "disk (sdb) is slow",
    "(no message)",
    "user: bob",
    "error opening a file",
    "Error 404",
    "<search> ready",
    "#1 of 7",
    "* item",
    '"quoted" words',
    "at org.example.Shop.sell(Shop.java:14)",
    "1,2,3",
    "10:30 is the time",
    "5 > 4",
]


class TestMessagesAreKept:
    @pytest.mark.parametrize("message", MESSAGES)
    @pytest.mark.parametrize("stamp", ["", "2024-01-02 03:04:05 ", "[2024-01-02 03:04:05] "])
    def test_what_begins_a_sentence_is_no_header(self, stamp, message):
        assert parse(f"{stamp}{message}".encode()).text == message

    @pytest.mark.parametrize(
        "message",
        [
            *(
                "[alice, bob] logged in",
                "www.example.com is down",
                "Exception: disk is full",
                "3 mice ran away",
            ),
            *(
                "[instance: 7] stopped",
                "1365301360 alignments",
                "queue: full",
                "ERROR twice",
                "10:00:00 passed",
            ),
            *("(cached) reply", "Certificate [session] is old", "Step 5: done", "2024-01-03 10:00:00 is due"),
        ],
    )
    def test_neither_behind_a_level(self, message):
        assert parse(f"2024-01-02 03:04:05 WARN {message}".encode()).text == message

    def test_an_exception_is_no_logger(self):
        record = parse(b"2024-01-02 03:04:05,000 WARN [main] DiskFullException: no space")
        assert (record.text, record.fields) == (
            "DiskFullException: no space",
            {LEVEL: "WARN", THREAD: "main"},
        )

    @pytest.mark.parametrize("message", ["[preauth] closed", "17 keys", "user: bob", "(done)", "[7] ready"])
    def test_neither_in_syslog(self, message):
        assert parse(f"<38>Jan  2 03:04:05 gate1 app[7]: {message}".encode()).message == message

    def test_an_error_of_a_server_is_no_level_in_front(self):
        record = parse(b"ERROR 1045 (28000): Access denied")
        assert (record.text, record.severity) == ("ERROR 1045 (28000): Access denied", ERROR)
