"""The tables of the rules: classes of bytes, and the words that decide whether a value stays.

A word is compared by its first eight ASCII letters, in lower case, packed into one integer (``packed``). Pure data;
imports nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

DIGIT, HEX_LETTER, LETTER, HIGH, SLASH, BACKSLASH, AT, DOT, OTHER, SEPARATOR, SPACE = (
    1 << n for n in range(11)
)
"""Classes of bytes. ``HIGH`` are the bytes of characters that are not ASCII; ``SPACE`` are separators too."""
BEFORE_VALUE, AFTER_VALUE, AFTER_URL, QUOTE = (1 << n for n in range(11, 15))
"""Separators that may stand between a name and its value, that end a value, that end a URL, and quotes."""

_SEPARATORS = b"=:,;()[]{}<>\"'|#`"
_MEMBERS = {
    DIGIT: b"0123456789",
    HEX_LETTER: b"abcdefABCDEF",
    LETTER: b"ghijklmnopqrstuvwxyzGHIJKLMNOPQRSTUVWXYZ",
    HIGH: bytes(range(128, 256)),
    SLASH: b"/",
    BACKSLASH: b"\\",
    AT: b"@",
    DOT: b".",
    OTHER: b"-_+*%&$!?~^",
    SEPARATOR: _SEPARATORS + bytes(range(33)) + b"\x7f",
    SPACE: bytes(range(33)) + b"\x7f",
    BEFORE_VALUE: b"=:\"'([#`",
    AFTER_VALUE: b",;)]}|\"'&`",
    QUOTE: b"\"'`",
    AFTER_URL: bytes(range(33)) + b"\x7f\"'<>|`{})",
}


def _classes() -> tuple[int, ...]:
    table = [0] * 256
    for bit, members in _MEMBERS.items():
        for byte in members:
            table[byte] |= bit
    return tuple(table)


CLASSES = _classes()
"""The classes of each byte."""


def packed(word: str) -> int:
    """The first eight bytes of a lower-case ASCII word as one integer."""
    return int.from_bytes(word.encode("ascii")[:8], "big")


def _table(text: str) -> tuple[int, ...]:
    """An open hash table of packed words, 0 is empty."""
    return packed_table(packed(word) for word in text.split())


def packed_table(keys: Iterable[int]) -> tuple[int, ...]:
    """An open hash table of positive integers with linear probing, for ``bytewise.member``: its size is a power of two,
    and at most a quarter of it is full.
    """
    distinct = sorted(set(keys))
    last = (1 << (4 * len(distinct)).bit_length()) - 1
    table = [0] * (last + 1)
    for key in distinct:
        at = (key ^ key >> 21 ^ key >> 42) & last
        while table[at]:
            at = (at + 1) & last
        table[at] = key
    return tuple(table)


CODE_NAMES = _table(
    """code status errno error err errcode errorcod signal sig syscall rc ret retval exit result hresult opcode
    eventid event_id eventcod event dport dpt port dstport destport type subtype proto protocol http sqlstate
    sqlcode severity level class category reason accessma granteda exitcode statusco returnco response"""
)
"""Names whose value is a code: it says what happened."""
CODE_DIGITS = 5
"""A code has at most this many digits."""
PORT_NAMES = _table("port dport dpt dstport destport")
PORT_DIGITS = 4
"""A port of more digits is mostly an ephemeral one."""
HEX_CODE_DIGITS = 8
"""A code in hexadecimal has at most this many digits after its ``0x``."""
ZERO_NAMES = _table("uid euid gid egid auid loginuid ouid fsuid suid")
"""Names whose value 0 means root: it stays, any other goes."""

TYPE_KEYS = _table(
    """action event type subtype result res status state level severity outcome reason op operatio method
    category class channel verdict success proto protocol directio facility kind phase mode decision disposit error
    err msg message code response lvl transpor permissi"""
)
"""Keys of ``key=value`` whose value is a word that tells kinds of lines apart."""
OUTCOMES = _table(
    """yes no true false ok success succeede successf fail failed failure error err warn warning info debug fatal
    critical crit notice alert emerg trace allow allowed deny denied drop dropped accept accepted reject rejected
    block blocked pass passed permit permitte up down on off open opened close closed start started starting stop
    stopped stopping running enabled disabled enable disable active inactive online offline healthy unhealth ready
    notready pending timeout expired invalid valid granted refused revoked locked unlocked get post put delete
    head patch options connect disconne login logout create created read write update updated deleted removed
    added in out inbound outbound ingress egress tcp udp icmp established reset stdout stderr"""
)
"""Words that stay as a value wherever they stand: they are outcomes, not names of things."""

KNOWN = _table(
    """ipv4 ipv6 ip4 ip6 md4 md5 sha1 sha2 sha3 sha224 sha256 sha384 sha512 ext2 ext3 ext4 x86 x64 amd64 arm64
    aarch64 armv7 i386 i486 i586 i686 utf8 utf16 utf32 http2 http3 h2 h2c http/1.0 http/1.1 http/2
    http/2.0 http/3 base64 base32 base58 tls1 tlsv1 tlsv1.0 tlsv1.1 tlsv1.2 tlsv1.3 tls1.0 tls1.1 tls1.2
    tls1.3 sslv2 sslv3 ssl3 ssh1 ssh2 log4j log4j2 slf4j k8s k3s s3 s3a s3n ec2 win32 win64 oauth2
    oauth1 python2 python3 mp3 mp4 h264 h265 p2p i18n l10n x509 aes128 aes192 aes256 rsa1024 rsa2048
    rsa4096 rc4 des3 3des crc16 crc32 crc32c adler32 fat16 fat32 usb2 usb3 i2c l2tp l2 l3 l4 l7 lz4 bz2
    bzip2 krb5 imap4 pop3 nfs3 nfs4 nfsv3 nfsv4 ntlmv1 ntlmv2 smb1 smb2 smb3 smbv1 smbv2 ikev1 ikev2
    dhcpv4 dhcpv6 dhcp4 dhcp6 icmpv6 icmp6 snmpv1 snmpv2 snmpv2c snmpv3 wpa2 wpa3 neo4j web3 db2 php5
    php7 php8 apache2 int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 latin1
    x11 jk2 e2fsck 2fa u2f fido2 x86_64 utf-8 utf-16 utf-32 argon2 pbkdf2 ed25519 curve255 blake2
    poly1305 chacha20 murmur3 nistp256 b2b b2c a2dp"""
)
"""Words with a digit that are names, also as a part of a word joined by ``-``, ``_`` or ``.``."""

UNITS = _table(
    """b kb mb gb tb pb kib mib gib tib pib k m g t bit kbit mbit gbit kbps mbps gbps bps hz khz mhz ghz ns us ms s
    sec secs min mins h hr hrs d v mv ma rpm px pct st nd rd th l e byte bytes"""
)
"""Units that may stand right behind a number."""
SPACED_UNITS = _table(
    "b kb mb gb tb pb kib mib gib tib ms us ns s sec secs min mins hz khz mhz ghz kbps mbps gbps bps"
)
"""Units that may stand behind a number and a space; ``bytes`` and ``seconds`` are words and stay."""

MONTHS = _table("jan feb mar apr may jun jul aug sep oct nov dec")
DAYS = _table("mon tue wed thu fri sat sun")
ZONES = _table(
    "utc gmt est edt pst pdt cst cdt mst mdt cet cest bst ist jst msk eet eest wet west aest aedt am pm z"
)

DOMAINS = _table(
    """com net org edu gov mil info biz int local internal lan corp home localdom arpa io dev app cloud example test
    invalid svc ac ad ae ar at au be bg br ca ch cl cn co cz de dk ee eg es eu fi fr gr hk hr hu id ie il in ir is it
    jp kr kz lt lu lv ma me mx my ng nl no nz pe ph pk pt ro ru sa se sg si sk th tn tr tv tw ua uk us uy uz ve vn za"""
)
"""Last labels of host names."""
SHORT_DOMAINS = _table("com net org edu gov mil local internal lan corp localdom")
"""Last labels of host names of two labels only: ``notes.io`` may be anything."""
REVERSED = _table("com org net io edu gov java javax jdk sun")
"""First labels of names of packages and classes."""

RANDOM_BYTES = 24
"""A word without digits is looked at for random letters from this length on."""
NO_VOWELS = _table("https httpd dhcpd tftpd pptpd xfsqd bzflg ssldv")
"""Words of five consonants behind a hyphen that are no random suffix."""
METHODS = _table("get post put delete head patch options connect trace propfind")
"""The first word of a quoted request."""

PLACEHOLDERS = tuple(
    packed(name) for name in ("num", "hex", "ip", "mac", "uuid", "time", "path", "url", "email", "id", "*")
)
"""The names between ``<`` and ``>``, in the order of ``match.TYPES``."""
EVENT, ID_WORD, ACCESS, MASK_WORD = packed("event"), packed("id"), packed("access"), packed("mask")
"""The words of names of codes that have two words."""
