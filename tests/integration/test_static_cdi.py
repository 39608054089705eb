# SPDX-License-Identifier: Apache-2.0
"""CDI files of `grapnel cdi generate --static`: every node and library by its path."""

import json
import pathlib
import subprocess

import container
import make_driver
import nvidia_cdi
import pytest
import yaml
from cdi_files import hooks  # noqa: F401
from test_podman import CUDA, NODES, gpus_of, podman, rootless  # noqa: F401

FOLDER = "/usr/lib64"
DIRECTORY = pathlib.Path("/run/cdi")
LOADED = [f"load:{name}.so.{suffix or make_driver.VERSION}"
          for name, suffix in make_driver.LIBRARIES.items()]
QUERIES = [*NODES, "list:/dev", "list:/dev/dri", "list:/dev/dri/by-path", *LOADED,
           "text:/proc/driver/nvidia/version", "stat:/usr/bin/nvidia-smi",
           "text:/etc/nvidia/nvidia-application-profiles-rc.d/10-container.conf",
           *(f"stat:/usr/share/{name}" for name in make_driver.ICD)]
# It names its library by the place on the host: a static file cannot show another text.
BEYOND = "stat:/usr/share/vulkan/implicit_layer.d/nvidia_layers.json"


@pytest.fixture(scope="module")
def files(grapnel, reachable_hook):
    """A live file, and a static one of another kind."""
    made = {"live": DIRECTORY / "live.json", "static": DIRECTORY / "static.yaml"}
    grapnel("cdi", "generate", f"--output={made['live']}", f"--hook-path={reachable_hook}")
    grapnel("cdi", "generate", "--static", "--vendor=static.example", f"--output={made['static']}",
            f"--nvidia-cdi-hook-path={reachable_hook}")
    yield made
    for file in made.values():
        file.unlink()


def places(result):
    """Of a library the directory does not count: a static file cannot know the image's."""
    seen = {query: result[query] for query in QUERIES if query != BEYOND}
    return {query: pathlib.Path(value.split()[0]).name if query.startswith("load:") else value
            for query, value in seen.items()}


def assert_the_same(podman, device):
    static = podman.run(f"--device=static.example/gpu={device}", ask=[*QUERIES, CUDA])
    live = podman.run(f"--device=nvidia.com/gpu={device}", ask=[*QUERIES, CUDA])
    assert gpus_of(static) == gpus_of(live) != set()
    assert places(static) == places(live)
    assert static[CUDA] == f"{FOLDER}/libcuda.so.{make_driver.VERSION} libcuda"


@pytest.mark.parametrize("device", ["0", "all"])
def test_static_file_gives_what_live_gives(files, podman, device):
    assert_the_same(podman, device)


def test_static_file_serves_rootless_podman(files, rootless):
    assert_the_same(rootless, "1")


def test_other_gpu_is_denied_with_static_file(files, podman):
    made = [f"make:c:195:{make_driver.minor(index, 2)}" for index in range(2)]
    result = podman.run("--device=static.example/gpu=0", "--cap-add", "MKNOD", ask=made)
    assert [result[query] for query in made] == ["ENXIO", "EPERM"]


def generate(program, *words, code=0):
    done = subprocess.run([program, "cdi", "generate", *map(str, words)], capture_output=True,
                          text=True, check=False)
    assert done.returncode == code, done.stderr
    return done.stdout if code == 0 else done.stderr


def test_static_file_serves_a_container(engine, bundle, hook, nvidia_ctk):
    made = json.loads(generate(nvidia_ctk, "--format=json", f"--nvidia-cdi-hook-path={hook}"))
    bundle.config["hooks"] = {}
    nvidia_cdi.apply_to(bundle.config, made, make_driver.uuid(0))
    result = engine(bundle, *NODES, CUDA, "stat:/usr/bin/nvidia-smi")
    assert gpus_of(result) == {0}
    assert result[CUDA] == f"{FOLDER}/libcuda.so.{make_driver.VERSION} libcuda"
    assert result["stat:/usr/bin/nvidia-smi"] != "ENOENT"


def test_static_file_has_nvidias_form(nvidia_ctk, grapnel):
    made = json.loads(generate(nvidia_ctk, "--format", "json"))
    assert (made["cdiVersion"], made["kind"]) == ("0.5.0", "nvidia.com/gpu")
    assert [one["name"] for one in made["devices"]] == [
        "0", make_driver.uuid(0), "1", make_driver.uuid(1), "all"]
    edits = made["containerEdits"]
    assert {"path": "/dev/nvidiactl", "permissions": "rw"} in edits["deviceNodes"]
    assert edits["env"] == ["NVIDIA_VISIBLE_DEVICES=void", f"NVIDIA_CTK_LIBCUDA_DIR={FOLDER}"]
    assert {hook["args"][1] for hook in edits["hooks"]} == {
        "create-symlinks", "enable-cuda-compat", "update-ldcache", "disable-device-node-modification",
        "update-application-profile"}
    assert all(hook["env"][0] == "NVIDIA_CTK_DEBUG=false" for hook in edits["hooks"])
    assert json.loads(generate(grapnel.program, "--static", "--format=json")) == made


def test_yaml_and_json_are_the_same(nvidia_ctk):
    text = generate(nvidia_ctk)
    assert text.startswith('---\ncdiVersion: "0.5.0"\nkind: "nvidia.com/gpu"\ndevices:\n')
    made = json.loads(generate(nvidia_ctk, "-format=json").replace("--format=json", ""))
    made["containerEdits"]["hooks"][0]["env"].pop()
    from_yaml = yaml.safe_load(text)
    from_yaml["containerEdits"]["hooks"][0]["env"].pop()
    assert from_yaml == made


def test_options_of_static_file(nvidia_ctk):
    made = json.loads(generate(
        nvidia_ctk, "--format=json", "--vendor=example.org", "--class=accelerator",
        "--device-name-strategy=type-index", "--device-id=1", "--disable-hook=update-ldcache",
        "--nvidia-ctk-path=/opt/bin/nvidia-ctk", "--ldconfig-path=/sbin/ldconfig"))
    assert (made["cdiVersion"], made["kind"]) == ("0.3.0", "example.org/accelerator")
    assert [one["name"] for one in made["devices"]] == ["gpu1", "all"]
    assert made["devices"][0]["containerEdits"] == made["devices"][1]["containerEdits"]
    hooks = made["containerEdits"]["hooks"]
    assert {hook["path"] for hook in hooks} == {"/opt/bin/nvidia-ctk"}
    assert all(hook["args"][:2] == ["nvidia-ctk", "hook"] for hook in hooks)
    assert "update-ldcache" not in {hook["args"][2] for hook in hooks}


@pytest.mark.parametrize("words", [
    ["--discovery-mode=NVML", "--cdi-vendor=example.org", "--cdi-class=accelerator", "--devices=1",
     "--disable-hooks=update-ldcache", "--feature-flags=disable-ipc-discoverer",
     "--no-all-device=true", "--format=JSON", "--output="]], ids=" ".join)
def test_synonyms_of_nvidia_ctk(nvidia_ctk, words):
    made = json.loads(generate(nvidia_ctk, *words))
    assert made["kind"] == "example.org/accelerator"
    assert [one["name"] for one in made["devices"]] == ["1", make_driver.uuid(1)]
    assert "update-ldcache" not in {hook["args"][1] for hook in made["containerEdits"]["hooks"]}


def test_hook_named_nvidia_ctk_has_its_words(nvidia_ctk):
    made = json.loads(generate(nvidia_ctk, "--format=json", "--nvidia-cdi-hook-path=/opt/nvidia-ctk"))
    assert {tuple(hook["args"][:2]) for hook in made["containerEdits"]["hooks"]} == {("nvidia-ctk", "hook")}
    made = json.loads(generate(nvidia_ctk, "--format=json", "--nvidia-cdi-hook-path=nvidia-cdi-hook"))
    assert all(hook["path"].startswith("/") and hook["args"][0] == "nvidia-cdi-hook"
               for hook in made["containerEdits"]["hooks"])


def test_variables_are_options_of_generate(nvidia_ctk, tmp_path, monkeypatch):
    """As /etc/nvidia-container-toolkit/nvidia-cdi-refresh.env sets them."""
    file = tmp_path / "made.json"
    for name, value in {"OUTPUT_FILE_PATH": file, "GENERATE_VENDOR": "example.org",
                        "GENERATE_DEVICE_IDS": "0", "GENERATE_NO_ALL_DEVICE": "true",
                        "GENERATE_DEVICE_NAME_STRATEGIES": "uuid"}.items():
        monkeypatch.setenv(f"NVIDIA_CTK_CDI_{name}", str(value))
    generate(nvidia_ctk)
    made = json.loads(file.read_text())
    assert made["kind"] == "example.org/gpu"
    assert [one["name"] for one in made["devices"]] == [make_driver.uuid(0)]
    generate(nvidia_ctk, "--device-name-strategy=index", "--device=1", "--cdi-vendor=nvidia.com")
    made = json.loads(file.read_text())
    assert made["kind"] == "nvidia.com/gpu" and [one["name"] for one in made["devices"]] == ["1"]
    monkeypatch.setenv("NVIDIA_CTK_CDI_SPEC_DIRS", f"/nowhere,{tmp_path}")
    listed = subprocess.run([nvidia_ctk, "cdi", "list"], capture_output=True, text=True, check=True)
    assert listed.stdout == "nvidia.com/gpu=1\n"


def test_settings_file_of_nvidia_ctk(nvidia_ctk, tmp_path):
    settings = tmp_path / "config.toml"
    settings.write_text('nvidia-container-cli.root = "/no-such-root"\n')
    done = subprocess.run([nvidia_ctk, f"--config={settings}", "cdi", "generate"], capture_output=True,
                          text=True, check=False)
    assert done.returncode == 1 and "/no-such-root" in done.stderr
    assert "/no-such-root" in subprocess.run([nvidia_ctk, f"--config={settings}", "config"],
                                             capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("word", ["1", make_driver.uuid(1), "gpu1"])
def test_chosen_device_keeps_each_of_its_names(nvidia_ctk, grapnel, word):
    made = json.loads(generate(nvidia_ctk, "--format=json", f"--device-id={word}"))
    names = {one["name"]: one["containerEdits"]["deviceNodes"] for one in made["devices"]}
    assert list(names) == ["1", make_driver.uuid(1), "all"]
    assert names["1"] == names[make_driver.uuid(1)] == names["all"]
    live = json.loads(generate(grapnel.program, f"--device-id={word}"))
    assert [one["name"] for one in live["devices"]] == list(names)
    hooks = live["devices"][-1]["containerEdits"]["hooks"]
    asked = "1" if word == "gpu1" else word
    assert [hook["args"][1] for hook in hooks] == [f"--cdi-device=nvidia.com/gpu={asked}"]


def test_a_live_files_all_is_the_chosen_devices(grapnel, reachable_hook, podman):
    file = DIRECTORY / "chosen.json"
    grapnel("cdi", "generate", "--vendor=chosen.example", "--device-id=1", f"--output={file}",
            f"--hook-path={reachable_hook}")
    try:
        result = podman.run("--device=chosen.example/gpu=all", ask=NODES)
        assert gpus_of(result) == {1}
    finally:
        file.unlink()


@pytest.mark.parametrize("name, expected", [
    ("a.json", "a.json"), ("a.yaml", "a.yaml"), ("a", "a.yaml")])
def test_ending_of_a_static_file(nvidia_ctk, tmp_path, name, expected):
    generate(nvidia_ctk, "--output", tmp_path / name)
    text = (tmp_path / expected).read_text()
    assert text.startswith("{" if expected.endswith("json") else "---")
    assert [path.name for path in tmp_path.iterdir() if path.name != "nvidia-ctk"] == [expected]


def hooks_of(made):
    """By name: of the devices as well."""
    edits = [made["containerEdits"], *(one["containerEdits"] for one in made["devices"])]
    return {hook["args"][1] for one in edits for hook in one.get("hooks", [])}


@pytest.mark.parametrize("words, hooks", [
    (["--disable-hook=all"], set()),
    (["--disable-hook=all", "--enable-hook=update-ldcache,enable-cuda-compat"],
     {"update-ldcache", "enable-cuda-compat"}),
    (["--disable-hooks=create-symlinks,update-ldcache,enable-cuda-compat", "--enable-hook=update-ldcache"],
     {"update-ldcache", "disable-device-node-modification", "update-application-profile"})], ids=" ".join)
def test_enabled_hook_stays(nvidia_ctk, words, hooks):
    assert hooks_of(json.loads(generate(nvidia_ctk, "--format=json", *words))) == hooks


@pytest.mark.parametrize("option", ["--nvidia-ctk-path", "--nvidia-cdi-hook-path"])
def test_words_of_hooks_follow_the_program(nvidia_ctk, option):
    made = json.loads(generate(nvidia_ctk, "--format=json", f"{option}=/opt/bin/nvidia-cdi-hook"))
    assert {(hook["path"], hook["args"][0]) for hook in made["containerEdits"]["hooks"]} == {
        ("/opt/bin/nvidia-cdi-hook", "nvidia-cdi-hook")}


def test_lists_of_a_jetson_by_option(nvidia_ctk, tmp_path):
    for name in ("libcuda.so.1.1", "libnvmm.so"):
        (tmp_path / name).touch()
    for name in ("libcuda.so", "libskipped.so"):
        (tmp_path / name).symlink_to("libcuda.so.1.1")
    files = [tmp_path / "drivers.csv", tmp_path / "links.csv"]
    files[0].write_text(f"lib, {tmp_path}/libcuda.so.1.1\nlib, {tmp_path}/libnvmm.so\ndev, /dev/null\n")
    files[1].write_text(f"sym, {tmp_path}/libcuda.so\nsym, {tmp_path}/libskipped.so\n")
    made = json.loads(generate(nvidia_ctk, "--format=json", "--mode=csv", f"--csv.file={files[0]},{files[1]}",
                               "--csv.ignore-pattern=**/libskipped*"))
    edits = made["containerEdits"]
    assert {mount["hostPath"] for mount in edits["mounts"]} == {
        f"{tmp_path}/libcuda.so.1.1", f"{tmp_path}/libnvmm.so"}
    links = [word for hook in edits["hooks"] if "create-symlinks" in hook["args"] for word in hook["args"]]
    assert f"libcuda.so.1.1::{tmp_path}/libcuda.so" in links
    assert not [word for word in links if "libskipped" in word]


def test_device_none_is_the_driver_alone(nvidia_ctk, podman, reachable_hook):
    file = DIRECTORY / "none.json"
    for words in (("--static", f"--nvidia-cdi-hook-path={reachable_hook}"),
                  ("--live", f"--hook-path={reachable_hook}")):
        generate(nvidia_ctk, *words, "--vendor=none.example", "--device-id=none", "--output", file)
        try:
            assert [one["name"] for one in json.loads(file.read_text())["devices"]] == ["none"]
            result = podman.run("--device=none.example/gpu=none", ask=[*NODES, CUDA])
            assert gpus_of(result) == set() and result[CUDA].endswith(" libcuda")
        finally:
            file.unlink()


@pytest.mark.parametrize("words, line", [
    (["--format=xml"], "unknown format 'xml'"), (["--mode=gdss"], "did you mean 'gds'?"),
    *((words, "is not of the form VENDOR/CLASS")
      for words in (["--vendor=a/b"], ["--class=gpu."], ["--vendor=0x.org"], ["--vendor=\x1b[2Jx"])),
    (["--live", "--driver-root=/x"], "--driver-root is not for a live file"),
    (["--hook-path=/x"], "--hook-path is for a live file"),
    (["--disable-hook=update-ldcahe"], "did you mean 'update-ldcache'?"),
    (["--enable-hook=all"], "unknown hook 'all'"), (["--feature-flag=x"], "unknown feature flag 'x'"),
    (["--live", "--csv.file=/x"], "--csv.file is not for a live file"),
    (["--live", "--config=/x"], "--config is not for a live file"),
    (["--csv.compat-container-root=x"], "--csv.compat-container-root")])
def test_mistakes_in_options_of_static_file(nvidia_ctk, words, line):
    err = generate(nvidia_ctk, *words, code=2)
    assert line in err and err.count("\n") == 1 and "\x1b" not in err


def test_device_that_is_missing_is_refused(nvidia_ctk):
    assert "this host has no device 7" in generate(nvidia_ctk, "--device-id=7", code=1)


def on_special_host(special_driver, program, *words):
    """The words in a host of its own with MIG, IMEX channels and device groups."""
    done = subprocess.run([container.SUPPORT / "simulated-host", special_driver, program, "cdi",
                           "generate", "--static", "--format=json", *words],
                          capture_output=True, text=True, check=True)
    made = json.loads(done.stdout)
    return made["kind"], {one["name"]: [node["path"] for node in
                                        one["containerEdits"].get("deviceNodes", [])]
                          for one in made["devices"]}


@pytest.mark.parametrize("mode, kind, node", [
    ("gds", "nvidia.com/gds", "/dev/nvidia-fs"), ("mofed", "nvidia.com/mofed", "/dev/infiniband/"),
    ("gdrcopy", "nvidia.com/gdrcopy", "/dev/gdrdrv"),
    ("nvswitch", "nvidia.com/nvswitch", "/dev/nvidia-nvswitch")])
def test_device_group_has_a_class(special_driver, grapnel, mode, kind, node):
    made, devices = on_special_host(special_driver, grapnel.program, f"--mode={mode}")
    assert made == kind and set(devices) == {"all"}
    assert devices["all"] and all(path.startswith(node) for path in devices["all"])


def test_imex_channels_have_a_class(special_driver, grapnel):
    kind, devices = on_special_host(special_driver, grapnel.program, "--mode=imex")
    assert kind == "nvidia.com/imex-channel" and len(devices) > 1
    directory = "/dev/nvidia-caps-imex-channels"
    for name in set(devices) - {"all"}:
        assert devices[name] == [f"{directory}/channel{name}"]
    assert set(devices["all"]) == {f"{directory}/channel{name}" for name in set(devices) - {"all"}}


def test_management_has_every_node(special_driver, grapnel):
    kind, devices = on_special_host(special_driver, grapnel.program, "--mode=management")
    assert kind == "management.nvidia.com/gpu" and set(devices) == {"all"}
    assert "/dev/nvidia0" in devices["all"]
    assert any(path.startswith("/dev/nvidia-caps/") for path in devices["all"])


def test_mig_devices_of_static_file(special_driver, grapnel):
    _, devices = on_special_host(special_driver, grapnel.program, "--device-name-strategy=index")
    mig = {name: nodes for name, nodes in devices.items() if ":" in name}
    assert mig
    for nodes in mig.values():
        assert len([path for path in nodes if path.startswith("/dev/nvidia-caps/")]) == 2
