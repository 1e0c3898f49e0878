"""The settings that the guide shows are settings that hold."""

import re
from pathlib import Path

import pytest

from holdfast.client.command_line import LazyGroup
from holdfast.client.core.settings import SettingsError
from holdfast.client.main import holdfast
from holdfast.client.renewal_settings import policy_of
from holdfast.client.settings_file import load_settings
from holdfast.client.settings_use import check_settings

GUIDE = Path(__file__).parents[2] / "docs" / "uploader.md"


def test_the_example_of_the_guide_is_valid_and_says_what_it_says(
    tmp_path: Path,
) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    (tmp_path / "config.toml").write_text(example)
    assert isinstance(holdfast, LazyGroup)
    settings = load_settings(tmp_path)
    check_settings(settings, holdfast)
    assert settings.profile == "desk"
    assert policy_of(settings, 3600) is not None
    travel = load_settings(tmp_path, "travel")
    limit = travel.find(("backup",), ["limit-upload"])
    assert limit is not None
    assert limit.value == 100
    with pytest.raises(SettingsError):
        load_settings(tmp_path, "nobody")
