// SPDX-License-Identifier: Apache-2.0
// Faults of single files and directories: daemon.json, CDI files, sockets, permissions, containers'
// variables; and their healthy twins.
#include "doctor_builders.hpp"
#include "support/ld_cache_file.hpp"

#include <cerrno>

namespace grapnel::test {

namespace {

using enum doctor_command::Code;

void docker_file(DoctoredHost& host, const std::string& text) {
    docker(host, text);
    start_dockerd(host);
}

/// With our runtime, and more members.
void docker_with(DoctoredHost& host, const std::string& members = {}) {
    register_runtime(host, members);
    start_dockerd(host);
}

/// dockerd of before its file.
void docker_that_knows(DoctoredHost& host, const std::string& members, const std::string& known) {
    docker_with(host, members);
    start_early(host, "77");
    answer(host, known);
}

std::string cdi(const std::string& version, const std::string& kind, const std::string& devices) {
    return "cdiVersion: " + version + "\nkind: " + kind + "\n" + devices;
}

constexpr const char* device = "devices:\n- name: \"0\"\n  containerEdits:\n    env: [A=B]\n";

void cdi_file(DoctoredHost& host) {
    host.files.file("/etc/cdi/nvidia.yaml", cdi("0.5.0", "nvidia.com/gpu", device));
}

/// A CDI file of that version, and an engine that says its own.
void cdi_file_beside(DoctoredHost& host, const std::string& version, const std::string& engine) {
    host.files.file("/etc/cdi/nvidia.yaml", cdi(version, "nvidia.com/gpu", device));
    answer(host, engine);
}

void cdi_file_of_podman(DoctoredHost& host, const std::string& version) {
    host.files.file("/usr/bin/podman", "");
    cdi_file_beside(host, version, "podman version 4.3.1\n");
}

void cdi_file_of_docker(DoctoredHost& host, const std::string& engine) {
    docker_with(host, R"("features": {"cdi": true})");
    cdi_file_beside(host, "0.8.0", "Docker version " + engine + ", build 1234\n");
}

void cdi_file_of_containerd(DoctoredHost& host, const std::string& engine) {
    host.files.file(containerd_toml,
                    "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\"]\nenable_cdi = true\n");
    start_containerd(host);
    start_kubelet(host);
    cdi_file_beside(host, "0.6.0",
                    "containerd github.com/containerd/containerd " + engine + " 1\n");
}

void cdi_file_of_crio(DoctoredHost& host, const std::string& engine) {
    start(host, "88", "crio");
    start_kubelet(host);
    cdi_file_beside(host, "0.7.0", "crio version " + engine + "\n");
}

void runtime_in_file(DoctoredHost& host, std::uint32_t mode) {
    docker_file(host, R"({"runtimes": {"nvidia": {"path": "/opt/grapnel-runtime"}}})");
    host.files.file("/opt/grapnel-runtime", "");
    host.files.set_mode("/opt/grapnel-runtime", mode);
}

void rootless(DoctoredHost& host, const std::string& ids) {
    host.files.file("/usr/bin/podman", "");
    rootless_storage(host, "/home/ada");
    host.files.file("/etc/passwd", "ada:x:1000:1000::/home/ada:/bin/sh\n");
    host.files.file("/etc/subuid", ids);
    host.files.file("/etc/subgid", ids);
}

constexpr const char* sound_ids = "ada:100000:65536\n";

/// A node whose device plugin gives pods GPUs by volume mounts.
void volume_mounts(DoctoredHost& host) {
    host.settings.settings.accept_volume_mounts = true;
    host.settings.settings.accept_environment_when_unprivileged = false;
    host.files.file("/usr/bin/grapnel-runtime", "");
    host.files.file(containerd_toml,
                    "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes."
                    "nvidia.options]\nBinaryName = \"/usr/bin/grapnel-runtime\"\n");
    start_containerd(host);
    start_kubelet(host);
}

/// A container that runs, with these variables.
void container(DoctoredHost& host, const std::string& variables,
               const std::string& data = "/var/lib/docker") {
    docker_container(host, {.program = "python3",
                            .state = R"("Running": true)",
                            .variables = R"("NVIDIA_VISIBLE_DEVICES=0,1", )" + variables,
                            .config = R"("Image": "cuda:13", )",
                            .data = data});
}

void mount_run(DoctoredHost& host, const std::string& option) {
    mount_table(host, "31 1 0:27 / /run " + option + ",nosuid - tmpfs tmpfs rw\n");
}

/// CUDA's stub in the cache beside the driver's library.
void stub(DoctoredHost& host, const std::string& directory) {
    host.files.file(directory + "/libcuda.so.1", "");
    host.files.file("/etc/ld.so.cache",
                    ld_cache_file({{"libcuda.so.1", directory + "/libcuda.so.1"},
                                   {"libcuda.so.1", "/usr/lib64/libcuda.so.550.54.14"}}));
}

} // namespace

const std::vector<Fault>& file_faults() {
    static const std::vector<Fault> table{
        // daemon.json
        {GR0801, "daemon.json with a comment", "h200", "daemon.json:1: this is not JSON",
         [](DoctoredHost& host) { docker_file(host, "{ // ours\n" + our_runtime + "}"); }},
        {GR0801, "daemon.json with a trailing comma", "h200", "daemon.json:2: this is not JSON",
         [](DoctoredHost& host) { docker_file(host, "{" + our_runtime + ",\n}"); }},
        {GR0801, "daemon.json that is a list", "h200", "object",
         [](DoctoredHost& host) { docker_file(host, "[]"); }},
        {GR0801, "runtimes as a list", "h200", "'runtimes'",
         [](DoctoredHost& host) { docker_file(host, R"({"runtimes": ["nvidia"]})"); }},
        {GR0801, "a runtime as a string", "h200", "'runtimes'",
         [](DoctoredHost& host) {
             docker_file(host, R"({"runtimes": {"nvidia": "/usr/bin/grapnel-runtime"}})");
         }},
        {GR0801, "default runtime as a flag", "h200", "'default-runtime'",
         [](DoctoredHost& host) { docker_with(host, R"("default-runtime": true)"); }},
        {GR0801, "exec-opts as a string", "h200", "'exec-opts'",
         [](DoctoredHost& host) {
             docker_with(host, R"("exec-opts": "native.cgroupdriver=systemd")");
         }},
        {GR0801, "flag as a string", "h200", "'selinux-enabled'",
         [](DoctoredHost& host) { docker_with(host, R"("selinux-enabled": "true")"); }},
        {GR0801, "daemon.json that is a directory", "h200", "daemon.json",
         [](DoctoredHost& host) {
             docker_file(host, "");
             host.files.remove(daemon_json);
             host.files.directory(daemon_json);
         }},
        {GR0801, "byte order mark for an old Docker", "h200", "byte order mark",
         [](DoctoredHost& host) {
             docker_file(host, "\xef\xbb\xbf{" + our_runtime + "}");
             answer(host, "Docker version 20.10.24+dfsg1, build 297e128\n");
         }},
        {GR0803, "program of a runtime that is not executable", "h200", "not executable",
         [](DoctoredHost& host) { runtime_in_file(host, 0644); }},
        {GR0803, "runtime that is a directory", "h200", "is a directory",
         [](DoctoredHost& host) {
             docker_file(host, R"({"runtimes": {"nvidia": {"path": "/opt/grapnel"}}})");
             host.files.directory("/opt/grapnel");
         }},
        {GR0808, "default runtime after the start of dockerd", "h200", "default runtime 'nvidia'",
         [](DoctoredHost& host) {
             docker_that_knows(
                 host, R"("default-runtime": "nvidia")",
                 R"({"default": "runc", "runtimes": {"nvidia": {"path": "/usr/bin/grapnel-runtime"}}})");
         }},
        {GR0808, "program of a runtime after the start of dockerd", "h200", "it starts /opt/old",
         [](DoctoredHost& host) {
             docker_that_knows(
                 host, R"("debug": false)",
                 R"({"default": "runc", "runtimes": {"nvidia": {"path": "/opt/old"}}})");
         }},
        {GR0804, "default runtime of the command line", "h200", "'nvidia'",
         [](DoctoredHost& host) {
             docker_file(host, "{}");
             host.files.file("/usr/bin/grapnel-hook", "");
             host.files.link("/usr/bin/nvidia-container-runtime-hook", "grapnel-hook");
             start(host, "77", "dockerd", "dockerd --default-runtime=nvidia");
         }},
        {GR0811, "CDI that is off in Docker", "h200", "features.cdi is false",
         [](DoctoredHost& host) {
             docker_with(host, R"("features": {"cdi": false})");
             cdi_file(host);
         }},
        {GR0811, "other directory for CDI files", "h200", "cdi-spec-dirs",
         [](DoctoredHost& host) {
             docker_with(host, R"("cdi-spec-dirs": ["/srv/cdi"])");
             cdi_file(host);
         }},
        {GR0812, "dockerd that was stopped", "h200", "docker.service",
         [](DoctoredHost& host) { enable(host, "docker.service"); }},
        // podman, CDI files
        {GR0907, "rootless podman without subordinate IDs", "h200", "/etc/subuid",
         [](DoctoredHost& host) { rootless(host, "anna:100000:65536\n"); }},
        {GR0912, "rootless podman without newuidmap", "h200", "newuidmap is missing",
         [](DoctoredHost& host) {
             rootless(host, sound_ids);
             host.files.remove("/usr/bin/newuidmap");
         }},
        {GR0912, "newgidmap without rights", "h200", "/usr/bin/newgidmap is not setuid root",
         [](DoctoredHost& host) {
             rootless(host, sound_ids);
             host.files.set_mode("/usr/bin/newgidmap", 0755);
         }},
        {GR0912, "rootless Docker without newgidmap", "h200", "newgidmap is missing",
         [](DoctoredHost& host) {
             host.files.file("/home/ada/.config/systemd/user/docker.service", "");
             host.files.remove("/usr/bin/newgidmap");
         }},
        {GR0902, "hook that is not executable", "h200", "not executable",
         [](DoctoredHost& host) {
             host.files.file("/usr/bin/podman", "");
             host.files.file("/opt/hook", "");
             host.files.set_mode("/opt/hook", 0644);
             host.files.file("/etc/containers/oci/hooks.d/a.json", hook_file("/opt/hook"));
         }},
        {GR1106, "CDI file of a newer version than podman's", "h200",
         "/etc/cdi/nvidia.yaml is of version 0.6.0: podman 4.3.1 reads CDI files up to version "
         "0.5.0",
         [](DoctoredHost& host) { cdi_file_of_podman(host, "0.6.0"); }},
        {GR1106, "CDI file of a newer version than Docker's", "h200", "Docker 27.3.1",
         [](DoctoredHost& host) { cdi_file_of_docker(host, "27.3.1"); }},
        {GR1106, "CDI file of a newer version than containerd's", "h200", "containerd 1.7.11",
         [](DoctoredHost& host) { cdi_file_of_containerd(host, "v1.7.11"); }},
        {GR1106, "CDI file of a newer version than CRI-O's", "h200", "CRI-O 1.29.4",
         [](DoctoredHost& host) { cdi_file_of_crio(host, "1.29.4"); }},
        {GR1107, "CDI file of an unknown version", "h200", "'9.9.9'",
         [](DoctoredHost& host) {
             host.files.file("/etc/cdi/nvidia.yaml", cdi("9.9.9", "nvidia.com/gpu", device));
         }},
        {GR1107, "CDI file without a version", "h200", "cdiVersion",
         [](DoctoredHost& host) {
             host.files.file("/etc/cdi/nvidia.yaml",
                             std::string("kind: nvidia.com/gpu\n") + device);
         }},
        {GR1107, "CDI file of a kind without a class", "h200", "kind",
         [](DoctoredHost& host) {
             host.files.file("/etc/cdi/nvidia.yaml", cdi("0.5.0", "nvidia.com", device));
         }},
        {GR1107, "CDI file without devices", "h200", "devices",
         [](DoctoredHost& host) {
             host.files.file("/etc/cdi/nvidia.yaml", cdi("0.5.0", "nvidia.com/gpu", ""));
         }},
        {GR1107, "CDI file with a device twice", "h200", "devices[1]",
         [](DoctoredHost& host) {
             host.files.file("/etc/cdi/nvidia.yaml", cdi("0.5.0", "nvidia.com/gpu", device)
                                                         + std::string(device).substr(9));
         }},
        {GR1107, "CDI file with an unknown field", "h200", "no field",
         [](DoctoredHost& host) {
             host.files.file("/etc/cdi/nvidia.yaml",
                             cdi("0.5.0", "nvidia.com/gpu", device) + "edits: {}\n");
         }},
        {GR1103, "hook of a CDI file that is not executable", "h200", "not executable",
         [](DoctoredHost& host) {
             host.files.file("/usr/bin/nvidia-cdi-hook", "");
             host.files.set_mode("/usr/bin/nvidia-cdi-hook", 0644);
             host.files.file("/etc/cdi/nvidia.yaml",
                             cdi("0.5.0", "nvidia.com/gpu", device)
                                 + "    hooks:\n    - hookName: createContainer\n"
                                   "      path: /usr/bin/nvidia-cdi-hook\n");
         }},
        // the engines of kubelet
        {GR1015, "kubelet without containerd", "h200", "by which it starts",
         [](DoctoredHost& host) { start_kubelet(host); }},
        {GR1015, "containerd that failed", "h200", "containerd.service",
         [](DoctoredHost& host) { enable(host, "containerd.service"); }},
        // GPUs, nodes, libraries
        {GR0208, "libraries that were unpacked below /opt", "small", "are in /opt/nv/580/lib64",
         [](DoctoredHost& host) {
             host.files.remove("/usr/lib64");
             host.files.file("/opt/nv/580/lib64/libcuda.so.550.54.14", "x");
         }},
        {GR0208, "libraries elsewhere beside an earlier driver's", "small", "are in /usr/local/nv",
         [](DoctoredHost& host) {
             host.files.remove("/usr/lib64");
             host.files.file("/usr/lib64/libcuda.so.535.54.03", "x");
             host.files.file("/usr/local/nv/libnvidia-ml.so.550.54.14", "x");
             host.settings.settings.library_search_path = {host_path("/opt/mine")};
         }},
        {GR0208, "driver in the store of NixOS alone",
         "nixos-keeps-libraries-behind-run-opengl-driver", "are in /nix/store/y-nvidia/lib",
         without("/run/opengl-driver")},
        {GR0714, "environment beside volume mounts", "h200", "envvar-when-unprivileged",
         [](DoctoredHost& host) {
             volume_mounts(host);
             host.settings.settings.accept_environment_when_unprivileged = true;
         }},
        {GR0208, "driver root without a driver", "small", "were not found",
         [](DoctoredHost& host) {
             host.files.directory("/run/nvidia/driver/usr/lib64");
             host.settings.settings.driver_root = host_path("/run/nvidia/driver");
         }},
        {GR0219, "stubs in ld.so.conf.d", "small", "/usr/local/cuda/lib64/stubs",
         [](DoctoredHost& host) {
             host.files.file("/etc/ld.so.conf.d/cuda.conf", "/usr/local/cuda/lib64/stubs\n");
             stub(host, "/usr/local/cuda/lib64/stubs");
         }},
        {GR0306, "/dev of root alone", "h200", "/dev: only root may enter",
         [](DoctoredHost& host) { host.files.set_mode("/dev", 0700); }},
        {GR0306, "node of the group root", "h200", "only root",
         [](DoctoredHost& host) { host.files.character_device("/dev/nvidia0", 195, 0, 0660); }},
        {GR0416, "persistenced without its socket", "h200", "socket",
         [](DoctoredHost& host) { start(host, "90", "nvidia-persiste"); }},
        {GR0417, "MPS with a directory of its own", "h200", "/srv/mps",
         [](DoctoredHost& host) {
             start(host, "90", "nvidia-cuda-mps", "", "CUDA_MPS_PIPE_DIRECTORY=/srv/mps");
         }},
        // SELinux
        {GR0601, "dockerd --selinux-enabled", "h200", "container_use_devices",
         [](DoctoredHost& host) {
             selinux(host);
             docker_with(host);
             start(host, "77", "dockerd", "dockerd --selinux-enabled");
         }},
        {GR0601, "containerd with enable_selinux", "h200", "container_use_devices",
         [](DoctoredHost& host) {
             selinux(host);
             start_containerd(host);
             host.files.file(containerd_toml,
                             "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\"]\n"
                             "enable_selinux = true\n");
         }},
        // directories that a start writes to
        {GR0710, "full /run", "h200", "/run is full",
         [](DoctoredHost& host) { host.here.full_directories = {host_path("/run")}; }},
        {GR0712, "read-only /run", "h200", "/run is read-only",
         [](DoctoredHost& host) { mount_run(host, "ro"); }},
        {GR0711, "full directory of the log", "h200", "/var/log is full",
         [](DoctoredHost& host) { host.here.full_directories = {host_path("/var/log")}; }},
        // containers
        {GR1302, "image with void", "h200", "asks for no GPU",
         [](DoctoredHost& host) {
             docker_container(host, {.variables = R"("NVIDIA_VISIBLE_DEVICES=void")"});
         }},
        {GR1302, "image with an empty variable", "h200", "asks for no GPU",
         [](DoctoredHost& host) {
             docker_container(host, {.variables = R"("NVIDIA_VISIBLE_DEVICES=")"});
         }},
        {GR1302, "image with none", "h200", "asks for no GPU",
         [](DoctoredHost& host) {
             docker_container(host, {.variables = R"("NVIDIA_VISIBLE_DEVICES=none")"});
         }},
        {GR1307, "stubs in LD_LIBRARY_PATH", "h200", "/usr/local/cuda/lib64/stubs/",
         [](DoctoredHost& host) {
             container(host, R"("LD_LIBRARY_PATH=/opt/lib:/usr/local/cuda/lib64/stubs/")");
         }},
        {GR1307, "container of a Docker with userns-remap", "h200", "stubs",
         [](DoctoredHost& host) {
             container(host, R"("LD_LIBRARY_PATH=/cuda/stubs")", "/var/lib/docker/100000.100000");
         }},
        {GR1308, "compat32 without 32-bit libraries", "h200", "32-bit",
         [](DoctoredHost& host) {
             container(host, R"("NVIDIA_DRIVER_CAPABILITIES=compute,utility,compat32")");
         }},
    };
    return table;
}

const std::vector<NearFault>& healthy_files() {
    static const std::vector<NearFault> table{
        {"daemon.json with every kind of value", "h200",
         [](DoctoredHost& host) {
             docker_with(
                 host, R"("exec-opts": ["native.umask=normal"], "log-opts": {"max-size": "10m"}, )"
                       R"("debug": true, "dns": null, "features": {"buildkit": true}, )"
                       R"("hosts": ["fd://"], "mtu": 1400)");
         }},
        {"daemon.json that this user may not read", "h200",
         [](DoctoredHost& host) {
             docker_file(host, "");
             host.files.unreadable(daemon_json, EACCES);
             host.here.user = 1000;
         }},
        {"daemon.json by a link", "h200",
         [](DoctoredHost& host) {
             docker_with(host);
             host.files.remove(daemon_json);
             host.files.file("/srv/daemon.json", "{" + our_runtime + "}");
             host.files.link(daemon_json, "/srv/daemon.json");
         }},
        {"byte order mark for a Docker that skips it", "h200",
         [](DoctoredHost& host) {
             docker_file(host, "\xef\xbb\xbf{" + our_runtime + "}");
             answer(host, "Docker version 29.1.0, build 0123abc\n");
         }},
        {"executable program of a runtime", "h200",
         [](DoctoredHost& host) { runtime_in_file(host, 0755); }},
        {"daemon.json that dockerd knows", "h200",
         [](DoctoredHost& host) {
             docker_that_knows(
                 host, R"("default-runtime": "nvidia")",
                 R"({"default": "nvidia", "runtimes": {"nvidia": {"path": "/usr/bin/grapnel-runtime"}}})");
         }},
        {"dockerd without a default runtime in its answer", "h200",
         [](DoctoredHost& host) {
             docker_that_knows(
                 host, R"("default-runtime": "nvidia")",
                 R"({"default": "", "runtimes": {"nvidia": {"path": "/usr/bin/grapnel-runtime"}}})");
         }},
        {"other features of Docker with a CDI file", "h200",
         [](DoctoredHost& host) {
             docker_with(host, R"("features": {"buildkit": true})");
             cdi_file(host);
         }},
        {"dockerd without an answer", "h200",
         [](DoctoredHost& host) {
             docker_that_knows(host, R"("default-runtime": "nvidia")",
                               R"({"default": "", "runtimes": null})");
         }},
        {"Docker by CDI alone", "h200",
         [](DoctoredHost& host) {
             docker_file(host, R"({"features": {"cdi": true}, "cdi-spec-dirs": ["/etc/cdi"]})");
             cdi_file(host);
         }},
        {"new Docker by CDI alone", "h200",
         [](DoctoredHost& host) {
             docker_file(host, "{}");
             cdi_file(host);
             answer(host, "Docker version 28.3.0, build 0123abc\n");
         }},
        {"CDI that is off without a CDI file", "h200",
         [](DoctoredHost& host) { docker_with(host, R"("features": {"cdi": false})"); }},
        {"dockerd that runs", "h200",
         [](DoctoredHost& host) {
             docker_with(host);
             enable(host, "docker.service");
         }},
        {"dockerd that another user does not see", "h200",
         [](DoctoredHost& host) {
             enable(host, "docker.service");
             host.here.user = 1000;
         }},
        {"rootless podman with subordinate IDs", "h200",
         [](DoctoredHost& host) { rootless(host, "1000:100000:65536\n"); }},
        {"newuidmap with a file capability", "h200",
         [](DoctoredHost& host) {
             rootless(host, sound_ids);
             host.files.set_mode("/usr/bin/newuidmap", 0755);
             host.here.has_capabilities = [](const HostPath& program) {
                 return Result<bool>(program == host_path("/usr/bin/newuidmap"));
             };
         }},
        {"newuidmap of NixOS", "h200",
         [](DoctoredHost& host) {
             rootless(host, sound_ids);
             host.files.remove("/usr/bin/newuidmap");
             host.files.file("/run/wrappers/bin/newuidmap", "");
             host.files.set_mode("/run/wrappers/bin/newuidmap", 04511);
         }},
        {"podman of root without newuidmap", "h200",
         [](DoctoredHost& host) {
             podman(host);
             host.files.remove("/usr/bin/newuidmap");
         }},
        {"subordinate IDs of another service", "h200",
         [](DoctoredHost& host) {
             rootless(host, "");
             host.files.file("/etc/nsswitch.conf", "passwd: files\nsubid: sss\n");
         }},
        {"node with volume mounts", "h200", volume_mounts},
        {"node whose device plugin sets the environment", "h200",
         [](DoctoredHost& host) {
             volume_mounts(host);
             host.settings.settings.accept_volume_mounts = false;
             host.settings.settings.accept_environment_when_unprivileged = true;
         }},
        {"volume mounts without kubelet", "h200",
         [](DoctoredHost& host) {
             volume_mounts(host);
             host.settings.settings.accept_environment_when_unprivileged = true;
             host.files.remove("/proc/89");
         }},
        {"driver elsewhere that the settings name", "small",
         [](DoctoredHost& host) {
             for (const auto* const name : {"libcuda", "libnvidia-ml"})
                 host.files.file("/opt/nv/lib64/" + std::string(name) + ".so.550.54.14",
                                 elf_file({.soname = std::string(name) + ".so.1"}));
             host.files.remove("/usr/lib64");
             host.settings.settings.library_search_path = {host_path("/opt/nv/lib64")};
         }},
        {"host without ld.so.cache, ldconfig and ld.so.conf.d", "small",
         [](DoctoredHost& host) {
             for (const auto* const path :
                  {"/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/sbin/ldconfig"})
                 host.files.remove(path);
         }},
        {"CDI file of the form", "h200", cdi_file},
        {"CDI file of podman's version", "h200",
         [](DoctoredHost& host) { cdi_file_of_podman(host, "0.5.0"); }},
        {"CDI file of Docker's version", "h200",
         [](DoctoredHost& host) { cdi_file_of_docker(host, "27.4.0"); }},
        {"CDI file of containerd's version", "h200",
         [](DoctoredHost& host) { cdi_file_of_containerd(host, "v1.7.12"); }},
        {"CDI file of CRI-O's version", "h200",
         [](DoctoredHost& host) { cdi_file_of_crio(host, "1.30.0"); }},
        {"CDI file of a newer version than a Docker that does not read it", "h200",
         [](DoctoredHost& host) {
             docker_with(host);
             cdi_file_beside(host, "0.8.0", "Docker version 25.0.3, build 1234\n");
         }},
        {"malformed CDI file of another maker", "h200",
         [](DoctoredHost& host) {
             host.files.file("/etc/cdi/x.yaml", cdi("9.9.9", "example.com/net", device));
         }},
        {"old kubelet with dockerd", "h200",
         [](DoctoredHost& host) {
             docker_with(host);
             start_kubelet(host);
         }},
        {"libcuda.so.1 of the driver alone", "small",
         [](DoctoredHost& host) { stub(host, "/usr/local/stubs-of-ours"); }},
        {"/dev of everybody", "h200",
         [](DoctoredHost& host) { host.files.set_mode("/dev", 0755); }},
        {"persistenced by the old directory", "h200",
         [](DoctoredHost& host) {
             start(host, "90", "nvidia-persiste");
             host.files.socket("/var/run/nvidia-persistenced/socket");
         }},
        {"MPS with the usual directory", "h200",
         [](DoctoredHost& host) {
             start(host, "90", "nvidia-cuda-mps");
             host.files.directory("/tmp/nvidia-mps");
         }},
        {"dockerd --selinux-enabled=false", "h200",
         [](DoctoredHost& host) {
             selinux(host);
             docker_with(host);
             start(host, "77", "dockerd", "dockerd --selinux-enabled=false");
         }},
        {"containerd without enable_selinux", "h200",
         [](DoctoredHost& host) {
             selinux(host);
             start_containerd(host);
             host.files.file(containerd_toml,
                             "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\"]\n"
                             "enable_selinux = false\n");
         }},
        {"/run that is writable", "h200", [](DoctoredHost& host) { mount_run(host, "rw"); }},
        {"container with CUDA's own libraries", "h200",
         [](DoctoredHost& host) {
             container(host, R"("LD_LIBRARY_PATH=/usr/local/cuda/lib64:/usr/local/stubsy")");
         }},
        {"compat32 with 32-bit libraries", "debian-tesla-branch-with-32-bit-libraries",
         [](DoctoredHost& host) {
             container(host, R"("NVIDIA_DRIVER_CAPABILITIES=compute,utility,compat32")");
         }},
        {"all capabilities without 32-bit libraries", "h200",
         [](DoctoredHost& host) { container(host, R"("NVIDIA_DRIVER_CAPABILITIES=all")"); }},
    };
    return table;
}

} // namespace grapnel::test
