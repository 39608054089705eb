# SPDX-License-Identifier: Apache-2.0
"""grapnel doctor with real files, daemons and the kernel's own /proc, on the simulated host; the
findings one by one are in unit/doctor_test.cpp."""

import json
import os
import pathlib
import re
import subprocess
import tarfile

import container
import make_driver
import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]


# This machine's own engines are no part of the simulated host.
HIDE = ("for place in /var/lib/containers /var/lib/docker /etc/docker /etc/containerd /etc/cdi /home; do "
        "if [ -d $place ]; then mount -t tmpfs tmpfs $place; fi; done")


@pytest.fixture(scope="module")
def plain_driver(tmp_path_factory):
    directory = tmp_path_factory.mktemp("driver") / "driver"
    make_driver.make(directory, 2, with_32bit=False)
    return directory


@pytest.fixture
def doctor(grapnel, plain_driver):
    """Runs it in a mount namespace of its own on the simulated host, after a script has made a
    fault there."""
    def run(script="true", *words):
        return subprocess.run(
            [container.SUPPORT / "simulated-host", plain_driver, "bash", "-c",
             f'set -e; {HIDE}; {script}; exec "$0" doctor "$@"', grapnel.program, *words],
            capture_output=True, text=True, timeout=120)
    return run


def codes(done):
    return [finding["code"] for area in json.loads(done.stdout)["areas"] for finding in area["findings"]]


def test_healthy_host_is_silent(doctor):
    done = doctor()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No findings." in done.stdout
    assert "✓ driver" in done.stdout and make_driver.VERSION in done.stdout
    assert "\033" not in done.stdout


# shell that makes a fault; the code, the exit status, a part of the command
FAULTS = {
    "driver": ("mount -t tmpfs tmpfs /proc/driver", "GR0204", 3, "lspci"),
    "version": ("sed -i s/580.159.04/575.57.08/ /proc/driver/nvidia/version", "GR0205", 3, "reboot"),
    "cache": ("mount -t tmpfs tmpfs /opt", "GR0206", 3, "ldconfig"),
    "node": ("rm /dev/nvidia0", "GR0301", 4, "grapnel nodes create"),
    "major": ("rm /dev/nvidia-uvm; mknod /dev/nvidia-uvm c 510 0", "GR0302", 3, "rm /dev/nvidia-uvm"),
    "directory": ("rm /dev/nvidia-uvm; mkdir /dev/nvidia-uvm", "GR0303", 3, "rm -r /dev/nvidia-uvm"),
    "mode": ("chmod 600 /dev/nvidia1", "GR0306", 4, "chmod 666 /dev/nvidia1"),
    "settings": ("mkdir -p /etc/grapnel; mount -t tmpfs tmpfs /etc/grapnel; "
                 "echo 'ldcach = \"off\"' > /etc/grapnel/config.toml", "GR0701", 3, "config"),
    "full log": ("mount -t tmpfs -o size=4k tmpfs /var/log; head -c 8k /dev/zero > /var/log/x || true",
                 "GR0711", 4, "du -xa /var/log"),
    "read-only run": ("mount --bind /run /run; mount -o remount,ro,bind /run", "GR0712", 4, "mount -o remount,rw"),
    "BOM": ("mkdir -p /etc/docker; printf '\\357\\273\\277{}' > /etc/docker/daemon.json", "GR0801", 3, "sed -i"),
    "comma": ("mkdir -p /etc/docker; echo '{\"debug\": true,}' > /etc/docker/daemon.json", "GR0801", 3,
              "daemon.json"),
    "dev": ("chmod 700 /dev", "GR0306", 4, "chmod 755 /dev"),
    "malformed cdi": ("mkdir -p /run/cdi; echo '{\"cdiVersion\": \"9.9.9\", \"kind\": \"nvidia.com/gpu\", "
                      "\"devices\": []}' > /run/cdi/nvidia.json", "GR1107", 3, "grapnel cdi generate"),
    "cdi": ("mkdir -p /run/cdi; printf 'cdiVersion: 0.5.0\\nkind: nvidia.com/gpu\\ndevices:\\n- name: \"0\"\\n"
            "  containerEdits:\\n    mounts:\\n    - containerPath: /x\\n      hostPath: /usr/lib/libcuda.so.575\\n' "
            "> /run/cdi/nvidia.yaml", "GR1102", 3,
            "grapnel cdi generate"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_named_with_its_cure(doctor, fault):
    script, code, status, command = FAULTS[fault]
    if fault == "settings" and not os.path.isdir("/etc/grapnel"):
        os.mkdir("/etc/grapnel")
    done = doctor(script, "--json")
    assert codes(done) == [code], done.stdout + done.stderr
    assert done.returncode == status
    finding, = (one for area in json.loads(done.stdout)["areas"] for one in area["findings"])
    assert command in finding["command"]
    text = doctor(script).stdout
    assert f"{finding['severity']} {code}: {finding['text']}\n        {finding['command']}\n" in text


SLURM = "mkdir -p /etc/slurm; mount -t tmpfs tmpfs /etc/slurm; cd /etc/slurm"
NOMAD = ("mkdir -p /etc/nomad.d; mount -t tmpfs tmpfs /etc/nomad.d; mount -t tmpfs tmpfs /srv; cd /etc/nomad.d; "
         "touch /srv/nomad-device-nvidia; chmod 755 /srv/*; echo 'plugin_dir = \"/srv\"' > a.hcl")
ENROOT = ("mkdir -p /etc/enroot; mount -t tmpfs tmpfs /etc/enroot; mount -t tmpfs tmpfs /usr/local/sbin; "
          "mkdir /etc/enroot/hooks.d; cd /usr/local/sbin; touch enroot nvidia-container-cli; chmod 755 *; "
          "touch /etc/enroot/hooks.d/98-nvidia.sh")
# shell that makes a fault, and its code
MENDED = {
    "too many GPUs": (f"{SLURM}; echo GresTypes=gpu > slurm.conf; "
                      "echo 'Name=gpu file=/dev/nvidia[0-7]' > gres.conf", "GR1401"),
    "GresTypes": (f"{SLURM}; echo ClusterName=c > slurm.conf; echo 'Name=gpu File=/dev/nvidia0' > gres.conf", "GR1403"),
    "allowed runtimes": (f"{NOMAD}; echo 'plugin \"docker\" {{ config {{ allow_runtimes = [\"runc\"] }} }}' > b.hcl",
                         "GR0814"),
    "no allowed runtime": (f"{NOMAD}; echo '{{\"plugin\": {{\"docker\": {{\"config\": "
                           "{\"allow_runtimes\": []}}}}' > b.json", "GR0814"),
    "plugin": (f"{NOMAD}; chmod 644 /srv/nomad-device-nvidia", "GR0815"),
    "hook of enroot": (ENROOT, "GR1404"),
    "records": ("mount -t tmpfs tmpfs /run; touch /run/grapnel", "GR0713"),
}


@pytest.mark.parametrize("fault", MENDED)
def test_printed_command_mends(doctor, fault):
    script, code = MENDED[fault]
    done = doctor(script, "--json")
    assert codes(done) == [code], done.stdout + done.stderr
    command, = (one["command"] for area in json.loads(done.stdout)["areas"] for one in area["findings"])
    daemons = "systemctl() { :; }; service() { :; }; rc-service() { :; }"
    assert codes(doctor(f"{script}; {daemons}; {command}", "--json")) == []


STORES = {
    "Docker": "/var/lib/docker/overlay2/{}/diff",
    "podman": "/var/lib/containers/storage/overlay/{}/diff",
    "rootless podman": "/home/ada/.local/share/containers/storage/overlay/{}/diff",
    "containerd": "/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/{}/fs",
}


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("kind", ["image", "library", "container"])
def test_empty_library_of_an_image_is_found(doctor, store, kind):
    """But neither a library that is not empty nor the mount points of a running container."""
    layer = STORES[store].format("17")
    place = f"{layer}/usr/lib/x86_64-linux-gnu"
    script = (f"for place in /var/lib/docker /var/lib/containers /var/lib/containerd /home; do mkdir -p $place; "
              f"mount -t tmpfs tmpfs $place; done; mkdir -p {place}; touch {place}/libcuda.so.1")
    if "rootless" in store:
        script += "; touch /home/ada/.local/share/containers/storage/db.sql"
    if kind == "library":
        script += f"; echo x > {place}/libcuda.so.1"
    elif kind == "container" and store == "containerd":
        script += (f"; mkdir {layer}/../work {layer}/../lower /home/root; mount -t overlay overlay -o "
                   f"lowerdir={layer}/../lower,upperdir={layer},workdir={layer}/../work /home/root")
    elif kind == "container" and store == "Docker":
        script += f"; mkdir -p {layer}/../../17-init"
    elif kind == "container":
        storage = layer[:layer.index("/overlay/")]
        script += f"""; mkdir {storage}/overlay-containers; echo '[{{"layer": "17"}}]' > """
        script += f"{storage}/overlay-containers/containers.json"
    done = doctor(script, "--json")
    found = [finding for area in json.loads(done.stdout)["areas"] for finding in area["findings"]
             if finding["code"] == "GR1303"]
    assert [one["text"].split(": ")[0] for one in found] == ([layer] if kind == "image" else []), done.stdout
    client = "podman" if "podman" in store else "docker"
    assert all(one["command"] == f"{client} build --no-cache --pull ." for one in found)


def test_fix_makes_the_missing_node(doctor):
    done = doctor("rm /dev/nvidia0", "--fix", "--json")
    assert codes(done) == [] and done.returncode == 0, done.stdout + done.stderr
    assert "mended GR0301: /dev/nvidia0" in done.stderr


def test_printed_command_can_be_pasted(doctor):
    """For a path with a space and a quote."""
    done = doctor("""mkdir -p /run/cdi
        cat > "/run/cdi/ada's file.yaml" <<'END'
cdiVersion: 0.5.0
kind: nvidia.com/gpu
devices:
- name: "0"
  containerEdits:
    mounts:
    - containerPath: /x
      hostPath: /usr/lib/libcuda.so.575
END
        command=$("$0" doctor --json | python3 -c '
import json, sys
print(*(one["command"] for area in json.load(sys.stdin)["areas"] for one in area["findings"]))')
        sh -c "${command%% && *}" """, "--json")
    assert codes(done) == [], done.stdout + done.stderr


@pytest.mark.parametrize("version", ["575.57.08", make_driver.VERSION])
def test_container_with_an_earlier_driver_is_found(doctor, version):
    """By the library that is mounted in it; one with the host's driver is healthy."""
    node = f"/dev/nvidia{make_driver.minor(1, 2)}"
    done = doctor(f"""mkdir /run/c; touch /run/c/node /run/c/libcuda.so.{version}
        unshare --mount sh -c 'mount --bind {node} /run/c/node
            mount --bind /run/c/libcuda.so.{version} /run/c/libcuda.so.{version}; touch /run/c/ready; exec sleep 60' &
        while [ ! -e /run/c/ready ]; do sleep 0.05; done
        "$0" doctor --json > /run/c/report || true; kill $!; cat /run/c/report; exit""", "--json")
    found = [one for area in json.loads(done.stdout)["areas"] for one in area["findings"]]
    if version == make_driver.VERSION:
        assert found == []
        return
    assert [one["code"] for one in found] == ["GR1304"], done.stdout + done.stderr
    assert f"holds driver '{version}', and the host has {make_driver.VERSION}" in found[0]["text"]


def test_page_of_every_code_is_printed(grapnel):
    page = (TOP / "doc/troubleshooting.md").read_text()
    sections = re.findall(r"^### (.*)\n\n`(GR\d+)`, \*(\w+)\*", page, re.M)
    assert len(sections) >= 40
    for title, code, severity in sections:
        printed = grapnel("explain", code).stdout
        assert printed.startswith(f"{code}: {title.replace('`', '')}\n\n{severity}: ")
        assert grapnel("explain", code.lower()).stdout == printed


def test_bundle_leaves_out_secrets(doctor, tmp_path):
    archive = tmp_path / "report.tar"
    conf = "/etc/containers/containers.conf.d"
    done = doctor(f"mkdir -p {conf}; mount -t tmpfs tmpfs {conf}; "
                  f"echo 'env = [\"TOKEN=hunter2\", \"http_proxy=http://me:hunter2@proxy\"]' > {conf}/a.conf; "
                  f"printf 'password =\\n  hunter2\\n' > {conf}/b.conf",
                  "--bundle", archive)
    assert "GR" not in done.stdout or done.returncode in (3, 4)
    assert archive.stat().st_mode & 0o777 == 0o600
    with tarfile.open(archive) as tar:
        texts = {member.name: tar.extractfile(member).read().decode() for member in tar.getmembers()}
    assert make_driver.VERSION in texts["grapnel-doctor/proc/driver/nvidia/version"]
    assert f"grapnel-doctor{conf}/a.conf" in texts
    assert not any("hunter2" in text for text in texts.values())
    assert json.loads(texts["grapnel-doctor/report.json"])["areas"]


def test_bundle_replaces_no_file(doctor, tmp_path):
    """The file of another user, or a link, at a name that root is about to write."""
    mine, link = tmp_path / "report.tar", tmp_path / "link.tar"
    mine.write_text("mine")
    link.symlink_to("report.tar")
    for path in (mine, link):
        done = doctor("true", "--bundle", path)
        assert done.returncode == 1
        assert f"'{path}' is there already: remove it, or name another file" in done.stderr
    assert mine.read_text() == "mine"


def test_wrong_words_are_refused(grapnel):
    assert "one word too many" in grapnel("doctor", "docker", code=2).stderr
    assert "GR9999" in grapnel("explain", "GR9999", code=2).stderr


def test_session_in_the_page_is_true(grapnel, plain_driver, tmp_path):
    page = (TOP / "doc/doctor.md").read_text()
    session = re.search(r"^```session\n(.*?)^```$", page, re.M | re.S)[1]
    commands = re.findall(r"^# (.*)$", session, re.M)
    (tmp_path / "grapnel").symlink_to(grapnel.program)
    script = "; ".join(f"echo '# {command}'; {command}" for command in commands)
    done = subprocess.run(
        [container.SUPPORT / "simulated-host", plain_driver, "bash", "-c",
         f"{HIDE}; rm /dev/nvidia0 /dev/nvidia-uvm; mknod /dev/nvidia-uvm c 510 0; exec 2>&1; {script}"],
        capture_output=True, text=True, timeout=120, env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"})
    shown = re.sub(r"Linux \S+", "Linux 6.1.0-28-amd64", done.stdout).splitlines()
    at = 0
    for line in session.splitlines():  # areas that do not matter are left out of the page
        assert line in shown[at:], (line, done.stdout)
        at += shown[at:].index(line) + 1
