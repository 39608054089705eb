// SPDX-License-Identifier: Apache-2.0
// Variants of a fault by other files, engines and lines of the kernel log, each with a healthy
// twin.
#include "doctor_builders.hpp"
#include "support/elf_file.hpp"

#include <cerrno>

namespace grapnel::test {

namespace {

using enum doctor_command::Code;

/// A GPU on the bus that no driver took.
void add_unbound(DoctoredHost& host) {
    pci(host, "0000:00:07.0", "", "0x030000");
}

void hold(DoctoredHost& host, const std::string& engine, const std::string& version) {
    host.here.holders = {{.id = "web", .engine = engine, .driver_version = version}};
}

void ended_by_smi(DoctoredHost& host, const std::string& capabilities, const std::string& state) {
    docker_container(host, {.state = state,
                            .variables = R"("NVIDIA_VISIBLE_DEVICES=all", )"
                                         R"("NVIDIA_DRIVER_CAPABILITIES=)"
                                         + capabilities + "\""});
}

/// The driver's libraries on a file system of their own.
void mount_driver(DoctoredHost& host, const std::string& options) {
    mount_table(host, "31 1 0:27 / /opt/driver rw," + options + " - ext4 /dev/sdb rw\n");
}

void add_group(DoctoredHost& host) {
    host.here.user = 1000;
    host.files.character_device("/dev/nvidia0", 195, 0, 0660, 44);
    host.files.file("/etc/group", "video:x:44:\n");
    host.files.file("/etc/passwd", "anna:x:1000:1000::/home/anna:/bin/sh\n");
    host.files.file("/usr/bin/sudo", "");
}

} // namespace

const std::vector<Fault>& fault_variants() {
    static const std::vector<Fault> table{
        // modules
        {GR0107, "unsigned module by the kernel's own line", "h200", "Secure Boot",
         [](DoctoredHost& host) {
             install_module(host, "updates/dkms/nvidia.ko");
             host.here.kernel_log = {"Loading of module with unavailable key is rejected"};
         }},
        {GR0107, "unsigned module by lockdown's line", "h200", "Secure Boot",
         [](DoctoredHost& host) {
             install_module(host, "updates/dkms/nvidia.ko.zst");
             host.here.kernel_log = {"Lockdown: modprobe: unsigned module loading is restricted; "
                                     "see man kernel_lockdown.7"};
         }},
        {GR0107, "module.sig_enforce", "h200", "Secure Boot",
         [](DoctoredHost& host) {
             install_module(host, "updates/dkms/nvidia.ko");
             host.files.file("/sys/module/module/parameters/sig_enforce", "Y\n");
         }},
        {GR0201, "signed module under lockdown", "h200", "is not loaded",
         [](DoctoredHost& host) {
             install_module(host, "kernel/nvidia-550/nvidia.ko");
             host.files.file(std::string(running_kernel) + ("kernel/nvidia-550/nvidia.ko"),
                             "ELF~Module signature appended~\n");
             host.files.file("/sys/kernel/security/lockdown", "none [integrity] confidentiality\n");
         }},
        {GR0215, "blacklisted module with Secure Boot", "h200", "a.conf",
         [](DoctoredHost& host) {
             install_module(host, "updates/dkms/nvidia.ko");
             host.files.file("/etc/modprobe.d/a.conf", "blacklist nvidia\n");
             host.files.file("/sys/kernel/security/lockdown", "none [integrity] confidentiality\n");
         }},
        {GR0215, "prime-select intel", "h200", "blacklist-nvidia.conf",
         [](DoctoredHost& host) {
             install_module(host, "updates/dkms/nvidia.ko");
             host.files.file("/lib/modprobe.d/blacklist-nvidia.conf", "alias nvidia off\n");
         }},
        {GR0215, "modprobe.blacklist", "h200", "modprobe.blacklist=nvidia",
         [](DoctoredHost& host) {
             install_module(host, "updates/dkms/nvidia.ko");
             host.files.file("/proc/cmdline", "quiet modprobe.blacklist=nvidia ro\n");
         }},
        {GR0203, "DKMS that failed on the only kernel", "h200", "make.log",
         [](DoctoredHost& host) {
             unload(host);
             host.files.file(std::string(running_kernel) + ("modules.dep"), "kernel/fs/ext4.ko:\n");
             host.files.file("/var/lib/dkms/nvidia/580.159.04/build/make.log", "error\n");
         }},
        {GR0203, "kernel that was replaced", "h200", "was replaced",
         [](DoctoredHost& host) {
             unload(host);
             host.files.file("/lib/modules/6.2.0-1/modules.dep", "kernel/nvidia.ko.xz:\n");
         }},
        {GR0202, "libraries without a module", "small", "apart from libraries of 550.54.14",
         unload},
        {GR0205, "initramfs with the old module", "small", "initramfs",
         [](DoctoredHost& host) {
             host.files.file("/proc/driver/nvidia/version",
                             "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.10.20\n");
             host.files.file(std::string(running_kernel) + ("modules.dep"),
                             "updates/dkms/nvidia.ko:\n");
             host.files.file(std::string(running_kernel) + ("updates/dkms/nvidia.ko"), "x");
             host.files.file("/etc/os-release", "ID=debian\n");
         }},
        {GR0217, "driver on a noexec mount", "h200", "/opt/driver is mounted noexec",
         [](DoctoredHost& host) { mount_driver(host, "nosuid,noexec"); }},
        {GR0218, "WSL without /dev/dxg", "wsl", "/dev/dxg",
         [](DoctoredHost& host) {
             host.files.remove("/dev/dxg");
             host.files.file("/proc/sys/kernel/osrelease", "5.15.153.1-microsoft-standard-WSL2\n");
         }},
        {GR0202, "WSL's kernel with a GPU on the bus", "wsl", "not installed",
         [](DoctoredHost& host) {
             unload(host);
             host.files.remove("/dev/dxg");
             host.files.file("/proc/sys/kernel/osrelease", "5.15.153.1-microsoft-standard-WSL2\n");
         }},
        // nodes
        {GR0306, "node of root alone, with a group", "h200", "only root",
         [](DoctoredHost& host) {
             add_group(host);
             host.files.character_device("/dev/nvidia0", 195, 0, 0600, 44);
         }},
        {GR0305, "nvidia-uvm that is not installed", "h200", "no such module",
         [](DoctoredHost& host) {
             unload_uvm(host);
             host.files.file(std::string(running_kernel) + ("modules.dep"), "updates/nvidia.ko:\n");
         }},
        {GR0305, "nvidia-uvm with modules_disabled", "h200", "modules_disabled",
         [](DoctoredHost& host) {
             unload_uvm(host);
             host.files.file("/proc/sys/kernel/modules_disabled", "1\n");
         }},
        {GR0309, "nvidia-uvm not loaded yet", "h200", "/dev/nvidia-uvm", unload_uvm},
        {GR0310, "user outside of the node's group", "h200", "/dev/nvidia0", add_group},
        // GPUs
        {GR0414, "old GPU with the open module", "h200", "open nvidia.ko",
         [](DoctoredHost& host) {
             add_unbound(host);
             host.here.kernel_log = {
                 "NVRM: The NVIDIA GPU 0000:00:07.0 (PCI ID: 10de:1b80) installed in this system "
                 "is not supported by open nvidia.ko because it does not include the required GPU"};
         }},
        {GR0414, "new GPU without the open module", "h200", "open kernel modules",
         [](DoctoredHost& host) {
             add_unbound(host);
             host.here.kernel_log = {"NVRM: installed in this system requires use of the NVIDIA "
                                     "open kernel modules. NVRM: GPU 0000:00:07.0"};
         }},
        {GR0404, "reason that names another GPU", "h200", "did not take it",
         [](DoctoredHost& host) {
             add_unbound(host);
             host.here.kernel_log = {"NVRM: The NVIDIA GPU 0000:00:08.0 (PCI ID: 10de:1b80) "
                                     "installed in this system is not supported by open nvidia.ko"};
         }},
        {GR0401, "GPU without an answer after an Xid", "h200", "does not answer",
         [](DoctoredHost& host) {
             host.files.unreadable("/proc/driver/nvidia/gpus/0000:00:06.0/information", ENODEV);
             host.here.kernel_log = {"NVRM: Xid (PCI:0000:00:06): 119, pid=1, Timeout"};
         }},
        {GR0415, "GPU System Processor without an answer", "h200", "Xid",
         kernel_log("NVRM: Xid (PCI:0000:00:06): 119, pid=1, Timeout after 6s of "
                    "waiting for RPC response from GPU0 GSP!")},
        {GR0415, "GPU that asks for a reset", "h200", "Reset Required",
         kernel_log("NVRM: Xid (PCI:0000:00:06): 154, GPU recovery action changed "
                    "from 0x0 (None) to 0x1 (GPU Reset Required)")},
        {GR0703, "hook that is not executable", "h200", "not executable",
         [](DoctoredHost& host) {
             host.files.character_device("/usr/bin/grapnel-hook", 1, 3, 0644);
         }},
        // containers
        {GR1304, "container with an earlier driver", "h200", "575.57.08",
         [](DoctoredHost& host) { hold(host, "docker", "575.57.08"); }},
        {GR0208, "container with an earlier driver, and no libraries", "small", "not found",
         [](DoctoredHost& host) {
             host.files.remove("/usr/lib64");
             hold(host, "docker", "535.10.20");
         }},
        {GR1305, "nvidia-smi without utility", "h200", "lacks utility",
         [](DoctoredHost& host) {
             ended_by_smi(host, "compute", R"("Running": false, "ExitCode": 127)");
         }},
        {GR1306, "requirement that was not met", "h200", "cuda>=99.0",
         [](DoctoredHost& host) {
             ended_by_smi(
                 host, "all",
                 R"("Running": false, "ExitCode": 128, "Error": "failed to create task: error running prestart hook #0: exit status 1, stdout: , stderr: grapnel-hook: requirement 'cuda>=99.0' is not met: the driver serves CUDA 13.0\n")");
         }},
    };
    return table;
}

const std::vector<NearFault>& healthy_variants() {
    static const std::vector<NearFault> table{
        {"rejected module that is no concern", "h200",
         kernel_log("Loading of unsigned module is rejected")},
        {"driver on an exec mount", "h200",
         [](DoctoredHost& host) { mount_driver(host, "nosuid,nodev"); }},
        {"noexec mount below the driver's", "h200",
         file("/proc/self/mountinfo", "22 1 0:5 / /dev rw,nosuid,noexec - devtmpfs udev rw\n"
                                      "30 1 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n"
                                      "31 1 0:27 / /opt rw,noexec - ext4 /dev/sdb rw\n"
                                      "32 1 0:28 / /opt/driver rw - ext4 /dev/sdc rw\n")},
        {"noexec mount above the driver's, mounted later", "h200",
         file("/proc/self/mountinfo", "22 1 0:5 / /dev rw,nosuid - devtmpfs udev rw\n"
                                      "30 1 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n"
                                      "31 1 0:28 / /opt/driver rw - ext4 /dev/sdc rw\n"
                                      "32 1 0:27 / /opt rw,noexec - ext4 /dev/sdb rw\n")},
        {"node of a group, for everybody", "h200",
         [](DoctoredHost& host) {
             add_group(host);
             host.files.character_device("/dev/nvidia0", 195, 0, 0666, 44);
         }},
        {"user of the node's group", "h200",
         [](DoctoredHost& host) {
             add_group(host);
             host.here.groups = {100, 44};
         }},
        {"GPU of an integrated card that needs no driver", "h200",
         [](DoctoredHost& host) {
             host.files.file("/sys/bus/pci/devices/0000:00:02.0/vendor", "0x8086\n");
             host.files.file("/sys/bus/pci/devices/0000:00:02.0/class", "0x030000\n");
         }},
        {"Xid of a program's own fault", "h200",
         [](DoctoredHost& host) {
             host.here.kernel_log = {
                 "NVRM: Xid (PCI:0000:00:06): 31, pid=7, name=python3, MMU Fault",
                 "NVRM: Xid (PCI:0000:00:06): 154, GPU recovery action changed from 0x1 to 0x0 "
                 "(None)"};
         }},
        {"container with the host's driver", "h200",
         [](DoctoredHost& host) { hold(host, "docker", "580.159.04"); }},
        {"container without libraries", "h200",
         [](DoctoredHost& host) { hold(host, "docker", ""); }},
        {"nvidia-smi with utility", "h200",
         [](DoctoredHost& host) {
             ended_by_smi(host, "compute,utility", R"("Running": false, "ExitCode": 0)");
         }},
        {"nvidia-smi with utility that was not found", "h200",
         [](DoctoredHost& host) {
             ended_by_smi(host, "compute,utility", R"("Running": false, "ExitCode": 127)");
         }},
        {"container that runs after a refusal", "h200",
         [](DoctoredHost& host) {
             ended_by_smi(host, "all",
                          R"("Running": true, "Error": "stderr: grapnel-hook: unknown device")");
         }},
        {"container that another program refused", "h200",
         [](DoctoredHost& host) {
             ended_by_smi(host, "all", R"("Running": false, "ExitCode": 128, "Error": "no space")");
         }},
        {"cgroup v1 with hidden device programs", "h200",
         [](DoctoredHost& host) {
             host.files.file("/proc/sys/net/core/bpf_jit_harden", "2\n");
             host.files.file("/proc/sys/kernel/kptr_restrict", "2\n");
             host.files.file("/proc/self/mountinfo",
                             "22 1 0:5 / /dev rw,nosuid - devtmpfs udev rw\n"
                             "30 1 0:26 / /sys/fs/cgroup/devices rw - cgroup cgroup rw,devices\n"
                             "31 1 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
         }},
    };
    return table;
}

} // namespace grapnel::test
