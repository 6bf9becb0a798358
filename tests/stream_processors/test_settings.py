from __future__ import annotations

import inspect
import json

import pytest

from connectors.redis import RedisStore
from encoder_core import Encoder
from stream_processors.detection.windows import WindowSampler
from stream_processors.operations.watchdog import Watchdog
from stream_processors.settings import Settings, SettingsError, known_names, load_settings, section_fields

SECRET = "s3cret-of-the-test"


@pytest.fixture
def config(tmp_path):
    """``config(text, ".toml")``: a settings file."""

    def write(text: str, suffix: str = ".toml"):
        path = tmp_path / f"settings{suffix}"
        path.write_text(text)
        return path

    return write


def refusal(*arguments) -> str:
    """The one line with which settings are refused; no secret in it, nor in what led to it."""
    with pytest.raises(SettingsError) as caught:
        load_settings(*arguments)
    message = str(caught.value)
    assert "\n" not in message
    assert SECRET not in message
    return message


def test_without_anything_the_defaults_hold():
    assert load_settings(environ={}) == Settings()


def test_overrides_win_over_the_environment_and_that_over_the_file(config):
    path = config('[stream]\ngroup = "file"\nbatch_lines = 11\n[detection]\ndoubts = 33\n')
    environ = {"SECENCODER_STREAM__GROUP": "environment", "SECENCODER_STREAM__BATCH_LINES": "22"}
    settings = load_settings(path, {"stream.group": "override"}, environ)
    assert (settings.stream.group, settings.stream.batch_lines, settings.detection.doubts) == (
        "override",
        22,
        33,
    )
    assert load_settings(path, {"stream.group": None}, environ).stream.group == "environment"
    assert load_settings(path, {}, {}).stream.group == "file"


def test_the_host_of_a_higher_layer_stands_in_for_the_url_below_and_the_other_way_round(config):
    url = config(f'[redis]\nurl = "rediss://user:{SECRET}@file:1/2"\nprefix = "mine"\n')
    host = config('[redis]\nhost = "file"\nport = 1\ndb = 2\n', ".2.toml")
    environ = {"SECENCODER_REDIS__HOST": "environment", "SECENCODER_REDIS__PORT": "7"}
    for settings in (
        load_settings(url, {}, environ),
        load_settings(url, {"redis.host": "environment", "redis.port": 7}, {}),
    ):
        assert settings.redis.endpoint == ("environment", 7, 0)
        assert (settings.redis.username, settings.redis.password, settings.redis.tls) == (None, None, False)
        assert settings.redis.prefix == "mine"
    given = {"redis.url": "redis://given:9/3"}
    assert load_settings(host, given, environ).redis.endpoint == ("given", 9, 3)
    assert load_settings(host, {}, {"SECENCODER_REDIS__URL": "redis://given:9/3"}).redis.endpoint == (
        "given",
        9,
        3,
    )
    assert load_settings(host, {"redis.port": "8"}, {}).redis.endpoint == ("file", 8, 2)


def test_a_url_and_a_host_in_one_layer_contradict_each_other(config):
    both = config('[redis]\nurl = "redis://one:1"\nhost = "two"\n')
    names = {"redis.url": "redis://one:1", "redis.host": "two"}
    variables = {"SECENCODER_REDIS__URL": "redis://one:1", "SECENCODER_REDIS__HOST": "two"}
    for message in (refusal(both, {}, {}), refusal(None, names, {}), refusal(None, {}, variables)):
        assert "redis.url and redis.host are both set" in message


@pytest.mark.parametrize(
    ("file", "higher", "user", "password"),
    [
        ("url = 'redis://old:old@store'", {"password": "new"}, "old", "new"),
        ("url = 'redis://old:old@store'", {"username": "new", "password": "new"}, "new", "new"),
        ("url = 'redis://:old@[::1]:7'", {"password": "new"}, None, "new"),
        ("url = 'redis://old:o%40d@store'", {"username": "new"}, "new", "o@d"),
        ("url = 'redis://store'\nusername = 'old'\npassword = 'old'", {"password": "new"}, "old", "new"),
        ("username = 'old'\npassword = 'old'", {"url": "redis://new:new@store"}, "new", "new"),
        ("username = 'old'\npassword = 'old'", {"url": "redis://:new@store"}, None, "new"),
        ("username = 'old'\npassword = 'old'", {"url": "redis://store"}, "old", "old"),
    ],
)
def test_credentials_of_a_higher_layer_win_wherever_the_lower_one_has_them(
    config, file, higher, user, password
):
    path = config(f"[redis]\n{file}\n")
    environ = {f"SECENCODER_REDIS__{name.upper()}": value for name, value in higher.items()}
    by_environment = load_settings(path, {}, environ).redis
    by_override = load_settings(path, {f"redis.{name}": value for name, value in higher.items()}, {}).redis
    assert by_environment == by_override
    kwargs = by_environment.client_kwargs()
    assert (kwargs["username"], kwargs["password"]) == (user, password)


@pytest.mark.parametrize("url", ["5", "'redis://[bad:6379'", f"'redis://:{SECRET}@[bad'"])
def test_a_url_that_is_none_is_refused_whatever_is_above_it(config, url):
    assert "redis.url" in refusal(config(f"[redis]\nurl = {url}\n"), {"redis.password": SECRET}, {})


@pytest.mark.parametrize("suffix", [".yaml", ".yml"])
def test_yaml_says_the_same_as_toml(config, suffix):
    toml = config('[kafka]\nbootstrap_servers = "a:1,b:2"\n[stream]\ntopics = ["x", "y"]\n')
    yaml = config("kafka:\n  bootstrap_servers: a:1,b:2\nstream:\n  topics: [x, y]\n", suffix)
    assert load_settings(toml, environ={}) == load_settings(yaml, environ={})
    assert load_settings(yaml, environ={}).stream.topics == ["x", "y"]


@pytest.mark.parametrize(("text", "suffix"), [("", ".toml"), ("", ".yaml"), ("# nothing\n", ".yml")])
def test_an_empty_file_is_no_settings(config, text, suffix):
    assert load_settings(config(text, suffix), environ={}) == Settings()


def test_the_environment_names_the_file_and_an_argument_wins(config):
    named = config('[stream]\ngroup = "named"\n')
    given = config("stream:\n  group: given\n", ".yaml")
    environ = {"SECENCODER_CONFIG": str(named)}
    assert load_settings(environ=environ).stream.group == "named"
    assert load_settings(given, environ=environ).stream.group == "given"


def test_lists_are_taken_from_commas():
    environ = {"SECENCODER_STREAM__TOPICS": "auth, web,,dns "}
    assert load_settings(environ=environ).stream.topics == ["auth", "web", "dns"]
    assert load_settings(overrides={"stream.topics": "one"}, environ={}).stream.topics == ["one"]
    assert load_settings(overrides={"stream.topics": ["a,b"]}, environ={}).stream.topics == ["a,b"]
    assert load_settings(environ={"SECENCODER_KAFKA__API_VERSION": "2,1"}).kafka.api_version == (2, 1)


def test_variables_of_others_and_of_the_tests_are_left_alone():
    environ = {"SECENCODERX": "1", "PATH": "/bin", "SECENCODER_TEST_KAFKA": "localhost:9092"}
    assert load_settings(environ=environ) == Settings()


@pytest.mark.parametrize(
    ("text", "suffix"),
    [("[kafka]\nbootstrap_server = 'a:1'\n", ".toml"), ("kafka:\n  bootstrap_server: a:1\n", ".yaml")],
)
def test_an_unknown_key_in_the_file_names_the_nearest(config, text, suffix):
    message = refusal(config(text, suffix), {}, {})
    assert "kafka.bootstrap_server" in message
    assert "did you mean kafka.bootstrap_servers?" in message


def test_an_unknown_section_in_the_file_names_the_nearest(config):
    assert "did you mean detection?" in refusal(config("[detektion]\ndoubts = 50\n"), {}, {})


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("SECENCODER_STREAM__TOPIC", "stream.topics"),
        ("SECENCODER_REDIS__PASWORD", "redis.password"),
        ("SECENCODER_REDIS_URL", "redis.url"),
    ],
)
def test_an_unknown_variable_names_the_nearest(name, near):
    message = refusal(None, {}, {name: SECRET})
    assert name in message
    assert f"did you mean {near}?" in message


@pytest.mark.parametrize(
    ("name", "near"), [("detection.doubt", "detection.doubts"), ("redis.pasword", "redis.password")]
)
def test_an_unknown_override_names_the_nearest(name, near):
    message = refusal(None, {name: SECRET}, {})
    assert name in message
    assert f"did you mean {near}?" in message


def test_a_name_like_nothing_known_is_still_named():
    assert "zzzzzz.qqqqqq" in refusal(None, {"zzzzzz.qqqqqq": "1"}, {})
    assert refusal(None, {"stream": "1"}, {})
    assert refusal(None, {"stream.group.name": "1"}, {})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("stream.batch_lines", "many"),
        ("stream.batch_lines", "0"),
        ("stream.start", "middle"),
        ("stream.topics", ""),
        ("detection.alert_budget", "top 150 %"),
        ("detection.doubts", "-1"),
        ("encoder.max_tokens", "2"),
        ("encoder.tier", "best"),
        ("encoder.input", "lines"),
        ("encoder.cascade_similarity", "2"),
        ("retention.templates", "0"),
        ("kafka.bootstrap_servers", "nowhere"),
        ("kafka.security_protocol", "TLS"),
        ("redis.url", f"http://:{SECRET}@localhost"),
        ("redis.socket_timeout", SECRET),
    ],
)
def test_a_wrong_value_names_its_setting(name, value):
    assert name in refusal(None, {name: value}, {})


def test_a_wrong_value_in_the_file_names_its_setting(config):
    assert "stream.batch_lines" in refusal(config("[stream]\nbatch_lines = 'many'\n"), {}, {})
    assert "stream.topics.0" in refusal(config("[stream]\ntopics = [1]\n"), {}, {})
    assert "redis" in refusal(config("redis = 'localhost'\n"), {}, {})
    assert "redis" in refusal(config("redis = 'localhost'\n"), {"redis.url": "redis://x"}, {})


def test_settings_that_contradict_each_other_are_named():
    assert "kafka.sasl_mechanism" in refusal(None, {"kafka.security_protocol": "SASL_SSL"}, {})
    assert "encoder.static_bundle" in refusal(None, {"encoder.tier": "static", "encoder.bundle": "mine"}, {})


@pytest.mark.parametrize(
    ("text", "suffix"),
    [
        ("[redis\n", ".toml"),
        (f"[redis]\npassword = '{SECRET}\n", ".toml"),
        (f'redis:\n  password: "{SECRET}\n', ".yaml"),
        (f"redis:\n  password: {SECRET}: x\n", ".yaml"),
        (f"redis:\n  password: *{SECRET}\n", ".yaml"),
        (f"redis:\n\tpassword: {SECRET}\n", ".yaml"),
        ("- a list\n", ".yaml"),
        ("just text\n", ".yaml"),
    ],
)
def test_a_file_that_can_not_be_understood_is_named_and_not_quoted(config, text, suffix):
    path = config(text, suffix)
    assert str(path) in refusal(path, {}, {})


def test_a_file_that_can_not_be_read_is_named(tmp_path):
    (tmp_path / "latin.toml").write_bytes(b"[redis]\nprefix = '\xe9'\n")
    for path in (tmp_path / "none.toml", tmp_path, tmp_path / "latin.toml"):
        assert str(path) in refusal(path, {}, {})
    assert "none.toml" in refusal(None, {}, {"SECENCODER_CONFIG": str(tmp_path / "none.toml")})


def test_secrets_are_masked_wherever_settings_are_shown():
    settings = load_settings(
        overrides={
            "redis.url": f"rediss://user:{SECRET}@store:6379/1",
            "kafka.security_protocol": "SASL_SSL",
            "kafka.sasl_mechanism": "PLAIN",
            "kafka.sasl_username": "user",
            "kafka.sasl_password": SECRET,
        },
        environ={},
    )
    shown = settings.model_dump_json()
    assert SECRET not in shown + repr(settings) + str(settings.model_dump())
    assert json.loads(shown)["kafka"]["sasl_password"] == "**********"
    assert settings.redis.client_kwargs()["password"] == SECRET


def test_a_secret_beside_a_wrong_setting_is_not_shown(config):
    path = config(f"[redis]\npassword = '{SECRET}'\nport = 'x'\n[kafka]\nsasl_password = '{SECRET}'\n")
    assert refusal(path, {}, {})


def test_every_setting_is_described():
    assert len(known_names()) > 40
    for section in Settings.model_fields:
        for name, field in section_fields(section).items():
            assert field.description, f"{section}.{name}"


@pytest.mark.parametrize(
    ("section", "factory", "renamed"),
    [
        ("encoder", Encoder.__init__, {}),
        ("detection", WindowSampler.__init__, {"window_seconds": "seconds", "window_lines": "k"}),
        ("health", Watchdog.__init__, {}),
        ("redis", RedisStore.__init__, {}),
    ],
)
def test_a_setting_and_the_argument_it_becomes_have_one_default(section, factory, renamed):
    arguments = inspect.signature(factory).parameters
    defaults = {name: field.default for name, field in section_fields(section).items()}
    shared = {
        name: (value, arguments[renamed.get(name, name)].default)
        for name, value in defaults.items()
        if renamed.get(name, name) in arguments and name != "bundle"
    }
    assert shared
    assert {name: pair for name, pair in shared.items() if pair[0] != pair[1]} == {}


@pytest.mark.parametrize(
    ("values", "names"),
    [
        (
            {"retention.window_hours": "0.5", "detection.window_seconds": "3600"},
            ["retention.window_hours", "detection.window_seconds"],
        ),
    ],
)
def test_settings_that_cannot_work_together_are_refused_by_name(values, names):
    message = refusal(None, values, {})
    assert all(name in message for name in names)


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("logs-.*", ["logs-", "logs-web"], ["logs", "my-logs-web", "logs-web\n"]),
        ("a|b", ["a", "b"], ["ab", "xb"]),
        (".*", ["logs"], ["secencoder.dead-letter", "our.alerts", "__consumer_offsets"]),
        ("(?i:LOGS)", ["logs", "Logs"], ["log"]),
    ],
)
def test_a_pattern_means_whole_names_and_never_a_topic_of_ours_or_of_kafka(pattern, yes, no):
    settings = load_settings(None, {"stream.topic_pattern": pattern, "alerts.topic": "our.alerts"}, {})
    assert settings.stream.topics == []
    regex = settings.topic_regex()
    assert [bool(regex.match(name)) for name in (*yes, *no)] == [True] * len(yes) + [False] * len(no)


@pytest.mark.parametrize(
    "pattern", ["logs-(", "*", "(?i)logs", "(?P<a>x)(?P<a>y)", "x{99999999999999999999}"]
)
def test_what_is_no_regular_expression_is_one_line_that_names_the_setting(pattern):
    assert "stream.topic_pattern" in refusal(None, {"stream.topic_pattern": pattern}, {})


def test_topics_and_a_pattern_are_one_or_the_other(config):
    both = {"stream.topic_pattern": "x.*", "stream.topics": "logs"}
    assert "stream.topics and stream.topic_pattern" in refusal(None, both, {})
    assert "stream.topics" in refusal(None, {"stream.topics": []}, {})
    other = config('[stream]\ntopic_pattern = "web-.*"\n[stream.by_topic.mail]\ntime = "kafka"\n')
    assert "mail is not a match of stream.topic_pattern" in refusal(other, {}, {})
