// SPDX-License-Identifier: Apache-2.0
#include "doctor_builders.hpp"

#include <algorithm>
#include <utility>

namespace grapnel::test {

Change file(std::string path, std::string text) {
    return with_file([](DoctoredHost&) {}, std::move(path), std::move(text));
}

Change directory(std::string path) {
    return [path = std::move(path)](DoctoredHost& host) { host.files.directory(path); };
}

Change without(std::string path) {
    return [path = std::move(path)](DoctoredHost& host) { host.files.remove(path); };
}

Change kernel_log(std::string line) {
    return [line = std::move(line)](DoctoredHost& host) { host.here.kernel_log = {line}; };
}

Change with_file(Change base, std::string path, std::string text) {
    return [base = std::move(base), path = std::move(path),
            text = std::move(text)](DoctoredHost& host) {
        base(host);
        host.files.file(path, text);
    };
}

void pci(DoctoredHost& host, const std::string& address, const std::string& driver,
         const std::string& device_class) {
    const auto device = "/sys/bus/pci/devices/" + address;
    host.files.file(device + "/vendor", "0x10de\n");
    host.files.file(device + "/class", device_class + "\n");
    if (driver.empty())
        return;
    host.files.directory("/sys/bus/pci/drivers/" + driver);
    host.files.link(device + "/driver", "../../drivers/" + driver);
}

void unload(DoctoredHost& host) {
    host.files.remove("/proc/driver/nvidia");
    pci(host, "0000:00:06.0");
}

void install_unloaded(DoctoredHost& host) {
    install_module(host, "nvidia.ko");
}

void install_module(DoctoredHost& host, const std::string& module) {
    unload(host);
    host.files.file(std::string(running_kernel) + "modules.dep", module + ":\n");
}

void unload_uvm(DoctoredHost& host) {
    host.files.remove("/dev/nvidia-uvm");
    host.files.remove("/dev/nvidia-uvm-tools");
    host.files.file("/proc/devices", "Character devices:\n195 nvidia\n");
}

void mount_table(DoctoredHost& host, const std::string& more) {
    host.files.file("/proc/self/mountinfo",
                    "22 1 0:5 / /dev rw,nosuid shared:1 - devtmpfs udev rw\n"
                    "30 1 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n"
                        + more);
}

void start(DoctoredHost& host, const std::string& pid, const std::string& name, std::string words,
           const std::string& environment) {
    if (words.empty())
        words = name;
    std::ranges::replace(words, ' ', '\0');
    const auto process = "/proc/" + pid;
    host.files.file(process + "/comm", name + "\n");
    host.files.file(process + "/status", "Uid:\t0\t0\t0\t0\nNSpid:\t" + pid + "\n");
    host.files.file(process + "/cmdline", words + '\0');
    host.files.file(process + "/environ", environment);
}

void start_dockerd(DoctoredHost& host) {
    start(host, "77", "dockerd");
}

void start_containerd(DoctoredHost& host) {
    start(host, "88", "containerd");
}

void start_kubelet(DoctoredHost& host) {
    start(host, "89", "kubelet");
}

void start_early(DoctoredHost& host, const std::string& pid) {
    host.files.file("/proc/stat", "btime -1000\n");
    host.files.file("/proc/" + pid + "/stat",
                    pid + " (x y) S 1 1 1 0 -1 4194560 1 1 1 1 1 1 1 1 20 0 1 0 5 1\n");
}

void enable(DoctoredHost& host, const std::string& unit) {
    host.files.directory("/run/systemd/system");
    host.files.link("/etc/systemd/system/multi-user.target.wants/" + unit,
                    "/lib/systemd/system/" + unit);
}

void answer(DoctoredHost& host, const std::string& text) {
    host.here.ask = [text](const auto&) { return Result<std::string>(text); };
}

void docker(DoctoredHost& host, const std::string& text) {
    host.files.file("/usr/bin/grapnel-runtime", "");
    host.files.file(daemon_json, text);
}

void register_runtime(DoctoredHost& host, const std::string& members) {
    docker(host, "{" + our_runtime + (members.empty() ? "" : ", " + members) + "}");
}

void docker_container(DoctoredHost& host, const DockerContainer& container) {
    register_runtime(host);
    const auto directory = container.data + "/containers/0123/";
    host.files.file(directory + "config.v2.json",
                    R"({"Name": "/one", "Path": ")" + container.program + R"(", "State": {)"
                        + container.state + R"(}, "Config": {)" + container.config + R"("Env": [)"
                        + container.variables + "]}}");
    host.files.file(directory + "hostconfig.json", R"({"Runtime": ")" + container.runtime + "\"}");
}

void gpu_cdi_file(DoctoredHost& host, const std::string& path) {
    host.files.file(path, "cdiVersion: 0.5.0\nkind: nvidia.com/gpu\ndevices:\n- name: \"0\"\n"
                          "  containerEdits:\n    env: [A=B]\n");
}

std::string hook_file(const std::string& program) {
    return R"({"version": "1.0.0", "hook": {"path": ")" + program
           + R"("}, "when": {"always": true}, "stages": ["prestart"]})";
}

void podman(DoctoredHost& host) {
    podman_with(host, "/usr/bin/grapnel-hook");
}

void podman_with(DoctoredHost& host, const std::string& program) {
    host.files.file("/usr/bin/podman", "");
    host.files.file("/usr/bin/grapnel-hook", "");
    host.files.file("/usr/share/containers/oci/hooks.d/99-grapnel.json", hook_file(program));
}

void rootless_storage(DoctoredHost& host, const std::string& home) {
    host.files.file(home + "/.local/share/containers/storage/db.sql", "");
}

void selinux(DoctoredHost& host, const std::string& boolean) {
    host.files.file("/sys/fs/selinux/enforce", "1");
    host.files.file("/sys/fs/selinux/booleans/container_use_devices", boolean);
}

} // namespace grapnel::test
