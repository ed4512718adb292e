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
