# SPDX-License-Identifier: Apache-2.0
"""doc/kubernetes.md and the manifests beside it: they fit together, and the settings do what the
page says."""

import json
import pathlib
import re
import subprocess
import tomllib

import kubernetes_page as page
import make_driver
import pytest

NAMES = sorted(path.name for path in page.MANIFESTS.iterdir())
ENGINES = [page.CONTAINERD_1, page.CONTAINERD_2, page.CRIO]
DEVICES = "/var/run/nvidia-container-devices"


def manifests(kind=None):
    documents = [page.manifest(name) for name in NAMES]
    return [document for document in documents if kind in (None, document["kind"])]


def pods():
    return [pod for pod in map(page.pod_of, manifests()) if pod]


@pytest.mark.parametrize("name", NAMES)
def test_a_manifest_names_what_it_is(name):
    document = page.manifest(name)
    known = {"RuntimeClass": "node.k8s.io/v1", "Pod": "v1", "DaemonSet": "apps/v1"}
    assert document["apiVersion"] == known[document["kind"]]
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", document["metadata"]["name"])


def test_the_page_names_its_manifests_alone():
    assert sorted(set(re.findall(r"\(kubernetes/([^)]+)\)", page.text()))) == NAMES
    assert set(re.findall(r"doc/kubernetes/(\S+)", page.text())) <= set(NAMES)


def test_links_of_the_page_lead_somewhere():
    for link in re.findall(r"\]\(([^)#]+)\)", page.text()):
        assert (page.PAGE.parent / link).exists(), link


def test_all_toml_of_the_page_is_known():
    assert sorted(page.blocks()) == sorted([*ENGINES, page.ONLY_THE_PLUGIN, page.DRIVER_CONTAINER])
    for block in page.blocks().values():
        tomllib.loads(block)


@pytest.mark.parametrize("engine", ENGINES)
def test_each_engine_has_the_classs_handler(engine, programs):
    one, = manifests("RuntimeClass")
    program = pathlib.Path(page.runtimes(engine)[one["handler"]])
    assert (programs / program.name).resolve().name == "grapnel-runtime"
    assert program.parent == pathlib.Path("/usr/bin")


@pytest.mark.parametrize("engine", [page.CONTAINERD_1, page.CONTAINERD_2])
def test_containerds_runtimes_differ_in_program_alone(engine):
    tables = [table for _, table in sorted(page.containerd_runtimes(engine).items())]
    assert tables[0]["options"].pop("BinaryName")
    assert tables[0] == tables[1]


def test_containerd_reads_the_documented_configuration(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text(page.blocks()[page.CONTAINERD_1])
    dump = subprocess.run(["containerd", "--config", file, "config", "dump"], check=True,
                          capture_output=True, text=True).stdout
    runtimes = tomllib.loads(dump)["plugins"]["io.containerd.grpc.v1.cri"]["containerd"]["runtimes"]
    assert runtimes["nvidia"]["options"] == page.containerd_runtimes(page.CONTAINERD_1)["nvidia"]["options"]
    assert runtimes["nvidia"]["runtime_type"] == "io.containerd.runc.v2"
    assert "runc" in runtimes


def test_pods_name_a_runtime_class_that_there_is():
    classes = {one["metadata"]["name"] for one in manifests("RuntimeClass")}
    assert len(pods()) >= 3
    assert {pod["runtimeClassName"] for pod in pods()} <= classes


def test_images_are_for_the_reader_to_fill_in():
    images = [one["image"] for pod in pods() for one in pod["containers"]]
    assert images and all(image.startswith("REGISTRY/") for image in images)


def test_the_plugins_manifest_fits_itself_and_kubelet():
    document, = manifests("DaemonSet")
    labels = document["spec"]["template"]["metadata"]["labels"]
    assert document["spec"]["selector"]["matchLabels"].items() <= labels.items()
    pod = page.pod_of(document)
    paths = {volume["name"]: volume["hostPath"]["path"] for volume in pod["volumes"]}
    one, = pod["containers"]
    for mount in one["volumeMounts"]:
        assert mount["mountPath"] == paths[mount["name"]] == "/var/lib/kubelet/device-plugins"
    assert all(isinstance(entry["value"], str) for entry in one["env"])


def test_the_settings_accept_the_plugins_strategy():
    plugin = page.pod_of(manifests("DaemonSet")[0])["containers"][0]
    strategy = {entry["name"]: entry["value"] for entry in plugin["env"]}["DEVICE_LIST_STRATEGY"]
    settings = tomllib.loads(page.blocks()[page.ONLY_THE_PLUGIN])
    assert strategy == "volume-mounts"
    assert settings["accept-nvidia-visible-devices-as-volume-mounts"] is True


def plan(bundle, settings):
    bundle.set_settings(page.blocks()[settings])
    return bundle.plan()


def mount_device(bundle, name):
    bundle.config["mounts"].append({"destination": f"{DEVICES}/{name}", "type": "bind",
                                    "source": "/dev/null", "options": ["rbind", "rw"]})


def uuids(planned):
    return [gpu["uuid"] for gpu in planned.get("gpus", [])]


def test_with_the_safe_settings_a_variable_gives_nothing(bundle):
    bundle.env("NVIDIA_VISIBLE_DEVICES=all")
    assert plan(bundle, page.ONLY_THE_PLUGIN) == {}


def test_safe_settings_with_the_plugins_mounts_work(bundle):
    bundle.env(f"NVIDIA_VISIBLE_DEVICES={DEVICES}")
    mount_device(bundle, make_driver.uuid(1))
    assert uuids(plan(bundle, page.ONLY_THE_PLUGIN)) == [make_driver.uuid(1)]


@pytest.mark.parametrize("left", [0, 1])
def test_one_safe_setting_is_not_enough(bundle, left):
    """accept-...-envvar first, accept-...-as-volume-mounts second, as the page has them."""
    line = page.blocks()[page.ONLY_THE_PLUGIN].splitlines()[1 + left]
    bundle.set_settings(line + "\n")
    bundle.env("NVIDIA_VISIBLE_DEVICES=all")
    taken = uuids(bundle.plan())
    mount_device(bundle, make_driver.uuid(1))
    given = uuids(bundle.plan())
    both = [make_driver.uuid(0), make_driver.uuid(1)]
    assert (taken, given) == (([], []) if left == 0 else (both, both[1:]))


def test_safe_settings_serve_privileged_variables(bundle):
    bundle.env("NVIDIA_VISIBLE_DEVICES=0")
    bundle.config["process"]["capabilities"]["bounding"].append("CAP_SYS_ADMIN")
    assert uuids(plan(bundle, page.ONLY_THE_PLUGIN)) == [make_driver.uuid(0)]


def test_a_driver_containers_files_come_from_its_root(bundle):
    root = tomllib.loads(page.blocks()[page.DRIVER_CONTAINER])["nvidia-container-cli"]["root"]
    script = f'mkdir -p {root} && mount --rbind / {root} && exec "$@"'
    bundle.host = ("unshare", "--mount", "--propagation", "private", "sh", "-ec", script, "sh")
    bundle.env("NVIDIA_VISIBLE_DEVICES=0")
    mounts = plan(bundle, page.DRIVER_CONTAINER)["mounts"]
    libraries = [mount["host"] for mount in mounts if mount["kind"] == "library"]
    assert libraries and all(path.startswith(f"{root}/opt/nvidia/") for path in libraries)


def test_the_pages_lines_are_the_hooks(bundle):
    """Those of containerd and of volume mounts that are not accepted are in test_cri.py."""
    quoted = re.findall(r"^\| `(.*?)` \|", page.text().split("Lines, and what is behind them")[1], re.M)
    assert len(quoted) == 5

    def line(*variables, settings=""):
        bundle.set_settings(settings)
        return bundle.env(*variables).call_hook("prestart", "--debug", "--dry-run").stderr
    another = make_driver.uuid(7)
    assert quoted[1].replace("GPU-...", another) in line(f"NVIDIA_VISIBLE_DEVICES={another}")
    assert quoted[2] in line(f"NVIDIA_VISIBLE_DEVICES={DEVICES}")
    assert quoted[3] in line("NVIDIA_VISIBLE_DEVICES=0",
                             settings=page.blocks()[page.ONLY_THE_PLUGIN])
    bundle.host = ("unshare", "--mount", "--propagation", "private", "sh", "-ec",
                   'mount -t tmpfs tmpfs /proc/driver; exec "$@"', "sh")
    no_modules = "[nvidia-container-cli]\nload-kmods = false\n"
    assert quoted[4] in line("NVIDIA_VISIBLE_DEVICES=0", settings=no_modules)


def test_the_pages_command_for_a_plan_works(bundle, hook):
    command = next(line for line in page.text().splitlines() if line.startswith("echo '{\"id\""))
    bundles = re.search(r'"bundle": "(.*)/ID"', command)[1]
    bundle.env("NVIDIA_VISIBLE_DEVICES=0").write_config(["/bin/true"])
    script = command.strip().replace(bundles, str(bundle.directory.parent))
    script = script.replace("grapnel-hook", f"{hook} --config={bundle.settings}")
    script = script.replace("/ID", f"/{bundle.directory.name}")
    done = subprocess.run(["sh", "-c", script], check=True, capture_output=True, text=True)
    assert uuids(json.loads(done.stdout)) == [make_driver.uuid(0)]
