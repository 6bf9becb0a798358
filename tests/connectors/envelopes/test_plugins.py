"""Envelopes of a user's own, installed as distributions with entry points; broken ones are named at the start."""

import sys

import pytest

from connectors.envelopes import Reader, plugins
from connectors.envelopes.plugins import PluginError, known_envelopes

ACME = """
from connectors.envelopes.envelope import BytesEnvelope, Inner, ObjectEnvelope, TextEnvelope


class Objects(ObjectEnvelope):
    name = "acme"

    def matches(self, names):
        return "acme_line" in names

    def unwrap(self, event):
        return [Inner(event["acme_line"])]


class Texts(TextEnvelope):
    name = "acme-text"

    def unwrap(self, text):
        return [Inner(text[6:])] if text.startswith("ACME> ") else None


class Bytes(BytesEnvelope):
    name = "acme-bytes"

    def unwrap(self, value):
        return [value[2:]] if value.startswith(b"\\\\xac\\\\xce") else None


class Fails(ObjectEnvelope):
    name = "fails"

    def __init__(self):
        raise RuntimeError("no licence\\\\nat all")


class Taken(Objects):
    name = "filebeat"


class Unnamed(TextEnvelope):
    def unwrap(self, text):
        return None


class Half(ObjectEnvelope):
    name = "half"

    def unwrap(self, event):
        return None


class Stranger:
    name = "stranger"

    def unwrap(self, text):
        return None
""".replace("\\\\", "\\")


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Installs a distribution whose entry points name classes of the module above."""

    def install(**classes):
        (tmp_path / "acme_envelopes.py").write_text(ACME)
        info = tmp_path / "acme_logs-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-logs\nVersion: 1.0\n")
        entries = [f"{name} = acme_envelopes:{found}" for name, found in classes.items()]
        (info / "entry_points.txt").write_text("\n".join(["[secencoder.envelopes]", *entries, ""]))
        monkeypatch.syspath_prepend(str(tmp_path))
        plugins.envelopes.cache_clear()

    yield install
    plugins.envelopes.cache_clear()
    sys.modules.pop("acme_envelopes", None)


def test_plug_ins_of_all_kinds_are_asked_and_known(install):
    install(one="Objects", two="Texts", three="Bytes")
    reader = Reader()
    line = "<38>Nov 25 10:00:00 web1 sshd[812]: opened"
    for value, name in (
        (b'{"acme_line":"%s"}' % line.encode(), "acme"),
        (b"ACME> " + line.encode(), "acme-text"),
        (b"\xac\xce" + line.encode(), "acme-bytes"),
    ):
        (record,) = reader.read(value)
        assert (record.text, record.envelope) == ("sshd: opened", name)
        assert name in known_envelopes()


def test_what_a_plug_in_raises_for_a_message_is_that_messages_parse_error(install):
    install(one="Objects")
    (record,) = Reader().read(b'{"acme_line":5}')
    assert record.parse_error


@pytest.mark.parametrize(
    ("named", "reason"),
    [
        ("Fails", "can't be loaded: RuntimeError: no licence at all"),
        ("Missing", "can't be loaded: AttributeError"),
        ("Taken", "secencoder-streams has an envelope filebeat too"),
        ("Unnamed", "needs a name of small letters"),
        ("Half", "it has no matches"),
        ("Stranger", "its class must derive from one of"),
    ],
)
def test_a_broken_plug_in_stops_the_start_with_one_line_that_names_its_distribution(install, named, reason):
    install(mine=named)
    for start in (Reader, known_envelopes):
        with pytest.raises(PluginError, match="of the distribution acme-logs") as failure:
            start()
        assert reason in str(failure.value)
        assert len(str(failure.value).splitlines()) == 1
