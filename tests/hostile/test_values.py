# SPDX-License-Identifier: Apache-2.0
"""Values that an image or a user can set: refused in one line, or passed on inertly; never a
path, an option, or a second line of a log."""

import json

import container
import pytest

PREFIX = "/var/run/nvidia-container-devices/"


@pytest.fixture
def judge(hand_made, bundle):
    """Runs the hook with an environment; a refusal is one printable line and nothing is done."""
    made = hand_made(bundle)

    def run(*env):
        bundle.env(*env)
        before = (container.listing(bundle.root, without=()), made.mountinfo())
        done = made.hook()
        assert done.returncode == 1, done
        assert done.stderr.count("\n") == 1
        assert all(32 <= ord(letter) < 127 for letter in done.stderr[:-1])
        assert len(done.stderr) < 1000
        assert bundle.logged().splitlines()[-1].endswith(done.stderr[len("grapnel-hook: "):-1])
        assert (container.listing(bundle.root, without=()), made.mountinfo()) == before
        return done.stderr
    return run


DEVICES = ["/dev/sda", "../../x", "..", ".", "/", "0/../1", "--device=all", "-x", "0\n1", "0 1",
           "0\x001", "\x1b[31mred", "\xff\xfe", "GPU-" + "f" * 100_000, "x" * (1 << 20), "0:0",
           "4294967296", "18446744073709551616", "00000000000000000000000000001x", "0x1", "+0",
           "१", "MIG-" + "../" * 50, "nvidia.com/gpu=../0", "nvidia.com/gpu=nvidia.com/gpu=0", "amd.com/gpu=0", "cdi/../..", "all;reboot", "$(reboot)",
           "%s%n%s", "0,7"]


@pytest.mark.parametrize("value", DEVICES, ids=range(len(DEVICES)))
def test_a_strange_device_is_an_unknown_device(judge, value):
    assert "unknown device" in judge(f"NVIDIA_VISIBLE_DEVICES={value}")


CAPABILITIES = ["../x", "utility\ncompute", "-u", "x" * (1 << 20), "utility;x", "ALL\x00"]


@pytest.mark.parametrize("value", CAPABILITIES, ids=range(len(CAPABILITIES)))
def test_a_strange_driver_capability_is_unknown(judge, value):
    assert "unknown driver capability" in judge("NVIDIA_VISIBLE_DEVICES=all",
                                                f"NVIDIA_DRIVER_CAPABILITIES={value}")


REQUIREMENTS = ["cuda>=" + "9" * 100, "cuda>=" + "1." * 50_000 + "1", "x" * (1 << 20), "cuda>=\n",
                "cuda>=1.2\ndriver>1", "=", ">=", "cuda", "cuda>=13.0,,", "cuda>=-1",
                "cuda>=1e3", "brand>tesla", "cuda>=13.0 \x1b[2J", "cuda>=4294967296"]


@pytest.mark.parametrize("value", REQUIREMENTS, ids=range(len(REQUIREMENTS)))
def test_a_strange_requirement_is_refused(judge, value):
    judge("NVIDIA_VISIBLE_DEVICES=all", f"NVIDIA_REQUIRE_CUDA={value}")


@pytest.mark.parametrize("value", ["foo", "9.", ".5", "-9", "9.4294967296", "9\n0",
                                   "x" * (1 << 20)], ids=range(7))
def test_a_strange_cuda_version_is_refused(judge, value):
    judge(f"CUDA_VERSION={value}")


@pytest.mark.parametrize("remainder", ["../../x", "..", "0/../../../dev/sda", "%2e%2e", "x/y/z",
                                       "-1", "../nvidia-container-devices/../../0"])
def test_a_strange_volume_mount_names_no_path(judge, bundle, remainder):
    bundle.set_settings("accept-nvidia-visible-devices-as-volume-mounts = true\n")
    bundle.config["mounts"].append({"destination": PREFIX + remainder, "source": "/dev/null"})
    assert "unknown device" in judge("NVIDIA_VISIBLE_DEVICES=nonsense")


@pytest.mark.parametrize("source", ["/dev/zero", "/etc/passwd", "", "/dev/null/..", "dev/null"])
def test_a_volume_mount_of_something_else_gives_nothing(hand_made, bundle, source):
    bundle.set_settings("accept-nvidia-visible-devices-as-volume-mounts = true\n"
                        "accept-nvidia-visible-devices-envvar-when-unprivileged = false\n")
    bundle.config["mounts"].append({"destination": PREFIX + "all", "source": source})
    made = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=all"))
    before = made.mountinfo()
    done = made.hook()
    assert (done.returncode, done.stderr) == (0, "")
    assert made.mountinfo() == before


@pytest.mark.parametrize("name", ["NVIDIA_MIG_CONFIG_DEVICES", "NVIDIA_MIG_MONITOR_DEVICES"])
def test_mig_is_not_managed_by_who_asks_alone(judge, name):
    assert "needs a privileged container" in judge("NVIDIA_VISIBLE_DEVICES=all", f"{name}=all")


CHANNELS = ["../nvidiactl", "1048576", "-1", "0\n1", "channel", "channel0/../../sda", "x" * (1 << 20),
            "18446744073709551616", "\x1b[31m", "\xff", "0,*"]


@pytest.mark.parametrize("value", CHANNELS, ids=range(len(CHANNELS)))
def test_a_strange_imex_channel_is_refused(judge, value):
    assert "is no IMEX channel" in judge("NVIDIA_VISIBLE_DEVICES=0",
                                         f"NVIDIA_IMEX_CHANNELS={value}")


@pytest.mark.parametrize("remainder", ["imex/a/b", "imex/1048576", "imex/-1"])
def test_a_strange_volume_mount_names_no_imex_channel(judge, bundle, remainder):
    bundle.set_settings("accept-nvidia-visible-devices-as-volume-mounts = true\n")
    bundle.config["mounts"] += [{"destination": PREFIX + name, "source": "/dev/null"}
                                for name in ("0", remainder)]
    judge()


MIG_NAMES = ["0:99999999999999999999", "0:0:0", "0:-1", "MIG-GPU-/0/0", "MIG-" + "x" * 100_000,
             "GPU0-MIG0/../../0", "MIG-GPU-*/0/0", ":", "0:0\n", "MIG-\x1b[2J"]


@pytest.mark.parametrize("value", MIG_NAMES, ids=range(len(MIG_NAMES)))
def test_a_strange_mig_device_is_an_unknown_device(judge, value):
    assert "unknown device" in judge(f"NVIDIA_VISIBLE_DEVICES={value}")


def test_variables_without_an_equals_sign_are_passed_over(hand_made, bundle):
    bundle.config["process"]["env"] = ["", "=", "NVIDIA_VISIBLE_DEVICES", "=x", "PATH=/bin",
                                       "NVIDIA_REQUIRE_CUDA", "NVIDIA_VISIBLE_DEVICES_=9"]
    done = hand_made(bundle).hook()
    assert (done.returncode, done.stderr) == (0, "")


def test_a_huge_variable_name_is_cut(judge, bundle):
    judge("NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_REQUIRE_" + "\x01" * 2_500_000 + "=bad")
    assert len(bundle.logged()) < 10_000


def test_warnings_of_one_start_are_bounded(hand_made, bundle):
    bundle.config["annotations"] = {"cdi.k8s.io/" + "x" * 1000 + str(number): "other.com/dev=0"
                                    for number in range(5_000)}
    bundle.env("NVIDIA_VISIBLE_DEVICES=all")
    hand_made(bundle).hook()
    assert len(bundle.logged()) < 150_000
    assert "further warnings and notices are left out" in bundle.logged()


def test_a_hundred_thousand_variables_are_read(hand_made, bundle):
    bundle.env(*(f"VARIABLE{number}={number}" for number in range(100_000)),
               "NVIDIA_VISIBLE_DEVICES=0")
    made = hand_made(bundle)
    assert made.hook().returncode == 0
    assert "/dev/nvidia1" in made.mounts() and "/dev/nvidia0" not in made.mounts()


def test_bytes_outside_utf8_in_the_configuration_are_refused(hand_made, bundle):
    made = hand_made(bundle)
    text = (bundle.directory / "config.json").read_bytes()
    (bundle.directory / "config.json").write_bytes(text.replace(b"PATH=", b"\xff\xfePATH="))
    done = container.subprocess.run(
        [bundle.hook, f"--config={bundle.settings}", "prestart"], env={}, text=True,
        input=made.state(), capture_output=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "grapnel-hook: config.json: it is not valid JSON\n"


def test_two_containers_of_a_name_have_two_records(hand_made, make_bundle):
    one = make_bundle(name="one").env("NVIDIA_VISIBLE_DEVICES=all")
    two = make_bundle(name="two").env("NVIDIA_VISIBLE_DEVICES=all")
    before = container.listing(two.root)
    for bundle in (one, two):
        made = hand_made(bundle)
        assert made.hook(state=json.dumps({"id": bundle.name, "pid": made.pid,
                                           "bundle": str(bundle.directory)})).returncode == 0
        made.end()
    assert two.call_hook("poststop").returncode == 0
    assert container.listing(two.root) == before
