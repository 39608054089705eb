// SPDX-License-Identifier: Apache-2.0
#include "doctor_builders.hpp"

#include "../scenario/host_file.hpp"
#include "support/elf_file.hpp"

#include <fstream>
#include <sstream>
#include <stdexcept>

namespace grapnel::test {

namespace {

std::string read(const std::string& path) {
    std::ostringstream out;
    out << std::ifstream(path).rdbuf();
    return out.str();
}

bool exists(const std::string& path) {
    return std::ifstream(path).good();
}

void add_kernel(MemoryHost& host) {
    host.file("/proc/sys/kernel/osrelease", "6.1.0-28-amd64\n");
    host.file("/proc/self/status", "Name:\tgrapnel\nSeccomp:\t0\n");
    host.file("/proc/sys/vm/memfd_noexec", "0\n");
    host.file("/proc/sys/net/core/bpf_jit_harden", "0\n");
    host.file("/proc/sys/kernel/kptr_restrict", "0\n");
    host.file("/proc/stat", "cpu 1 2 3\nbtime 1000\n");
    host.directory("/var/log");
    host.file("/usr/bin/runc", "");
    for (const auto* const program : {"/usr/bin/newuidmap", "/usr/bin/newgidmap"}) {
        host.file(program, "");
        host.set_mode(program, 04755);
    }
}

} // namespace

DoctoredHost::DoctoredHost(const std::string& name) {
    const std::string scenario = SCENARIO_DIRECTORY;
    const auto of_case = scenario + "/cases/" + name;
    const auto file = exists(of_case + "/host.txt") ? of_case + "/host.txt"
                                                    : scenario + "/hosts/" + name + ".txt";
    const auto done = read_host_file(file, scenario + "/hosts", files);
    if (!done)
        throw std::runtime_error(done.error().text());
    add_kernel(files);
    mount_table(*this);
    if (name == "h200") // stands there while MIG is off, too
        files.directory("/proc/driver/nvidia/capabilities/gpu0/mig");
    if (name.starts_with("debian")) // the directory holds a part of the driver
        files.file("/etc/ld.so.conf.d/x86_64-linux-gnu.conf", "/usr/lib/x86_64-linux-gnu\n");
    if (name.starts_with("nixos")) // the case is about drawing
        files.file("/nix/store/x-graphics-drivers/lib/libcuda.so.550.54.14",
                   elf_file({.soname = "libcuda.so.1"}));
    if (exists(of_case + "/config.toml"))
        settings.settings =
            read_settings(read(of_case + "/config.toml"), Dialect::grapnel, "config.toml").settings;
    here.programs = host_path("/usr/bin");
}

std::vector<std::string> healthy_hosts() {
    return {"h200",
            "small",
            "mig",
            "special",
            "desktop",
            "sixteen",
            "wsl",
            "jetson",
            "thor",
            "thor-with-a-card",
            "debian-split-library-directories",
            "debian-tesla-branch-with-32-bit-libraries",
            "driver-container-of-red-hat",
            "gke-driver-as-driver-root",
            "gke-driver-on-the-host",
            "flatcar-driver-below-opt",
            "bottlerocket-driver-below-usr-lib-nvidia",
            "nixos-keeps-libraries-behind-run-opengl-driver",
            "nixos-keeps-programs-in-the-current-system"};
}

} // namespace grapnel::test
