# SPDX-License-Identifier: Apache-2.0
"""grapnel under the name nvidia-ctk."""

import json
import os
import pathlib
import subprocess

import pytest


@pytest.fixture
def call(nvidia_ctk):
    def run(*words, code=0, **variables):
        done = subprocess.run([nvidia_ctk, *map(str, words)], capture_output=True, text=True,
                              env={**os.environ, **variables}, check=False)
        assert done.returncode == code, done.stderr
        return done
    return run


def test_nvidia_ctk_configures_docker(call, runtime, tmp_path):
    file = tmp_path / "daemon.json"
    call("--quiet", "runtime", "configure", "--runtime=docker", f"--config={file}",
         f"--nvidia-runtime-path={runtime}", "--nvidia-set-as-default", "--cdi.enabled=true")
    settings = json.loads(file.read_text())
    assert settings["runtimes"]["nvidia"]["path"] == str(runtime)
    assert settings["default-runtime"] == "nvidia" and settings["features"]["cdi"] is True


def test_flag_that_is_false_has_no_effect(call, runtime, tmp_path):
    file = tmp_path / "daemon.json"
    call("runtime", "configure", f"--config={file}", "-cdi.enabled=false", "-set-as-default=0",
         f"--nvidia-runtime-path={runtime}")
    settings = json.loads(file.read_text())
    assert "features" not in settings and "default-runtime" not in settings


def test_name_of_the_runtime_is_grapnels(call, tmp_path):
    """nvidia-ctk looks a name without a directory up in PATH."""
    file = tmp_path / "daemon.json"
    done = call("runtime", "configure", f"--config={file}", "--dry-run",
                "--nvidia-runtime-path=nvidia-container-runtime", code=1)
    assert "/bin/grapnel-runtime: install it" in done.stderr


def test_nvidia_ctk_configures_containerd(call, runtime, tmp_path):
    file, drop_in = tmp_path / "config.toml", tmp_path / "conf.d/99-nvidia.toml"
    file.write_text("version = 2\n")
    call("runtime", "configure", "--runtime=containerd", f"--config={file}",
         f"--drop-in-config={drop_in}", "--cdi.enabled", "--config-source=file",
         f"--nvidia-runtime-path={runtime}")
    assert "enable_cdi = true" in drop_in.read_text()
    assert str(tmp_path / "conf.d") in file.read_text()


@pytest.mark.parametrize("source", ["file", "command"])
def test_empty_drop_in_is_the_engines(call, runtime, tmp_path, source):
    file = tmp_path / "config.toml"
    file.write_text("version = 2\n")
    done = call("runtime", "configure", "--runtime=containerd", f"--config={file}", "--drop-in-config=",
                f"--config-source={source}", f"--nvidia-runtime-path={runtime}", "--dry-run")
    assert "/etc/containerd/conf.d/99-grapnel.toml" in done.stdout


def test_nvidia_ctk_changes_settings(call, tmp_path):
    file = tmp_path / "config.toml"
    file.write_text('disable-require = false\n[nvidia-container-runtime]\nmode = "auto"\n')
    words = ("config", f"--config-file={file}", "--set", "nvidia-container-runtime.mode=legacy",
             "--set=disable-require", "--set", "nvidia-container-runtime.runtimes=crun:runc")
    changed = call(*words).stdout
    assert 'mode = "legacy"' in changed and "disable-require = true" in changed
    assert '"crun", "runc"' in changed
    assert 'mode = "auto"' in file.read_text()
    call(*words, "--in-place")
    assert file.read_text() == changed
    other = tmp_path / "other.toml"
    call("config", "-c", file, "--set=disable-require=false", "-o", other)
    assert "disable-require = false" in other.read_text() and file.read_text() == changed


@pytest.mark.parametrize("setting, line", [
    ("nvidia-container-cli.debug=/var/log/a.log", 'log = "/var/log/a.log"'),
    ("nvidia-container-cli.no-cgroups=1", "no-cgroups = true"),
    ("disable-require=F", "disable-require = false")])
def test_setting_is_taken_as_nvidia_ctk_takes_it(call, tmp_path, setting, line):
    file = tmp_path / "config.toml"
    file.write_text("")
    assert line in call("config", f"--config-file={file}", "--set", setting).stdout.splitlines()


def test_separator_of_a_list(call, tmp_path):
    file = tmp_path / "config.toml"
    file.write_text("")
    set_list = ("config", f"--config-file={file}", "--set", "nvidia-container-runtime.runtimes=/a:b;;crun")
    assert 'runtimes = ["/a:b", "crun"]' in call(*set_list, "--set-list-separator=;;").stdout
    assert "has no value" in call("config", "-c", file, "--set=nvidia-container-runtime.runtimes", code=2).stderr
    assert "has no value" in call("config", "-c", file, "--set=nvidia-container-cli.root", code=2).stderr


def test_setting_without_effect_is_a_line(call, tmp_path):
    file = tmp_path / "config.toml"
    file.write_text("disable-require = true\n")
    words = ("config", f"--config-file={file}", "--in-place=true", "--set")
    done = call(*words, "nvidia-container-runtime.log-level=debug")
    assert done.stderr == "grapnel: nvidia-container-runtime.log-level has no effect in Grapnel: it is " \
        "not written\n"
    assert file.read_text() == "disable-require = true\n"
    assert "unknown key 'no-such-key'" in call(*words, "no-such-key=1", code=1).stderr


def test_nvidia_ctk_prints_settings(call):
    assert "nvidia-container-runtime.mode" in call("config").stdout
    assert call("config", "default").stdout == call("config", "generate-default").stdout != ""


def test_nvidia_ctk_writes_default_settings(call, tmp_path):
    file = tmp_path / "config.toml"
    assert call("config", "default", f"--output={file}").stdout == ""
    assert file.read_text() == call("config", "default").stdout
    assert "one word too many" in call("config", "default", "more", code=2).stderr
    assert "unknown option '--nonsense'" in call("config", "default", "--nonsense", code=2).stderr


def test_nvidia_ctk_makes_nodes(call):
    node = pathlib.Path("/dev/nvidia-uvm")
    number = node.stat().st_rdev
    node.unlink()
    dry = call("system", "create-device-nodes", "--control-devices", "--dry-run").stdout
    assert dry == f"missing {node}\n" and not node.exists()
    assert call("system", "create-device-nodes", "--control-devices", "--driver-root=/").stdout == \
        f"made {node}\n"
    assert node.stat().st_rdev == number


def test_nvidia_ctk_links_nodes_by_number(call):
    link = pathlib.Path("/dev/char/195:255")
    link.unlink(missing_ok=True)
    call("system", "create-dev-char-symlinks", "--create-all")
    assert link.resolve() == pathlib.Path("/dev/nvidiactl")


def test_links_of_another_directory(call, tmp_path):
    """As where the host's /dev/char is mounted in a container."""
    directory = tmp_path / "host-dev-char"
    call("system", "create-dev-char-symlinks", "--create-all", DEV_CHAR_PATH=str(directory))
    assert os.readlink(directory / "195:255") == "/dev/nvidiactl"
    assert os.readlink(directory / "195:0") == "/dev/nvidia0"


def test_variables_are_options_of_nodes(call):
    node = pathlib.Path("/dev/nvidia-uvm")
    node.unlink()
    for command in ("create-device-nodes", "create-dev-char-symlinks"):
        assert call("system", command, DRY_RUN="true").stdout == f"missing {node}\n"
    assert call("system", "create-device-nodes", DRY_RUN="false").stdout == f"made {node}\n"
    assert "DIR" not in call("system", "create-device-nodes", "--root=/", ROOT="DIR").stderr
    assert "open 'a/../..'" in call("system", "create-device-nodes", ROOT="a/../..", code=1).stderr


def test_nvidia_ctk_prints_its_names(call):
    assert call("--version").stdout.startswith("nvidia-ctk version 1.")
    assert "cdi generate" in call("--help").stdout == call().stdout
    assert "Driver" in call("info").stdout or "driver" in call("info").stdout


@pytest.mark.parametrize("words, line", [
    (["system", "create-device-node"], "did you mean 'system create-device-nodes'?"),
    (["runtime", "list"], "unknown command 'runtime list'"), (["systm"], "did you mean 'system'?"),
    (["--debug=x", "info"], "'--debug': 'x' is neither true nor false"),
    (["runtime", "configure", "--config-mode=oci-hook"], "grapnel configure podman"),
    (["runtime", "configure", "--config-mode=hook"], "grapnel configure podman"),
    (["runtime", "configure", "--config-source=comand"], "did you mean 'command'?"),
    (["runtime", "configure", "--drop-in-config=/x.toml"], "not for docker"),
    (["config", "--set-list-separator="], "--set-list-separator is empty"),
    (["runtime", "configure", "--runtime=lxc"], "lxc"),
    (["runtime", "configure", "--cdi.enabled=maybe"], "'maybe' is neither true nor false"),
    (["runtime", "configure", "--nvidia-runtime-path=x"], "write the whole path"),
    (["system", "create-dev-char-symlinks", "--dev-char-path=a/../.."], "--dev-char-path: "),
    (["config", "more"], "one word too many: 'more'")])
def test_mistakes_of_nvidia_ctk(call, words, line):
    done = call(*words, code=2)
    assert line in done.stderr and done.stderr.count("\n") == 1 and done.stdout == ""


@pytest.mark.parametrize("words", [
    ("runtime", "--help"), ("system", "-h"), ("config", "help"), ("cdi", "--help"), ("cdi",), ("runtime",),
    ("system",), ("cdi", "transform"), ("cdi", "transform", "--help")], ids=" ".join)
def test_command_with_commands_answers_help(call, words):
    assert call(*words).stdout.startswith("usage: nvidia-ctk ")
