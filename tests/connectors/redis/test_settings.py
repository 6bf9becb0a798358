"""What the connection settings accept, and that they show no secret."""

from __future__ import annotations

import inspect

import pytest
import redis
from pydantic import BaseModel, ConfigDict, ValidationError

from connectors.redis import RedisSettings, connect

SECRET = "s3cret-of-the-test"


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"url": f"http://:{SECRET}@localhost:6379/0"}, "redis.url"),
        ({"url": f"redis://:{SECRET}@localhost:port/0"}, "redis.url"),
        ({"url": f"redis://:{SECRET}@localhost:6379/zero"}, "redis.url"),
        ({"url": f"redis://localhost:6379/0?password={SECRET}"}, "redis.url"),
        ({"url": f"redis://:{SECRET}@[bad:6379/0"}, "redis.url"),
        ({"url": SECRET}, "redis.url"),
        ({"url": f"redis://:{SECRET}@localhost", "password": SECRET}, "redis.password"),
        ({"url": f"redis://bob:{SECRET}@localhost", "username": "alice"}, "redis.username"),
        ({"url": "redis://one:6379", "host": "two"}, "redis.host"),
        ({"port": 6380}, "redis.port"),
        ({"username": "alice"}, "redis.password"),
        ({"ssl_ca": "ca.pem"}, "redis.ssl_ca"),
        ({"tls": True, "ssl_key": "key.pem"}, "redis.ssl_cert"),
        ({"cluster": True, "url": "redis://localhost:6379/3"}, "redis.cluster"),
        ({"env": "has:colon"}, "env"),
        ({"pasword": SECRET}, "pasword"),
        ({"socket_timeout": SECRET}, "socket_timeout"),
    ],
)
def test_settings_that_do_not_fit_together_are_named_and_show_no_secret(values, named):
    with pytest.raises(ValidationError, match=named) as caught:
        RedisSettings(**values)
    assert SECRET not in str(caught.value)
    assert SECRET not in repr(caught.value)


def test_every_setting_is_described():
    assert all(field.description for field in RedisSettings.model_fields.values())


def test_the_url_is_taken_apart_and_its_password_is_masked():
    settings = RedisSettings(url=f"rediss://al%40ice:{SECRET}%21@store.example:6380/2")
    assert settings.endpoint == ("store.example", 6380, 2)
    assert settings.address == "store.example:6380"
    assert settings.url == "rediss://al%40ice@store.example:6380/2"
    for shown in (repr(settings), str(settings), settings.model_dump_json(), str(settings.model_dump())):
        assert SECRET not in shown
    kwargs = settings.client_kwargs()
    assert (kwargs["username"], kwargs["password"], kwargs["ssl"]) == ("al@ice", f"{SECRET}!", True)


def test_host_port_and_db_stand_in_for_the_url():
    assert RedisSettings(host="::1", port=7000, db=1).endpoint == ("::1", 7000, 1)
    assert RedisSettings(host="store").endpoint == ("store", 6379, 0)
    assert RedisSettings().endpoint == ("localhost", 6379, 0)
    assert RedisSettings(url="redis://[::1]:7000").endpoint == ("::1", 7000, 0)


@pytest.mark.parametrize("values", [{"url": f"rediss://a:{SECRET}@store:1/2"}, {"host": "store", "port": 7}])
def test_settings_survive_being_written_and_read(values):
    settings = RedisSettings(**values)
    assert RedisSettings(**settings.model_dump()) == settings


@pytest.mark.parametrize("values", [{}, {"tls": True}, {"cluster": True}])
def test_the_library_knows_every_argument(values):
    kwargs = RedisSettings(**values).client_kwargs()
    assert kwargs.keys() <= inspect.signature(redis.Redis).parameters.keys()
    assert kwargs.keys() <= inspect.signature(redis.asyncio.Redis).parameters.keys()


def test_a_tls_file_that_is_missing_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"redis\.ssl_ca: no such file"):
        connect(RedisSettings(tls=True, ssl_ca=tmp_path / "ca.pem"))


def test_inputs_stay_hidden_inside_a_larger_settings_object():
    class Whole(BaseModel):
        model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
        redis: RedisSettings

    with pytest.raises(ValidationError) as caught:
        Whole(redis={"url": f"ftp://:{SECRET}@localhost"})
    assert SECRET not in str(caught.value)
