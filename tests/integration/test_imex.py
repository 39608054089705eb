# SPDX-License-Identifier: Apache-2.0
"""IMEX channels: those that were asked for are in the container, and no others."""

import pytest

CHANNELS = "/dev/nvidia-caps-imex-channels"


def test_one_channel_and_no_other(engine, special_bundle):
    special_bundle.env("NVIDIA_VISIBLE_DEVICES=1", "NVIDIA_IMEX_CHANNELS=channel3")
    result = engine(special_bundle, f"list:{CHANNELS}", f"open:{CHANNELS}/channel3",
                    "make:c:242:0", "make:c:242:4", "open:/dev/nvidia0")
    assert result.code == 0, result.err
    assert result[f"list:{CHANNELS}"] == "channel3"
    assert result[f"open:{CHANNELS}/channel3"] == "ENXIO"
    assert result["make:c:242:0"] == result["make:c:242:4"] == "EPERM"
    assert result["open:/dev/nvidia0"] == "ENXIO"


def test_all_are_those_that_the_host_has(engine, special_bundle):
    special_bundle.env("NVIDIA_VISIBLE_DEVICES=none", "NVIDIA_IMEX_CHANNELS=all")
    result = engine(special_bundle, f"list:{CHANNELS}", f"open:{CHANNELS}/channel0",
                    "make:c:242:1")
    assert result.code == 0, result.err
    assert result[f"list:{CHANNELS}"] == "channel0 channel3"
    assert result[f"open:{CHANNELS}/channel0"] == "ENXIO"
    assert result["make:c:242:1"] == "EPERM"


@pytest.mark.parametrize("value", ["none", "void", "", "none,0"])
def test_none_is_no_channel(engine, special_bundle, value):
    special_bundle.env("NVIDIA_VISIBLE_DEVICES=all", f"NVIDIA_IMEX_CHANNELS={value}")
    result = engine(special_bundle, f"stat:{CHANNELS}", "make:c:242:0", "open:/dev/nvidia0")
    assert result.code == 0, result.err
    assert result[f"stat:{CHANNELS}"] == "ENOENT"
    assert result["make:c:242:0"] == "EPERM"
    assert result["open:/dev/nvidia0"] == "ENXIO"


def test_a_volume_mount_names_the_channel(engine, special_bundle):
    special_bundle.set_settings("accept-nvidia-visible-devices-as-volume-mounts = true\n")
    special_bundle.env("NVIDIA_IMEX_CHANNELS=3")
    special_bundle.config["mounts"] += [
        {"destination": f"/var/run/nvidia-container-devices/{name}", "type": "bind",
         "source": "/dev/null", "options": ["bind"]} for name in ("0", "imex/0")]
    result = engine(special_bundle, f"list:{CHANNELS}", "make:c:242:3", "open:/dev/nvidia1")
    assert result.code == 0, result.err
    assert result[f"list:{CHANNELS}"] == "channel0"
    assert result["make:c:242:3"] == "EPERM"
    assert result["open:/dev/nvidia1"] == "ENXIO"


def test_a_channel_that_the_host_lacks_is_made(engine, special_bundle):
    special_bundle.env("NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_IMEX_CHANNELS=7")
    result = engine(special_bundle, f"list:{CHANNELS}", f"open:{CHANNELS}/channel7")
    assert result.code == 0, result.err
    assert result[f"list:{CHANNELS}"] == "channel7"
    assert result[f"open:{CHANNELS}/channel7"] == "ENXIO"


def test_a_forbidden_missing_channel_is_named(engine, special_bundle):
    special_bundle.set_settings("[features]\ndisable-imex-channel-creation = true\n")
    special_bundle.env("NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_IMEX_CHANNELS=7")
    assert engine(special_bundle, "list:/dev").code != 0
    assert f"{CHANNELS}/channel7 is missing: run 'mkdir -p" in special_bundle.logged()


def test_the_settings_can_pass_the_request_over(engine, special_bundle):
    special_bundle.set_settings("[features]\nignore-imex-channel-requests = true\n")
    special_bundle.env("NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_IMEX_CHANNELS=0")
    result = engine(special_bundle, f"stat:{CHANNELS}", "open:/dev/nvidia0")
    assert result.code == 0, result.err
    assert result[f"stat:{CHANNELS}"] == "ENOENT"
    assert result["open:/dev/nvidia0"] == "ENXIO"
