// SPDX-License-Identifier: Apache-2.0
// An inventory that is kept with the host's answers: whatever changes it changes an answer.
#include "driver/inventory.hpp"
#include "driver/observed_host.hpp"
#include "support/elf_file.hpp"
#include "support/machine_names.hpp"
#include "support/memory_host.hpp"

#include <doctest/doctest.h>
#include <functional>
#include <limits>
#include <utility>

using namespace grapnel;
using driver::gives_same_answers;
using driver::ObservedHost;
using test::MemoryHost;

namespace {

constexpr auto forever = std::numeric_limits<std::int64_t>::max();
using Change = std::function<void(MemoryHost&)>;

const std::string version = "580.159.04";
const std::string gpu = "/proc/driver/nvidia/gpus/0000:00:06.0/information";
const std::string library_directory = test::with_names_of_this_machine("/usr/lib/x86_64-linux-gnu");

std::string library(const std::string& soname) {
    return test::elf_file({.soname = soname});
}

/// Of Debian's layout, with a MIG device.
void add_driver(MemoryHost& host) {
    host.let_time_pass();
    host.directory("/tmp");
    host.file("/proc/driver/nvidia/version",
              "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  " + version
                  + "  Release\n");
    host.file("/proc/driver/nvidia/params", "ModifyDeviceFiles: 1\n");
    host.file("/proc/devices", "Character devices:\n195 nvidia\n235 nvidia-caps\n238 nvidia-uvm\n");
    host.file("/proc/sys/kernel/osrelease", "6.1.0-1-amd64\n");
    host.file(gpu, "Model: \t H200\nGPU UUID: \t GPU-6df8bb41\nDevice Minor: \t 0\n");
    host.file("/proc/driver/nvidia/capabilities/mig/config", "DeviceFileMinor: 1\n");
    host.directory("/sys/bus/pci/drivers/nvidia/0000:00:06.0");
    host.character_device("/dev/nvidiactl", 195, 255);
    host.character_device("/dev/nvidia0", 195, 0);
    host.character_device("/dev/nvidia-uvm", 238, 0);
    for (const auto* const name : {"libcuda.so", "libnvidia-ml.so", "libnvidia-opencl.so"}) {
        host.file(library_directory + "/" + name + "." + version,
                  library(std::string(name) + ".1"));
        host.link(library_directory + "/" + name + ".1", std::string(name) + "." + version);
    }
    host.link("/lib", "usr/lib");
    host.file("/usr/bin/nvidia-smi", test::elf_file({}));
    host.file("/etc/OpenCL/vendors/nvidia.icd", "libnvidia-opencl.so.1\n");
    host.file("/lib/firmware/nvidia/" + version + "/gsp_ga10x.bin", "firmware");
    host.socket("/run/nvidia-persistenced/socket");
}

InventoryScope scope() {
    return {.driver_capabilities = DriverCapabilities::all(),
            .ldcache_file = host_path("/etc/ld.so.cache"),
            .mig_devices = true,
            .mig_management = true};
}

/// Each changes the driver or its surroundings.
std::vector<std::pair<std::string, Change>> changes() {
    std::vector<std::pair<std::string, Change>> out;
    const auto removed = [&](const std::string& path) {
        out.emplace_back("remove " + path, [=](MemoryHost& host) { host.remove(path); });
    };
    const auto written = [&](const std::string& path, const std::string& content) {
        out.emplace_back("write " + path, [=](MemoryHost& host) { host.file(path, content); });
    };
    for (const auto* const path :
         {"/proc/driver/nvidia/version", "/proc/driver/nvidia/params", "/proc/devices",
          "/proc/driver/nvidia/capabilities/mig/config", "/dev/nvidiactl", "/dev/nvidia0",
          "/dev/nvidia-uvm", "/usr/bin/nvidia-smi", "/etc/OpenCL/vendors/nvidia.icd",
          "/run/nvidia-persistenced/socket", "/usr/lib/firmware/nvidia"})
        removed(path);
    removed(gpu);
    removed(library_directory + "/libcuda.so." + version);
    removed(library_directory + "/libnvidia-ml.so." + version);
    written(gpu, "Model: \t H200\nGPU UUID: \t GPU-11111111\nDevice Minor: \t 0\n");
    written("/proc/driver/nvidia/params", "ModifyDeviceFiles: 0\n");
    written("/proc/devices", "Character devices:\n195 nvidia\n240 nvidia-uvm\n");
    written("/proc/driver/nvidia/registry", "Binary: \"\"\n");
    written(library_directory + "/libcuda.so." + version, library("libcuda.so.2"));
    written(library_directory + "/libnvidia-new.so." + version, library("libnvidia-new.so.1"));
    written("/usr/lib64/libnvidia-other.so." + version, library("libnvidia-other.so.1"));
    written("/usr/bin/nvidia-debugdump", test::elf_file({}));
    written("/usr/local/bin/nvidia-debugdump", test::elf_file({}));
    written("/usr/bin/nvidia-smi", test::elf_file({.interpreter = "/lib/another.so"}));
    written("/etc/OpenCL/vendors/nvidia.icd", library_directory + "/libnvidia-opencl.so.1\n");
    written("/etc/vulkan/icd.d/nvidia_icd.json", "{}");
    written("/lib/firmware/nvidia/" + version + "/gsp_tu10x.bin", "firmware");
    const std::string second = "/proc/driver/nvidia/gpus/0000:01:06.0/information";
    written(second, "Model: \t H200\nGPU UUID: \t GPU-2\nDevice Minor: \t 1\n");
    out.emplace_back("node of another number",
                     [](MemoryHost& host) { host.character_device("/dev/nvidia0", 195, 7); });
    out.emplace_back("node of another mode",
                     [](MemoryHost& host) { host.character_device("/dev/nvidia0", 195, 0, 0600); });
    out.emplace_back("socket",
                     [](MemoryHost& host) { host.socket("/run/nvidia-fabricmanager/socket"); });
    out.emplace_back("MPS", [](MemoryHost& host) { host.directory("/tmp/nvidia-mps"); });
    out.emplace_back("another driver's binding", [](MemoryHost& host) {
        host.directory("/sys/bus/pci/drivers/nvidia/0000:00:06.0");
    });
    out.emplace_back("link to another directory", [](MemoryHost& host) {
        host.directory("/usr/lib-other");
        host.link("/lib", "usr/lib-other");
    });
    return out;
}

} // namespace

TEST_CASE("an unchanged host gives the same answers") {
    MemoryHost host;
    add_driver(host);
    const ObservedHost observed(host);
    REQUIRE(take_inventory(observed, scope()));
    const auto observations = observed.observations(forever);
    REQUIRE(observations);
    CHECK(observations->size() > 20);
    CHECK(gives_same_answers(host, *observations));
}

TEST_CASE("a relevant change alters an answer") {
    int of_effect = 0;
    for (const auto& one : changes()) {
        CAPTURE(one.first);
        MemoryHost host;
        add_driver(host);
        const ObservedHost observed(host);
        const auto before = take_inventory(observed, scope());
        REQUIRE(before);
        const auto observations = observed.observations(forever);
        REQUIRE(observations);
        one.second(host);
        const auto after = take_inventory(host, scope());
        const bool is_same = after && *after == *before;
        of_effect += is_same ? 0 : 1;
        CHECK((is_same || !gives_same_answers(host, *observations)));
    }
    CHECK(of_effect > 25);
}

TEST_CASE("a dangling link's target can appear anywhere") {
    MemoryHost host;
    add_driver(host);
    host.link("/usr/bin/nvidia-debugdump", "/opt/elsewhere/nvidia-debugdump");
    host.link("/usr/local", "/var/usrlocal"); // OSTree
    const ObservedHost observed(host);
    REQUIRE(take_inventory(observed, scope()));
    const auto observations = observed.observations(forever);
    REQUIRE(observations);
    REQUIRE(gives_same_answers(host, *observations));
    SUBCASE("of a program") {
        host.file("/opt/elsewhere/nvidia-debugdump", test::elf_file({}));
    }
    SUBCASE("of a directory") {
        host.file("/var/usrlocal/bin/nvidia-imex", test::elf_file({}));
    }
    CHECK(!gives_same_answers(host, *observations));
}

TEST_CASE("an answer with errors is not cached") {
    MemoryHost host;
    add_driver(host);
    host.unreadable(gpu, EIO); // a sick GPU
    const ObservedHost observed(host);
    REQUIRE(take_inventory(observed, scope()));
    CHECK(!observed.observations(forever));
}

TEST_CASE("a just changed file is not cached") {
    MemoryHost host;
    add_driver(host);
    const ObservedHost observed(host);
    REQUIRE(take_inventory(observed, scope()));
    CHECK(!observed.observations(0));
}

TEST_CASE("changing names in /run alter no answer") {
    MemoryHost host;
    add_driver(host);
    const ObservedHost observed(host);
    REQUIRE(take_inventory(observed, scope()));
    const auto observations = observed.observations(forever);
    host.directory("/run/containerd");
    host.file("/tmp/a", "");
    host.character_device("/dev/loop9", 7, 9);
    CHECK(gives_same_answers(host, *observations));
}

TEST_CASE("each kind of question is kept by itself") {
    using Question = std::function<void(const sys::HostFs&)>;
    const auto file = host_path("/usr/share/a");
    const auto directory = host_path("/usr/share");
    const auto of_kernel = host_path("/proc/a/b");
    const auto link = host_path("/usr/link");
    const auto link_of_kernel = host_path("/sys/link");
    const std::vector<std::pair<Question, Change>> cases{
        {[&](const auto& host) { (void)host.read(file); },
         [&](auto& host) { host.file(file.text(), "other"); }},
        {[&](const auto& host) { (void)host.map(file); },
         [&](auto& host) { host.file(file.text(), "other"); }},
        {[&](const auto& host) { (void)host.stat(file); },
         [&](auto& host) { host.remove(file.text()); }},
        {[&](const auto& host) { (void)host.stat_link(link); },
         [&](auto& host) { host.link(link.text(), "other"); }},
        {[&](const auto& host) { (void)host.read_link(link); },
         [&](auto& host) { host.link(link.text(), "other"); }},
        {[&](const auto& host) { (void)host.resolve(link); },
         [&](auto& host) { host.link(link.text(), "other"); }},
        {[&](const auto& host) { (void)host.list(directory); },
         [&](auto& host) { host.file("/usr/share/new", ""); }},
        {[&](const auto& host) { (void)host.list_matching(directory, [](auto) { return true; }); },
         [&](auto& host) { host.file("/usr/share/new", ""); }},
        {[&](const auto& host) { (void)host.read(of_kernel); },
         [&](auto& host) { host.file(of_kernel.text(), "other"); }},
        {[&](const auto& host) { (void)host.list(of_kernel.parent()); },
         [&](auto& host) { host.file("/proc/a/new", ""); }},
        {[&](const auto& host) {
             (void)host.list_matching(of_kernel.parent(), [](auto) { return true; });
         },
         [&](auto& host) { host.file("/proc/a/new", ""); }},
        {[&](const auto& host) { (void)host.read_link(link_of_kernel); },
         [&](auto& host) { host.link(link_of_kernel.text(), "other"); }},
        {[&](const auto& host) { (void)host.stat(host_path("/usr/missing")); },
         [&](auto& host) { host.file("/usr/missing", ""); }},
        {[&](const auto& host) { (void)host.read(host_path("/usr/far/missing")); },
         [&](auto& host) { host.file("/usr/far/missing", ""); }},
    };
    for (std::size_t i = 0; i < cases.size(); ++i) {
        CAPTURE(i);
        MemoryHost host;
        host.let_time_pass();
        host.file(file.text(), "text");
        host.file(of_kernel.text(), "text");
        host.link(link.text(), "share/a");
        host.link(link_of_kernel.text(), "a");
        const ObservedHost observed(host);
        cases[i].first(observed);
        const auto observations = observed.observations(forever);
        REQUIRE(observations);
        CHECK(gives_same_answers(host, *observations));
        cases[i].second(host);
        CHECK(!gives_same_answers(host, *observations));
    }
}
