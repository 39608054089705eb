// SPDX-License-Identifier: Apache-2.0
#include "doctor_builders.hpp"
#include "support/elf_file.hpp"
#include "support/ld_cache_file.hpp"

#include <cerrno>

namespace grapnel::test {

namespace {

using enum doctor_command::Code;

void elf(DoctoredHost& host, const std::string& path, const std::string& soname) {
    host.files.file(path, elf_file({.soname = soname}));
}

void stale_entry(DoctoredHost& host) {
    host.files.file("/etc/ld.so.cache", ld_cache_file({{"libcuda.so.1", "/opt/old/libcuda.so.1"}}));
}

std::string first_mig_node(const DoctoredHost& host) {
    const auto names = host.files.list(host_path("/dev/nvidia-caps"));
    for (const auto& name : *names)
        if (name != "nvidia-cap1" && name != "nvidia-cap2")
            return "/dev/nvidia-caps/" + name;
    return {};
}

std::string runtimes(const std::string& of_runc, const std::string& of_ours,
                     const std::string& program = "/usr/bin/grapnel-runtime") {
    const std::string section = "[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.";
    return "version = 2\n" + section + "runc.options]\nSystemdCgroup = " + of_runc + "\n" + section
           + "nvidia.options]\nSystemdCgroup = " + of_ours + "\nBinaryName = \"" + program + "\"\n";
}

void containerd(DoctoredHost& host, const std::string& config, const std::string& systemd) {
    host.files.file("/usr/bin/grapnel-runtime", "");
    host.files.file(containerd_toml, config);
    host.files.file("/etc/containerd/conf.d/99-grapnel.toml", runtimes(systemd, systemd));
}

std::string yaml(const std::string& path, const std::string& more = "") {
    return "cdiVersion: 0.5.0\nkind: nvidia.com/gpu\ndevices:\n- name: \"0\"\n"
           "  containerEdits:\n    mounts:\n    - containerPath: /x\n      hostPath: "
           + path + "\n" + more;
}

/// As `grapnel cdi generate` makes it.
constexpr const char* own_cdi_file =
    R"({"cdiVersion": "0.5.0", "kind": "nvidia.com/gpu",
"devices": [{"name": "0", "containerEdits": {"env": ["A=B"]}}],
"containerEdits": {"hooks": [{"hookName": "createRuntime", "path": "/usr/bin/grapnel-hook"}]}})";

void newer_cdi_file(DoctoredHost& host, const std::string& version) {
    host.files.file("/usr/bin/podman", "");
    host.files.file("/etc/cdi/nvidia.yaml",
                    "cdiVersion: 0.7.0\nkind: nvidia.com/gpu\ndevices:\n- name: \"0\"\n"
                    "  containerEdits:\n    additionalGids:\n    - 44\n    deviceNodes:\n"
                    "    - path: /dev/nvidia0\n");
    answer(host, version);
}

} // namespace

const std::vector<Fault>& faults() {
    static const std::vector<Fault> table{
        {GR0101, "old kernel", "h200", "5.4.0",
         file("/proc/sys/kernel/osrelease", "5.4.0-150-generic\n")},
        {GR0102, "no seccomp", "h200", "seccomp",
         file("/proc/self/status", "Name:\tgrapnel\nUid:\t0\n")},
        {GR0103, "memfd_noexec", "h200", "memfd_noexec", file("/proc/sys/vm/memfd_noexec", "2\n")},
        {GR0104, "hidden device programs", "h200", "kptr_restrict",
         [](DoctoredHost& host) {
             host.files.file("/proc/sys/net/core/bpf_jit_harden", "2\n");
             host.files.file("/proc/sys/kernel/kptr_restrict", "2\n");
         }},
        {GR0105, "/dev without devices", "h200", "nodev",
         file("/proc/self/mountinfo",
              "22 1 0:5 / /dev rw,nodev - tmpfs none rw\n30 1 0:26 / /sys/fs/cgroup "
              "rw - cgroup2 none rw\n")},
        {GR0106, "no device cgroup", "h200", "cgroup",
         file("/proc/self/mountinfo", "22 1 0:5 / /dev rw - tmpfs none rw\n")},
        {GR0201, "module not loaded", "h200", "not loaded",
         with_file(unload, "/lib/modules/6.1.0-28-amd64/modules.dep",
                   "updates/dkms/nvidia-current.ko.xz:\n")},
        {GR0202, "driver not installed", "h200", "not installed", unload},
        {GR0203, "module of another kernel", "h200", "not built",
         [](DoctoredHost& host) {
             unload(host);
             host.files.directory("/lib/modules/6.1.0-28-amd64");
             host.files.file("/lib/modules/6.1.0-27-amd64/modules.dep",
                             "updates/dkms/nvidia.ko:\n");
         }},
        {GR0204, "no driver and no GPU", "h200", "no NVIDIA GPU",
         [](DoctoredHost& host) {
             host.files.remove("/proc/driver/nvidia");
             host.files.remove("/sys/bus/pci");
         }},
        {GR0205, "module of another version", "small", "libraries are 550.54.14",
         file("/proc/driver/nvidia/version",
              "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.10.20\n")},
        {GR0206, "stale cache hides the driver", "h200", "it names /opt/driver/lib64/libcuda.so.1",
         without("/opt/driver/lib64")},
        {GR0206, "cache older than ld.so.conf", "small", "it lacks the libraries in /opt/lib",
         [](DoctoredHost& host) {
             host.files.remove("/usr/lib64");
             elf(host, "/opt/lib/libcuda.so.550.54.14", "libcuda.so.1");
             elf(host, "/opt/lib/libnvidia-ml.so.550.54.14", "libnvidia-ml.so.1");
             host.files.file("/etc/ld.so.conf.d/nvidia.conf", "/opt/lib\n");
         }},
        {GR0207, "stale cache beside found libraries", "small", "is not there",
         [](DoctoredHost& host) { stale_entry(host); }},
        {GR0208, "libraries not installed", "small", "were not found", without("/usr/lib64")},
        {GR0209, "driver without CUDA", "h200", "libcuda",
         [](DoctoredHost& host) {
             host.files.remove("/opt/driver/lib64/libcuda.so.580.159.04");
             host.files.remove("/etc/ld.so.cache");
             host.settings.settings.library_search_path = {host_path("/opt/driver/lib64")};
         }},
        {GR0210, "driver without tools", "small", "libnvidia-ml",
         without("/usr/lib64/libnvidia-ml.so.550.54.14")},
        {GR0211, "empty library", "small", "empty",
         file("/usr/lib64/libnvidia-encode.so.550.54.14", "")},
        {GR0212, "driver root missing", "small", "/run/nvidia/driver",
         [](DoctoredHost& host) {
             host.settings.settings.driver_root = host_path("/run/nvidia/driver");
         }},
        {GR0213, "WSL without driver", "wsl", "is NVIDIA's",
         without("/usr/lib/wsl/drivers/nv_dispi.inf_amd64_fedcba9876543210")},
        {GR0301, "node missing", "h200", "/dev/nvidia0", without("/dev/nvidia0")},
        {GR0301, "control node missing", "h200", "/dev/nvidiactl", without("/dev/nvidiactl")},
        {GR0301, "MIG node missing", "mig", "nvidia-cap",
         [](DoctoredHost& host) { host.files.remove(first_mig_node(host)); }},
        {GR0302, "dynamic major changed", "h200", "510:0",
         [](DoctoredHost& host) { host.files.character_device("/dev/nvidia-uvm", 510, 0); }},
        {GR0303, "directory in the place of a node", "h200", "/dev/nvidia-uvm",
         [](DoctoredHost& host) {
             host.files.remove("/dev/nvidia-uvm");
             host.files.directory("/dev/nvidia-uvm");
         }},
        {GR0304, "node missing and not to be made", "h200", "load-kmods",
         [](DoctoredHost& host) {
             host.files.remove("/dev/nvidia0");
             host.settings.settings.load_kmods = false;
         }},
        {GR0304, "node left to udev", "h200", "ModifyDeviceFiles",
         [](DoctoredHost& host) {
             host.files.remove("/dev/nvidia0");
             host.files.file("/proc/driver/nvidia/params", "ModifyDeviceFiles: 0\n");
         }},
        {GR0305, "nvidia-uvm not loaded", "h200", "nvidia-uvm",
         [](DoctoredHost& host) {
             unload_uvm(host);
             host.settings.settings.load_kmods = false;
         }},
        {GR0306, "node of root alone", "h200", "only root",
         [](DoctoredHost& host) { host.files.character_device("/dev/nvidia0", 195, 0, 0600); }},
        {GR0307, "links removed", "h200", "/dev/char/195:",
         [](DoctoredHost& host) {
             host.files.directory("/run/systemd/system");
             host.files.file("/run/grapnel/containers/one", "{}");
         }},
        {GR0308, "link to another node", "h200", "/dev/char/195:0",
         [](DoctoredHost& host) {
             host.files.character_device("/dev/null", 1, 3);
             host.files.link("/dev/char/195:0", "../null");
         }},
        {GR0401, "GPU without an answer", "h200", "0000:00:06.0",
         [](DoctoredHost& host) {
             host.files.unreadable("/proc/driver/nvidia/gpus/0000:00:06.0/information", ENODEV);
         }},
        {GR0401, "GPU fell off the bus", "h200", "fallen off the bus",
         kernel_log("NVRM: Xid (PCI:0000:00:06): 79, GPU has fallen off the bus.")},
        {GR0401, "GPU reads as ones", "h200", "fallen off the bus",
         [](DoctoredHost& host) {
             pci(host, "0000:00:07.0", "nvidia");
             host.files.file("/sys/bus/pci/devices/0000:00:07.0/config", "\xff\xff\xff\xff");
         }},
        {GR0402, "GPU of vfio-pci", "h200", "vfio-pci",
         [](DoctoredHost& host) {
             host.files.remove("/proc/driver/nvidia/gpus/0000:00:06.0");
             pci(host, "0000:00:06.0", "vfio-pci");
         }},
        {GR0402, "vfio-pci without the driver", "h200", "vfio-pci",
         [](DoctoredHost& host) {
             unload(host);
             pci(host, "0000:00:06.0", "vfio-pci");
         }},
        {GR0403, "GPU of nouveau", "h200", "nouveau",
         [](DoctoredHost& host) {
             unload(host);
             pci(host, "0000:00:06.0", "nouveau");
         }},
        {GR0404, "GPU without a driver", "h200", "did not take it",
         [](DoctoredHost& host) { pci(host, "0000:00:07.0"); }},
        {GR0405, "one GPU of vfio-pci", "h200", "0000:00:07.0",
         [](DoctoredHost& host) { pci(host, "0000:00:07.0", "vfio-pci"); }},
        {GR0406, "UUID not known", "h200", "persistence",
         file("/proc/driver/nvidia/gpus/0000:00:06.0/information",
              "Model: \t NVIDIA H200\nGPU UUID: \t "
              "GPU-\?\?\?\?\?\?\?\?-0000\nDevice Minor: \t 0\nGPU "
              "Excluded:\t No\n")},
        {GR0407, "persistenced does not run", "h200", "nvidia-persistenced",
         [](DoctoredHost& host) { enable(host, "nvidia-persistenced.service"); }},
        {GR0409, "MIG device not described", "mig", "MIG device",
         without("/proc/driver/nvidia/capabilities/gpu2/mig/gi1/ci0/access")},
        {GR0413, "MIG mode without a MIG device", "h200", "MIG mode",
         [](DoctoredHost& host) {
             host.here.gpus_in_mig_mode = [](const Inventory&) {
                 return std::vector<std::string>{"0000:00:06.0"};
             };
         }},
        {GR0410, "no fabric manager", "h200", "fabricmanager",
         directory("/proc/driver/nvidia-nvswitch/devices/0000:06:00.0")},
        {GR0411, "no GPU", "h200", "no GPU",
         [](DoctoredHost& host) {
             host.files.remove("/proc/driver/nvidia/gpus/0000:00:06.0");
             host.files.remove("/sys/bus/pci/devices");
             host.files.directory("/proc/driver/nvidia/gpus");
         }},
        {GR0107, "Secure Boot", "h200", "Secure Boot",
         with_file(install_unloaded, "/sys/kernel/security/lockdown",
                   "none [integrity] confidentiality\n")},
        {GR0108, "full mount table", "h200", "fs.mount-max", file("/proc/sys/fs/mount-max", "2\n")},
        {GR0214, "modules_disabled", "h200", "modules_disabled",
         with_file(install_unloaded, "/proc/sys/kernel/modules_disabled", "1\n")},
        {GR0215, "module on the kernel's list", "h200", "module_blacklist",
         with_file(install_unloaded, "/proc/cmdline",
                   "quiet module_blacklist=nouveau,nvidia ro\n")},
        {GR0215, "blacklisted module", "h200", "blacklist.conf",
         with_file(install_unloaded, "/etc/modprobe.d/blacklist.conf", "# x\nblacklist  nvidia\n")},
        {GR0215, "blacklisted module behind a tab", "h200", "blacklist.conf",
         with_file(install_unloaded, "/etc/modprobe.d/blacklist.conf", "\tblacklist\tnvidia\n")},
        {GR0201, "blacklist that a file of its name hides", "h200", "is not loaded",
         [](DoctoredHost& host) {
             install_unloaded(host);
             host.files.file("/etc/modprobe.d/nvidia.conf", "# none\n");
             host.files.file("/usr/lib/modprobe.d/nvidia.conf", "blacklist nvidia\n");
         }},
        {GR0215, "module that is installed by false", "h200", "off.conf",
         with_file(install_unloaded, "/usr/lib/modprobe.d/off.conf",
                   "install nvidia /bin/false\n")},
        {GR0216, "missing firmware", "h200", "gsp_ga10x.bin",
         kernel_log("nvidia 0000:00:06.0: Direct firmware load for nvidia/"
                    "580.159.04/gsp_ga10x.bin failed with error -2")},
        {GR0412, "GPU without initialisation", "h200", "RmInitAdapter",
         [](DoctoredHost& host) {
             pci(host, "0000:00:06.0", "nvidia");
             host.here.kernel_log = {"NVRM: GPU 0000:00:06.0: RmInitAdapter failed! (0x23:0x65)"};
         }},
        {GR1106, "CDI file for a newer podman", "h200", "podman 4.9.3",
         [](DoctoredHost& host) { newer_cdi_file(host, "podman version 4.9.3\n"); }},
        {GR0807, "snap of Fedora", "h200", "snap", directory("/var/lib/snapd/snap/docker/current")},
        {GR0501, "cgroup manager of Docker", "h200", "cgroup manager",
         [](DoctoredHost& host) {
             register_runtime(host, R"("exec-opts": ["native.cgroupdriver=systemd"])");
         }},
        {GR0501, "cgroup manager of podman", "h200", "cgroup manager",
         [](DoctoredHost& host) {
             host.files.file("/usr/bin/podman", "");
             host.files.file("/etc/containers/containers.conf",
                             "[engine]\ncgroup_manager = \"systemd\"\n");
         }},
        {GR0601, "SELinux boolean", "h200", "container_use_devices",
         [](DoctoredHost& host) {
             selinux(host);
             host.files.file("/usr/bin/podman", "");
         }},
        {GR0602, "SELinux denial", "h200", "denied",
         [](DoctoredHost& host) {
             selinux(host, "1 1\n");
             host.files.file(
                 "/var/log/audit/audit.log",
                 "type=AVC msg=audit(1): avc:  denied  { read } for  comm=\"nvidia-smi\" "
                 "name=\"nvidiactl\" scontext=system_u:system_r:container_t:s0 "
                 "tcontext=system_u:object_r:xserver_misc_device_t:s0\n");
         }},
        {GR0603, "AppArmor profile of the hook", "h200", "/usr/bin/grapnel-hook",
         file("/sys/kernel/security/apparmor/profiles",
              "docker-default (enforce)\n/usr/bin/grapnel-hook (enforce)\n")},
        {GR0604, "AppArmor denial", "h200", "lxc-container-default",
         [](DoctoredHost& host) {
             host.files.file("/sys/kernel/security/apparmor/profiles",
                             "docker-default (enforce)\n");
             host.here.kernel_log = {
                 "audit: type=1400 audit(1): apparmor=\"DENIED\" operation=\"mount\" "
                 "profile=\"lxc-container-default\" name=\"/proc/driver/nvidia/\""};
         }},
        {GR0701, "unknown key", "h200", "did you mean",
         [](DoctoredHost& host) {
             host.settings.mistake =
                 read_settings("ldcach = \"off\"\n", Dialect::grapnel, "/etc/grapnel/config.toml")
                     .mistake;
         }},
        {GR0702, "settings of root alone", "h200", "/etc/grapnel/config.toml",
         [](DoctoredHost& host) {
             host.files.file("/etc/grapnel/config.toml", "");
             host.files.character_device("/etc/grapnel/config.toml", 1, 3, 0600);
         }},
        {GR0703, "hook missing", "h200", "/usr/bin/grapnel-hook",
         [](DoctoredHost& host) {
             host.here.own_program = host_path("/usr/bin/grapnel");
             host.files.file("/usr/bin/grapnel-runtime", "");
             host.settings.settings.probe = {};
         }},
        {GR0704, "hook is setuid", "h200", "setuid",
         [](DoctoredHost& host) {
             host.files.character_device("/usr/bin/grapnel-hook", 1, 3, 04755);
         }},
        {GR0705, "probe missing", "h200", "grapnel-probe",
         [](DoctoredHost& host) {
             host.here.own_program = host_path("/usr/bin/grapnel");
             host.files.file("/usr/bin/grapnel-runtime", "");
             host.files.file("/usr/bin/grapnel-hook", "");
         }},
        {GR0706, "directory of the log missing", "h200", "/srv/log",
         [](DoctoredHost& host) {
             host.settings.settings.log = host_path("/srv/log/grapnel.log");
         }},
        {GR0707, "ldconfig missing", "h200", "/sbin/ldconfig.real",
         [](DoctoredHost& host) {
             host.settings.settings.ldconfig = host_path("/sbin/ldconfig.real");
         }},
        {GR0708, "mode csv without lists", "thor", "csv",
         [](DoctoredHost& host) {
             host.settings.settings.mode = RuntimeMode::csv;
             host.settings.settings.csv_directory = host_path("/etc/none");
         }},
        {GR0709, "no-cgroups with dockerd", "h200", "no-cgroups",
         [](DoctoredHost& host) {
             host.settings.settings.no_cgroups = true;
             register_runtime(host);
             start_dockerd(host);
         }},
        {GR0801, "daemon.json is broken", "h200", "/etc/docker/daemon.json",
         [](DoctoredHost& host) { docker(host, "{\"runtimes\": }"); }},
        {GR0802, "runtime not registered", "h200", "no runtime",
         [](DoctoredHost& host) {
             docker(host, "{}");
             start_dockerd(host);
         }},
        {GR0803, "program of the runtime missing", "h200", "/opt/gone",
         [](DoctoredHost& host) {
             docker(host, R"({"runtimes": {"nvidia": {"path": "/opt/gone/grapnel-runtime"}}})");
         }},
        {GR0804, "default runtime unknown", "h200", "'kata'",
         [](DoctoredHost& host) { register_runtime(host, R"("default-runtime": "kata")"); }},
        {GR0805, "default runtime of another kind", "h200", "'kata'",
         [](DoctoredHost& host) {
             host.files.file("/usr/bin/kata", "");
             docker(
                 host,
                 R"({"default-runtime": "kata", "runtimes": {"kata": {"path": "/usr/bin/kata"}, "nvidia": {"path": "/usr/bin/grapnel-runtime"}}})");
         }},
        {GR0806, "hook not in dockerd's PATH", "h200", "/usr/bin/nvidia-container-runtime-hook",
         [](DoctoredHost& host) {
             docker(host, "{}");
             host.files.file("/usr/bin/grapnel-hook", "");
             host.files.link("/usr/bin/nvidia-container-runtime-hook", "grapnel-hook");
             start(host, "77", "dockerd", "", "PATH=/opt/docker/bin:/sbin");
         }},
        {GR0807, "Docker of snap", "h200", "snap",
         [](DoctoredHost& host) {
             start_dockerd(host);
             host.files.link("/proc/77/exe", "/snap/docker/2915/bin/dockerd");
         }},
        {GR0807, "Docker of snap that does not run", "h200", "snap",
         directory("/snap/docker/current")},
        {GR0808, "daemon.json newer than dockerd", "h200", "'nvidia'",
         [](DoctoredHost& host) {
             start_dockerd(host);
             register_runtime(host);
             start_early(host, "77");
             answer(host, R"({"default": "runc", "runtimes": {"runc": {}}})");
         }},
        {GR0809, "Docker Desktop", "h200", "Docker Desktop", directory("/opt/docker-desktop/bin")},
        {GR0810, "no low-level runtime", "h200", "runc",
         [](DoctoredHost& host) {
             host.files.remove("/usr/bin/runc");
             register_runtime(host);
         }},
        {GR0901, "podman without a hook", "h200", "no hook",
         [](DoctoredHost& host) {
             host.files.file("/usr/bin/podman", "");
             host.files.file("/var/lib/containers/storage/db.sql", "");
         }},
        {GR0902, "program of the hook missing", "h200", "/opt/gone",
         [](DoctoredHost& host) { podman_with(host, "/opt/gone/grapnel-hook"); }},
        {GR0903, "hooks_dir without the hook's directory", "h200", "hooks_dir",
         with_file(podman, "/etc/containers/containers.conf",
                   "[engine]\nhooks_dir = [\"/etc/other\"]\n")},
        {GR0904, "hook file is broken", "h200", "no JSON",
         with_file(podman, "/etc/containers/oci/hooks.d/a.json", "{")},
        {GR0905, "containers.conf is broken", "h200", "containers.conf",
         with_file(podman, "/etc/containers/containers.conf", "[engine\n")},
        {GR0906, "rootless podman without hooks_dir", "h200", "/home/anna",
         [](DoctoredHost& host) {
             podman(host);
             rootless_storage(host, "/home/anna");
         }},
        {GR0906, "rootless podman of this user", "h200", "/home/anna",
         [](DoctoredHost& host) {
             podman(host);
             host.here.user = 1000;
             host.here.home = host_path("/home/anna");
         }},
        {GR1001, "config.toml is broken", "h200", "config.toml",
         file(containerd_toml, "version = \n")},
        {GR1002, "drop-in not imported", "h200", "does not import",
         [](DoctoredHost& host) { containerd(host, "version = 2\n", "true"); }},
        {GR1003, "program of the runtime missing in containerd", "h200", "/opt/gone",
         [](DoctoredHost& host) {
             host.files.file(containerd_toml,
                             runtimes("true", "true", "/opt/gone/grapnel-runtime"));
         }},
        {GR1004, "cgroup managers differ", "h200", "SystemdCgroup",
         [](DoctoredHost& host) {
             host.files.file("/usr/bin/grapnel-runtime", "");
             host.files.file(containerd_toml, runtimes("true", "false"));
         }},
        {GR1005, "containerd older than its file", "h200", "after containerd started",
         [](DoctoredHost& host) {
             host.files.file("/usr/bin/grapnel-runtime", "");
             start_containerd(host);
             host.files.file(containerd_toml, runtimes("true", "true"));
             start_early(host, "88");
         }},
        {GR1006, "kubelet without the runtime", "h200", "kubelet",
         [](DoctoredHost& host) {
             start_containerd(host);
             start_kubelet(host);
             host.files.file(containerd_toml, "version = 2\n");
         }},
        {GR1006, "k3s without the runtime", "h200", "kubelet",
         [](DoctoredHost& host) {
             start_containerd(host);
             start(host, "89", "k3s-server");
         }},
        {GR1007, "kubelet with another cgroup manager", "h200", "kubelet",
         [](DoctoredHost& host) {
             host.files.file("/usr/bin/grapnel-runtime", "");
             host.files.file(containerd_toml, runtimes("false", "false"));
             host.files.file("/var/lib/kubelet/config.yaml", "cgroupDriver: systemd\n");
         }},
        {GR1008, "program of CRI-O's runtime missing", "h200", "/opt/gone",
         [](DoctoredHost& host) {
             host.files.file(
                 "/etc/crio/crio.conf.d/99-grapnel.toml",
                 "[crio.runtime.runtimes.nvidia]\nruntime_path = \"/opt/gone/grapnel-runtime\"\n");
         }},
        {GR1008, "program of crio.conf's runtime missing", "h200", "crio.conf",
         file("/etc/crio/crio.conf", "[crio.runtime.runtimes.gpu]\nruntime_path = "
                                     "\"/usr/bin/nvidia-container-runtime\"\n")},
        {GR1101, "CDI file is broken", "h200",
         "nvidia.json: line 2: ", file("/etc/cdi/nvidia.json", "{\"kind\": \"nvidia.com/gpu\",")},
        {GR1102, "CDI file of an earlier driver", "h200", "libcuda.so.575.57.08",
         [](DoctoredHost& host) {
             host.files.file("/etc/cdi/nvidia.yaml", yaml("/usr/lib64/libcuda.so.575.57.08"));
         }},
        {GR1102, "CDI file with an old major", "h200", "/dev/nvidia-uvm",
         [](DoctoredHost& host) {
             host.files.file(
                 "/etc/cdi/nvidia.yaml",
                 yaml("/etc",
                      "    deviceNodes:\n    - {path: /dev/nvidia-uvm, major: 510, minor: 0}\n"));
         }},
        {GR1103, "hook of a CDI file missing", "h200", "/usr/bin/nvidia-cdi-hook",
         [](DoctoredHost& host) {
             host.files.file("/etc/cdi/nvidia.yaml",
                             yaml("/etc", "    hooks:\n    - hookName: createContainer\n"
                                          "      path: /usr/bin/nvidia-cdi-hook\n"));
         }},
        {GR1104, "two CDI files", "h200", "both have",
         [](DoctoredHost& host) {
             host.files.file("/usr/bin/grapnel-hook", "");
             host.files.file("/etc/cdi/nvidia.yaml", yaml("/etc"));
             host.files.file("/etc/cdi/grapnel.json", own_cdi_file);
         }},
        {GR1105, "CDI file without a GPU", "mig", "lacks",
         [](DoctoredHost& host) { host.files.file("/etc/cdi/nvidia.yaml", yaml("/etc")); }},
        {GR1201, "hook of NVIDIA beside ours", "h200", "NVIDIA's hook",
         [](DoctoredHost& host) {
             host.files.file("/usr/bin/podman", "");
             host.files.file("/opt/nvidia/nvidia-container-runtime-hook", "");
             podman(host);
             host.files.file("/usr/share/containers/oci/hooks.d/oci-nvidia-hook.json",
                             hook_file("/opt/nvidia/nvidia-container-runtime-hook"));
         }},
        {GR1202, "runtime of NVIDIA", "h200", "NVIDIA's",
         [](DoctoredHost& host) {
             host.files.file("/opt/nvidia/nvidia-container-runtime", "");
             docker(
                 host,
                 R"({"runtimes": {"nvidia": {"path": "/opt/nvidia/nvidia-container-runtime"}}})");
         }},
        {GR1203, "hook of NVIDIA in PATH", "h200", "NVIDIA's hook",
         file("/usr/bin/nvidia-container-runtime-hook", "")},
        {GR1301, "runtime forgotten", "h200", "without --runtime=nvidia",
         [](DoctoredHost& host) { docker_container(host, {.runtime = "runc"}); }},
        {GR1302, "variable forgotten", "h200", "asks for no GPU",
         [](DoctoredHost& host) { docker_container(host, {.variables = R"("PATH=/bin")"}); }},
        {GR1303, "empty files in an image", "h200", "libcuda.so.1",
         [](DoctoredHost& host) {
             host.here.leftovers = {"/var/lib/docker/overlay2/a/diff: /usr/lib64/libcuda.so.1"};
         }},
    };
    return table;
}

const std::vector<NearFault>& near_faults() {
    static const std::vector<NearFault> table{
        {"Docker with the runtime", "h200",
         [](DoctoredHost& host) {
             register_runtime(host);
             start_dockerd(host);
         }},
        {"Docker with the hook alone", "h200",
         [](DoctoredHost& host) {
             docker(host, "{}");
             host.files.file("/usr/bin/grapnel-hook", "");
             host.files.link("/usr/bin/nvidia-container-runtime-hook", "grapnel-hook");
             start_dockerd(host);
         }},
        {"Docker with a runtime of two words", "h200",
         [](DoctoredHost& host) {
             docker(host, "{}");
             start(
                 host, "77", "dockerd",
                 "dockerd --add-runtime nvidia=/usr/bin/grapnel-runtime --default-runtime nvidia");
         }},
        {"Docker with a program among the options", "h200",
         [](DoctoredHost& host) {
             docker(
                 host,
                 R"({"default-runtime": "gpu", "runtimes": {"gpu": {"runtimeType": "io.containerd.runc.v2", "options": {"BinaryName": "/usr/bin/grapnel-runtime"}}}})");
             start_dockerd(host);
         }},
        {"Docker with a name for a program", "h200",
         [](DoctoredHost& host) {
             docker(
                 host,
                 R"({"default-runtime": "nvidia", "runtimes": {"nvidia": {"path": "grapnel-runtime"}}})");
             start_dockerd(host);
         }},
        {"crio.conf with another runtime", "h200",
         file("/etc/crio/crio.conf",
              "[crio.runtime.runtimes.runc]\nruntime_path = \"/usr/sbin/runc\"\n"
              "[crio.runtime.runtimes.crun]\nruntime_path = \"\"\n")},
        {"RKE2's containerd", "h200",
         [](DoctoredHost& host) {
             const std::string config = "/var/lib/rancher/rke2/agent/etc/containerd/config.toml";
             start(host, "78", "kubelet");
             start(host, "79", "containerd", "containerd -c " + config);
             host.files.file("/usr/bin/grapnel-runtime", "");
             host.files.file(config, runtimes("true", "true"));
         }},
        {"module that modprobe installs", "h200",
         file("/etc/modprobe.d/nvidia.conf",
              "install nvidia modprobe -i nvidia-current $CMDLINE_OPTS\n")},
        {"firmware that came later", "h200",
         [](DoctoredHost& host) {
             host.files.file("/lib/firmware/nvidia/580.159.04/gsp_ga10x.bin", "x");
             host.here.kernel_log = {"nvidia 0000:00:06.0: Direct firmware load for nvidia/"
                                     "580.159.04/gsp_ga10x.bin failed with error -2",
                                     "Direct firmware load for nvidia/575.1/gsp_tu10x.bin failed"};
         }},
        {"newer podman with a newer CDI file", "h200",
         [](DoctoredHost& host) { newer_cdi_file(host, "podman version 5.4.2\n"); }},
        {"mounts below the limit", "h200", file("/proc/sys/fs/mount-max", "100000\n")},
        {"GPU that can have MIG devices", "h200",
         [](DoctoredHost& host) {
             host.here.gpus_in_mig_mode = [](const Inventory&) {
                 return std::vector<std::string>();
             };
         }},
        {"MIG mode with MIG devices", "mig",
         [](DoctoredHost& host) {
             host.here.gpus_in_mig_mode = [](const Inventory& inventory) {
                 std::vector<std::string> out;
                 for (const auto& gpu : inventory.gpus)
                     if (!gpu.mig_devices.empty())
                         out.push_back(gpu.pci);
                 return out;
             };
         }},
        {"GPU without MIG is not asked", "small",
         [](DoctoredHost& host) {
             host.here.gpus_in_mig_mode = [](const Inventory& inventory) {
                 return std::vector<std::string>{inventory.gpus.front().pci};
             };
         }},
        {"podman that appends a directory", "h200",
         [](DoctoredHost& host) {
             podman(host);
             host.files.file("/etc/containers/containers.conf",
                             "[engine]\nhooks_dir = [\"/usr/share/containers/oci/hooks.d\"]\n");
             host.files.file("/etc/containers/containers.conf.d/a.conf",
                             "[engine]\nhooks_dir = [\"/etc/other\", {append = true}]\n");
         }},
        {"a dockerd in a container", "h200",
         with_file(start_dockerd, "/proc/77/status", "Uid:\t0\t0\t0\t0\nNSpid:\t77\t1\n")},
        {"a dockerd with other files", "h200",
         [](DoctoredHost& host) {
             start_dockerd(host);
             host.files.link("/proc/77/ns/mnt", "mnt:[2]");
             host.files.link("/proc/self/ns/mnt", "mnt:[1]");
         }},
        {"daemon.json that was reloaded", "h200",
         [](DoctoredHost& host) {
             start_dockerd(host);
             register_runtime(host);
             start_early(host, "77");
             answer(host, R"({"default": "runc", "runtimes": {"nvidia": {}}})");
         }},
        {"podman with the hook", "h200",
         with_file(podman, "/var/lib/containers/storage/db.sql", "")},
        {"rootless podman with hooks_dir", "h200",
         [](DoctoredHost& host) {
             podman(host);
             rootless_storage(host, "/home/anna");
             host.files.file("/home/anna/.config/containers/containers.conf",
                             "[engine]\nhooks_dir = [\"/usr/share/containers/oci/hooks.d\"]\n");
         }},
        {"rootless podman with CDI", "h200",
         [](DoctoredHost& host) {
             podman(host);
             rootless_storage(host, "/home/anna");
             host.files.file("/etc/cdi/grapnel.json", own_cdi_file);
         }},
        {"containerd for Docker alone", "h200",
         [](DoctoredHost& host) {
             start_containerd(host);
             host.files.file(containerd_toml, "version = 2\n");
         }},
        {"containerd with the runtime", "h200",
         [](DoctoredHost& host) {
             host.files.file("/usr/bin/grapnel-runtime", "");
             start_containerd(host);
             start_kubelet(host);
             host.files.file(containerd_toml, runtimes("true", "true"));
             host.files.file("/var/lib/kubelet/config.yaml", "cgroupDriver: systemd\n");
         }},
        {"kubelet of GKE", "gke-driver-as-driver-root",
         [](DoctoredHost& host) {
             start_containerd(host);
             start_kubelet(host);
             host.files.file(containerd_toml, "version = 2\n");
         }},
        {"old kernel with openat2", "h200",
         [](DoctoredHost& host) {
             host.files.file("/proc/sys/kernel/osrelease", "4.18.0-553.el8.x86_64\n");
             host.here.has_openat2 = true;
         }},
        {"SELinux with the boolean for GPUs", "h200",
         [](DoctoredHost& host) {
             selinux(host);
             host.files.file("/sys/fs/selinux/booleans/container_use_xserver_devices", "1 1\n");
             host.files.file("/usr/bin/podman", "");
         }},
        {"CDI file of WSL", "wsl",
         file("/etc/cdi/nvidia.yaml",
              "cdiVersion: 0.3.0\nkind: nvidia.com/gpu\ndevices:\n- name: all\n"
              "  containerEdits:\n    env: [A=B]\n")},
        {"SELinux with the boolean", "h200",
         [](DoctoredHost& host) {
             selinux(host, "1 1\n");
             host.files.file("/usr/bin/podman", "");
         }},
        {"SELinux without an engine that labels", "h200",
         [](DoctoredHost& host) { selinux(host); }},
        {"SELinux that is permissive", "h200",
         [](DoctoredHost& host) {
             selinux(host);
             host.files.file("/sys/fs/selinux/enforce", "0");
             host.files.file("/usr/bin/podman", "");
         }},
        {"hardened kernel", "h200",
         [](DoctoredHost& host) {
             host.files.file("/proc/sys/net/core/bpf_jit_harden", "2\n");
             host.files.file("/proc/sys/kernel/kptr_restrict", "1\n");
         }},
        {"old denial of another program", "h200",
         [](DoctoredHost& host) {
             host.files.file("/sys/kernel/security/apparmor/profiles",
                             "docker-default (enforce)\n");
             host.here.kernel_log = {
                 "audit: apparmor=\"DENIED\" profile=\"snap.firefox\" name=\"/etc/fstab\""};
         }},
        {"nodes of a group", "h200",
         [](DoctoredHost& host) { host.files.character_device("/dev/nvidia0", 195, 0, 0660, 44); }},
        {"no link before the first container", "h200", directory("/run/systemd/system")},
        {"links of running containers", "small",
         [](DoctoredHost& host) {
             host.files.directory("/run/systemd/system");
             host.files.file("/run/grapnel/containers/one", "{}");
             for (const auto& [number, node] : {std::pair("195:255", "nvidiactl"),
                                                {"195:0", "nvidia0"},
                                                {"238:0", "nvidia-uvm"}})
                 host.files.link(std::string("/dev/char/") + number, std::string("../") + node);
         }},
        {"persistenced that runs", "h200",
         [](DoctoredHost& host) {
             enable(host, "nvidia-persistenced.service");
             start(host, "90", "nvidia-persiste");
             host.files.socket("/run/nvidia-persistenced/socket");
         }},
        {"fabric manager that runs", "h200",
         [](DoctoredHost& host) {
             host.files.directory("/proc/driver/nvidia-nvswitch/devices/0000:06:00.0");
             start(host, "90", "nv-fabricmanage");
         }},
        {"own CDI file", "h200",
         [](DoctoredHost& host) {
             host.files.file("/usr/bin/grapnel-hook", "");
             host.files.file("/etc/cdi/grapnel.json", own_cdi_file);
         }},
        {"container that got its GPU", "h200",
         [](DoctoredHost& host) { docker_container(host, {}); }},
        {"container of yesterday", "h200",
         [](DoctoredHost& host) {
             docker_container(host, {.runtime = "runc"});
             host.here.now_ns = 90'000'000'000'000;
         }},
        {"hook by our link in hooks.d", "h200",
         [](DoctoredHost& host) {
             podman(host);
             host.files.link("/usr/bin/nvidia-container-runtime-hook", "grapnel-hook");
             host.files.file("/etc/containers/oci/hooks.d/oci-nvidia-hook.json",
                             hook_file("/usr/bin/nvidia-container-runtime-hook"));
         }},
    };
    return table;
}

} // namespace grapnel::test
