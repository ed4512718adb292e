"""The settings and `.env.example` say the same."""

import re
from pathlib import Path

import pytest

from settings import Settings, SettingsInvalid, read_settings

EXAMPLE = (Path(__file__).parent.parent / ".env.example").read_text("utf-8")


def test_a_wrong_value_is_refused_by_its_variables_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "eighty")
    with pytest.raises(SettingsInvalid, match=r"PORT: .*eighty"):
        read_settings()


def test_a_secret_is_not_told_in_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-secret")
    monkeypatch.setenv("PORT", "eighty")
    with pytest.raises(SettingsInvalid) as refused:
        read_settings()
    assert "sk-secret" not in str(refused.value)


@pytest.mark.parametrize("name", ["JWT_SECRET", "JWT_PREVIOUS_SECRET"])
def test_a_short_secret_is_refused_and_not_told(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "hunter2-hunter2-hunter2-hunter2")
    with pytest.raises(SettingsInvalid, match=rf"^{name}: .* less than 32 bytes") as refused:
        read_settings()
    assert "hunter2" not in str(refused.value)


def test_in_production_the_secret_must_be_set_and_no_other_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVIRONMENT", "production")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-secret")
    with pytest.raises(SettingsInvalid, match="JWT_SECRET") as refused:
        read_settings()
    assert "sk-secret" not in str(refused.value)


@pytest.mark.parametrize("proxies", ["*", "10.0.0.1/8", "0.0.0.0/0", "::/0", "proxy.example", "10.0.0.0/33"])
def test_proxies_that_are_no_networks_or_everyone_are_refused(monkeypatch: pytest.MonkeyPatch, proxies: str) -> None:
    monkeypatch.setenv("TRUSTED_PROXIES", f"192.0.2.1,{proxies}")
    with pytest.raises(SettingsInvalid, match=r"^TRUSTED_PROXIES: ") as refused:
        read_settings()
    assert proxies in str(refused.value)


def test_proxies_are_networks_or_single_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUSTED_PROXIES", "10.0.0.0/8, 192.0.2.1,fd00::/8")
    assert [str(network) for network in read_settings().proxies] == ["10.0.0.0/8", "192.0.2.1/32", "fd00::/8"]


def test_every_setting_stands_in_the_example_with_its_default_and_meaning() -> None:
    told = dict(re.findall(r"^# (.+)\n#? ?([A-Z_]+=.*)$", EXAMPLE, re.MULTILINE))
    assert {line: meaning for meaning, line in told.items()} == {
        f"{name.upper()}={shown(field.default)}": field.description for name, field in Settings.model_fields.items()
    }


def test_an_empty_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "")
    assert read_settings().port == 8000


def shown(default: object) -> str:
    if default is None:
        return ""
    return default.get_secret_value() if hasattr(default, "get_secret_value") else str(default)
