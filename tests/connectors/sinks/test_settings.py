from __future__ import annotations

import pytest

from stream_processors.settings import SettingsError, load_settings


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("webhook_url", "ftp://example.com/x", "expected http"),
        ("webhook_url", "https://ada:geheim@example.com/x", "belongs into alerts.webhook_header"),
        ("webhook_header", "X-Token: geheim", "no effect without alerts.webhook_url"),
        ("topic", "logs", "also in stream.topics"),
        ("topic_format", "xml", "alerts.topic_format"),
    ],
)
def test_a_sink_that_can_not_be_is_told_without_its_secret(name, value, told):
    with pytest.raises(SettingsError, match=told) as caught:
        load_settings(overrides={f"alerts.{name}": value}, environ={})
    assert "geheim" not in str(caught.value)


def test_a_header_of_two_lines_is_told_without_its_secret():
    overrides = {"alerts.webhook_url": "https://example.com/x", "alerts.webhook_header": "X-Token: ge\nheim"}
    with pytest.raises(SettingsError, match='expected "NAME: VALUE"') as caught:
        load_settings(overrides=overrides, environ={})
    assert "heim" not in str(caught.value)


def test_the_header_and_the_address_are_masked():
    overrides = {
        "alerts.webhook_url": "https://example.com/hooks/verborgen",
        "alerts.webhook_header": "Authorization: Bearer geheim",
    }
    settings = load_settings(overrides=overrides, environ={})
    assert settings.alerts.header == ("Authorization", "Bearer geheim")
    assert settings.alerts.url == "https://example.com/hooks/verborgen"
    shown = repr(settings) + settings.model_dump_json()
    assert "geheim" not in shown
    assert "verborgen" not in shown
