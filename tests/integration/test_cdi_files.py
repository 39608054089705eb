# SPDX-License-Identifier: Apache-2.0
"""`grapnel cdi list`, `validate` and `refresh`."""

import json
import pathlib
import subprocess

import make_driver
import nvidia_cdi
import pytest
import yaml

VERSION = make_driver.VERSION


@pytest.fixture
def cdi(hook, grapnel, tmp_path):
    """Runs a command on the files of a directory of the test."""
    def run(command, *words, code=0):
        return grapnel("cdi", command, f"--spec-dir={tmp_path}", *words, code=code)
    run.directory = tmp_path
    run.generate = lambda name, *words: grapnel("cdi", "generate", f"--output={tmp_path / name}",
                                                f"--hook-path={hook}", *words)
    run.generate_static = lambda name, *words: grapnel(
        "cdi", "generate", "--static", f"--output={tmp_path / name}",
        f"--nvidia-cdi-hook-path={hook}", *words)
    return run


@pytest.mark.parametrize("form, name", [
    ("generate", "a.json"), ("generate", "a.yaml"), ("generate_static", "a.json"),
    ("generate_static", "a.yaml")])
def test_written_file_is_valid(cdi, form, name):
    getattr(cdi, form)(name)
    state = "live" if form == "generate" else "static"
    assert cdi("validate").stdout == f"{cdi.directory / name}: valid ({state}, 5 devices)\n"


def test_list_names_each_device(cdi):
    cdi.generate("live.json")
    cdi.generate_static("static.yaml", "--vendor=example.org", "--device-id=0")
    rows = [line.split() for line in cdi("list").stdout.splitlines()]
    assert rows[0] == ["DEVICE", "STATE", "FILE"]
    assert ["nvidia.com/gpu=0", "live", str(cdi.directory / "live.json")] in rows
    assert ["example.org/gpu=all", "static", str(cdi.directory / "static.yaml")] in rows
    files = json.loads(cdi("list", "--json").stdout)["files"]
    assert [file["state"] for file in files] == ["live", "static"]
    assert "nvidia.com/gpu=all" in files[0]["devices"]


def test_nvidia_ctk_lists_names_alone(cdi, nvidia_ctk):
    cdi.generate("live.json")
    done = subprocess.run([nvidia_ctk, "cdi", "list", "--spec-dir", cdi.directory],
                          capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "nvidia.com/gpu=all"
    assert all("=" in line for line in done.stdout.splitlines())


def without_aliases(spec):
    """PyYAML names a list that stands twice, as nvidia-ctk does not."""
    return json.loads(json.dumps(spec))


def reasons(cdi):
    return json.loads(cdi("validate", "--json", code=1).stdout)["files"][0]["reasons"]


def test_stale_file_says_each_reason(cdi, hook):
    spec = nvidia_cdi.spec(hook)
    edits = spec["containerEdits"]
    edits["deviceNodes"] += [{"path": "/dev/nvidiactl", "major": 195, "minor": 7},
                             {"path": "/dev/nvidia77"}]
    edits["mounts"][0]["hostPath"] = "/opt/nvidia/lib64/libcuda.so.575.57.08"
    edits["hooks"][0]["path"] = "/opt/no-such-hook"
    spec["devices"].append({"name": "0:3", "containerEdits": {"env": ["A=B"]}})
    del spec["devices"][1]
    (cdi.directory / "nvidia.json").write_text(json.dumps(spec))
    assert set(reasons(cdi)) == {
        "it names the hook /opt/no-such-hook, which is not there",
        "it names /opt/nvidia/lib64/libcuda.so.575.57.08, which is not there",
        "it names /dev/nvidia77, which is not there",
        "it names /dev/nvidiactl as 195:7, and the kernel has another number",
        f"it names driver 575.57.08 (/opt/nvidia/lib64/libcuda.so.575.57.08), and {VERSION} is loaded",
        "it names device 0:3, which is gone", "it lacks GPU 1"}
    out = cdi("validate", code=1).stdout
    assert f"{cdi.directory / 'nvidia.json'}: stale: it lacks GPU 1\n" in out
    assert "'grapnel cdi generate --output=/etc/cdi/grapnel.json'" in out


def test_node_with_host_path_is_compared_there(cdi, hook):
    spec = nvidia_cdi.spec(hook)
    spec["containerEdits"]["deviceNodes"].append({"path": "/dev/inside", "hostPath": "/dev/null"})
    (cdi.directory / "nvidia.json").write_text(json.dumps(spec))
    assert "valid" in cdi("validate").stdout


def test_yaml_of_nvidia_ctk_is_read(cdi, hook):
    """As sigs.k8s.io/yaml writes: keys sorted, a list with the indentation of its key."""
    text = yaml.safe_dump(without_aliases(nvidia_cdi.spec(hook)), width=1000)
    assert "\n- containerEdits:" in text
    (cdi.directory / "nvidia.yaml").write_text("---\n" + text)
    assert cdi("validate").stdout == \
        f"{cdi.directory / 'nvidia.yaml'}: valid (static, 3 devices)\n"


@pytest.mark.parametrize("change, place, text", [
    (lambda spec: spec.update(kind="nvidia.com"), "kind", "VENDOR/CLASS"),
    (lambda spec: spec.update(cdiVersion="9.0.0"), "cdiVersion", "no version of CDI"),
    (lambda spec: spec.pop("devices"), "devices", "is missing"),
    (lambda spec: spec.update(cdiVersion="0.4.0", devices=spec["devices"][1:]), "devices[0].name",
     "needs cdiVersion 0.5.0"),
    (lambda spec: spec["devices"][0].update(name="-x"), "devices[0].name", "no name of a CDI device"),
    (lambda spec: spec["devices"][0].update(name="1"), "devices[1].name", "of two devices"),
    (lambda spec: spec["devices"][0].update(containerEdits={}), "devices[0].containerEdits",
     "brings nothing"),
    (lambda spec: spec["containerEdits"]["deviceNodes"][1].update(path="dev/x"),
     "containerEdits.deviceNodes[1].path", "not an absolute path"),
    (lambda spec: spec["containerEdits"]["deviceNodes"][0].update(permissions="rwx"),
     "containerEdits.deviceNodes[0].permissions", "r, w and m"),
    (lambda spec: spec["containerEdits"]["hooks"][0].update(hookName="createruntime"),
     "containerEdits.hooks[0].hookName", "no stage"),
    (lambda spec: spec["containerEdits"].update(additionalGids=[44]),
     "containerEdits.additionalGids", "needs cdiVersion 0.7.0"),
    (lambda spec: spec["containerEdits"]["env"].append("A"), "containerEdits.env[2]", "NAME=VALUE"),
    (lambda spec: spec.update(containeredits={}), "containeredits", "no field of that name")])
def test_mistake_of_form_has_its_place(cdi, hook, change, place, text):
    spec = nvidia_cdi.spec(hook)
    change(spec)
    (cdi.directory / "nvidia.json").write_text(json.dumps(spec))
    mistakes = json.loads(cdi("validate", "--json", code=1).stdout)["files"][0]["mistakes"]
    assert [one["place"] for one in mistakes] == [place] and text in mistakes[0]["text"]
    assert f"nvidia.json: malformed: {place}: " in cdi("validate", code=1).stdout


@pytest.mark.parametrize("name, content, text", [
    ("a.json", '{\n"kind": 1,\n,}', "line 3: "), ("a.yaml", "kind: *a\n", "line 1: "),
    ("a.yaml", "kind: a\n\tb: c\n", "line 2: found a tab"),
    ("a.yaml", "a: 'b\n", "quoted scalar from line 1"),
    ("a.yaml", "[" * 100, "nest deeper than 32"), ("a.yaml", "a: b\na: c\n", "stands twice"),
    ("a.json", "", "no object")])
def test_text_that_is_no_file_is_malformed(cdi, name, content, text):
    (cdi.directory / name).write_text(content)
    out = cdi("validate", code=1).stdout
    assert f"{name}: malformed: " in out and text in out


def test_refresh_writes_only_what_changed(cdi):
    cdi.generate("live.json")
    cdi.generate_static("static.yaml", "--vendor=example.org", "--device-name-strategy=index")
    foreign = cdi.directory / "foreign.json"
    foreign.write_text(json.dumps({"cdiVersion": "0.5.0", "kind": "a.b/c", "devices": []}))
    before = {path: path.stat().st_ino for path in cdi.directory.glob("*.*")}
    assert cdi("refresh").stdout == ""
    static, live = cdi.directory / "static.yaml", cdi.directory / "live.json"
    texts = {path: path.read_text() for path in (static, live)}
    static.write_text(texts[static].replace(VERSION, "575.57.08"))
    live.write_text(texts[live].replace('"name": "1"', '"name": "7"'))
    assert "run 'grapnel cdi refresh'" in cdi("validate", str(static), str(live), code=1).stdout
    assert set(cdi("refresh").stdout.splitlines()) == {f"changed {static}", f"changed {live}"}
    assert texts == {path: path.read_text() for path in (static, live)}
    assert foreign.stat().st_ino == before[foreign]
    assert cdi("refresh", str(foreign), code=1).stderr.count("was not written by") == 1


def test_options_in_a_file_write_no_other(cdi):
    """Whoever changes a file's options changes that file alone."""
    cdi.generate("live.json")
    live = cdi.directory / "live.json"
    other = cdi.directory / "other.json"
    live.write_text(live.read_text().replace('[\\"--live\\"', f'[\\"--live\\",\\"--output={other}\\"'))
    cdi("refresh")
    assert not other.exists()
    live.write_text(live.read_text().replace('[\\"--live\\"', '[\\"--help\\"'))
    assert "are not those of 'generate'" in cdi("refresh", code=1).stderr


def test_refresh_makes_nodes(cdi):
    node = pathlib.Path("/dev/nvidia-uvm")
    number = node.stat().st_rdev
    node.unlink()
    assert cdi("refresh", "--nodes").stdout == f"made {node}\n"
    assert node.stat().st_rdev == number
    assert cdi("refresh", "--nodes").stdout == ""


def test_refresh_without_gpu_and_driver_changes_nothing(cdi, grapnel):
    """A machine image with the driver, on a machine without a GPU."""
    cdi.generate_static("static.json")
    static = cdi.directory / "static.json"
    static.write_text(static.read_text().replace(VERSION, "575.57.08"))
    text = static.read_text()
    script = ("mount -t tmpfs tmpfs /proc/driver/nvidia; mount -t tmpfs tmpfs /sys/bus/pci/devices; "
              f"exec {grapnel.program} cdi refresh --spec-dir={cdi.directory}")
    done = subprocess.run(["unshare", "--mount", "sh", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "nothing to refresh: this host has neither a GPU nor a driver of NVIDIA's\n"
    assert static.read_text() == text


def test_roots_of_a_file_are_transformed(nvidia_ctk, cdi, hook):
    spec = nvidia_cdi.spec(hook)
    source = cdi.directory / "a.yaml"
    source.write_text(yaml.safe_dump(without_aliases(spec), width=1000))

    def transform(*words):
        done = subprocess.run([nvidia_ctk, "cdi", "transform", "root", f"--input={source}", *words],
                              capture_output=True, text=True, check=True)
        return yaml.safe_load(done.stdout)["containerEdits"]
    on_host = transform("--from=/opt/nvidia", "--to=/host/nvidia/")
    assert on_host["mounts"][0]["hostPath"].startswith("/host/nvidia/lib64/")
    assert on_host["mounts"][0]["containerPath"] == spec["containerEdits"]["mounts"][0]["containerPath"]
    assert on_host["deviceNodes"][0] == {"path": "/dev/nvidiactl", "hostPath": "/dev/nvidiactl"}
    inside = transform("--from=/opt/nvidi", "--to=/x", "--relative-to=container")
    assert inside == spec["containerEdits"]
    inside = transform("--from=/opt/nvidia", "--to=/x", "--relative-to=container")
    assert inside["mounts"][0]["containerPath"].startswith("/x/lib64/")
    assert inside["hooks"][0]["args"][3].split("::")[1].startswith("/x/lib64/")


@pytest.mark.parametrize("words, line", [
    (["list", "--output=/x"], "--output is not for list"), (["list", "x"], "one word too many"),
    (["generate", "--json"], "--json is not for generate"),
    (["validate", "--nodes"], "--nodes is not for validate"),
    (["validat"], "did you mean 'validate'?")])
def test_mistake_in_a_command_on_files(grapnel, words, line):
    done = grapnel("cdi", *words, code=2)
    assert line in done.stderr and done.stderr.count("\n") == 1
