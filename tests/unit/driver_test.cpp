// SPDX-License-Identifier: Apache-2.0
#include "driver/driver_libraries.hpp"
#include "driver/driver_version.hpp"
#include "driver/files.hpp"
#include "driver/gpus.hpp"
#include "driver/inventory.hpp"
#include "driver/library_directories.hpp"
#include "driver/library_table.hpp"
#include "driver/nodes.hpp"
#include "support/elf_file.hpp"
#include "support/ld_cache_file.hpp"
#include "support/machine_names.hpp"
#include "support/memory_host.hpp"
#include "support/outcome.hpp"

#include <algorithm>
#include <cerrno>
#include <doctest/doctest.h>

namespace {

using namespace grapnel;
using namespace grapnel::test;
using enum DriverCapability;

constexpr auto cuda_note = R"({"format":1,"CUDA version":"13.0","driver":[535]})";

std::string library_file(const std::string& soname,
                         ElfSketch::Machine machine = ElfSketch::Machine::native) {
    return elf_file({.machine = machine, .soname = soname});
}

void add_gpu(MemoryHost& host, const std::string& pci, unsigned minor, const std::string& uuid) {
    host.file("/proc/driver/nvidia/gpus/" + pci + "/information",
              "Model: \t\t NVIDIA H200\nIRQ:   \t\t 41\nGPU UUID: \t " + uuid
                  + "\nBus Location: \t " + pci + "\nDevice Minor: \t " + std::to_string(minor)
                  + "\nGPU Excluded:\t No\n");
    host.character_device("/dev/nvidia" + std::to_string(minor), 195, minor);
}

constexpr auto version_text =
    "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.159.04  Release Build  (x@)  \n"
    "GCC version:  gcc version 15.3.0 (GCC) \n";

void add_libraries(MemoryHost& host, const std::string& directory, const std::string& version) {
    host.file(directory + "/libcuda.so." + version,
              elf_file({.soname = "libcuda.so.1", .note = cuda_note}));
    host.file(directory + "/libnvidia-ml.so." + version, library_file("libnvidia-ml.so.1"));
}

/// A host with one GPU and its driver in the distribution's directory.
MemoryHost& plain_host(MemoryHost& host) {
    host.file("/proc/driver/nvidia/version", version_text);
    host.file("/proc/devices",
              "Character devices:\n  1 mem\n195 nvidia\n195 nvidiactl\n238 nvidia-uvm\n"
              "241 nvidia-caps\n\nBlock devices:\n  8 sd\n238 trap\n");
    host.character_device("/dev/nvidiactl", 195, 255);
    host.character_device("/dev/nvidia-uvm", 238, 0);
    add_gpu(host, "0000:00:06.0", 0, "GPU-6df8bb41-bcfb-e198-a6df-649e812d9633");
    add_libraries(host, "/usr/lib64", "580.159.04");
    return host;
}

InventoryScope scope(DriverCapabilities wanted = {compute, utility}) {
    return {.driver_capabilities = wanted,
            .cuda_version = true,
            .ldcache_file = host_path("/etc/ld.so.cache")};
}

Result<std::vector<Gpu>> gpus_of(const sys::HostFs& host, Notices& notices) {
    auto found = GRAPNEL_TRY(driver::gpus(host, driver::character_majors(host), {}, notices));
    return std::move(found.gpus);
}

std::vector<Node> control_nodes(const sys::HostFs& host, DriverCapabilities wanted) {
    return driver::control_nodes(host, driver::character_majors(host), wanted);
}

/// The directories as the search lists them; one that is not there is empty.
std::vector<driver::LibraryDirectory> listed(const MemoryHost& host,
                                             const std::vector<HostPath>& directories) {
    std::vector<driver::LibraryDirectory> out;
    for (const auto& directory : directories)
        out.push_back({.path = directory,
                       .names = host.list(directory).value_or(std::vector<std::string>())});
    return out;
}

std::vector<std::string> names(const std::vector<Library>& libraries) {
    std::vector<std::string> out;
    for (const auto& one : libraries)
        out.push_back(one.path.text());
    return out;
}

std::string joined(const std::vector<std::string>& lines) {
    std::string out;
    for (const auto& line : lines)
        out += line + "\n";
    return out;
}

} // namespace

// --- the driver as a whole ---

TEST_CASE("the driver's version is the first number") {
    struct Row {
        const char* text;
        const char* version; ///< empty: refused
    };
    const Row rows[] = {
        {version_text, "580.159.04"},
        {"NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.14  Thu Feb 22 01:44:30 UTC "
         "2024\nGCC version:  gcc 12.2.0\n",
         "550.54.14"},
        {"NVRM version: NVIDIA UNIX aarch64 Kernel Module  470.82", "470.82"},
        {"NVRM version: 580 x86_64\nGCC version 12.2.0\n", ""},
        {"", ""},
    };
    for (const auto& row : rows) {
        CAPTURE(row.text);
        MemoryHost host;
        host.file("/proc/driver/nvidia/version", row.text);
        const auto version = driver::driver_version(host);
        CHECK(version.value_or("") == row.version);
        if (!version)
            CHECK(contains(error_of(version), "names no version"));
    }
}

TEST_CASE("a host without a loaded driver is refused") {
    MemoryHost host;
    CHECK(contains(error_of(take_inventory(host, scope())), "no /proc/driver/nvidia/version"));
    host.unreadable("/proc/driver/nvidia/version", EIO);
    CHECK(contains(error_of(take_inventory(host, scope())), "Input/output error"));
}

TEST_CASE("libcuda or the branch gives the CUDA version") {
    struct Row {
        const char* what;
        const char* driver;
        std::optional<std::string> note; ///< nothing: no libcuda
        std::optional<std::string> cuda;
    };
    const Row rows[] = {
        {"a note", "580.159.04", cuda_note, "13.0"},
        {"a note of a later minor", "580.159.04", R"({"CUDA version":"13.1"})", "13.1"},
        {"a note with blanks", "580.1", R"({"CUDA version" : "13.2" })", "13.2"},
        {"no note", "580.159.04", "", "13.0"},
        {"no libcuda", "550.54.14", {}, "12.4"},
        {"a note that says something else", "535.1", R"({"format":1})", "12.2"},
        {"a note without a version", "535.1", R"({"CUDA version":"new"})", "12.2"},
        {"a note that ends early", "535.1", R"({"CUDA version)", "12.2"},
        {"a note that ends in the value", "535.1", R"({"CUDA version":)", "12.2"},
        {"an old branch", "384.81", {}, "9.0"},
        {"a branch of the future", "999.1", {}, {}},
    };
    for (const auto& row : rows) {
        CAPTURE(row.what);
        MemoryHost host;
        if (row.note)
            host.file("/l/libcuda.so." + std::string(row.driver), elf_file({.note = *row.note}));
        CHECK(
            driver::cuda_version(host, listed(host, {host_path("/x"), host_path("/l")}), row.driver)
            == row.cuda);
    }
}

// --- GPUs and nodes ---

TEST_CASE("the kernel's facts describe a GPU") {
    MemoryHost host;
    Notices notices;
    const auto gpus = gpus_of(plain_host(host), notices);
    REQUIRE(gpus);
    REQUIRE(gpus->size() == 1);
    CHECK((*gpus)[0]
          == Gpu{.index = 0,
                 .uuid = "GPU-6df8bb41-bcfb-e198-a6df-649e812d9633",
                 .pci = "0000:00:06.0",
                 .model = "NVIDIA H200",
                 .minor = 0,
                 .node = {.path = host_path("/dev/nvidia0"),
                          .expected = DeviceNumber{195, 0},
                          .found = DeviceNumber{195, 0}}});
    CHECK(notices.list.empty());
}

TEST_CASE("GPUs are counted by PCI address") {
    MemoryHost host;
    add_gpu(host, "0000:0a:00.0", 0, "b");
    add_gpu(host, "0000:09:00.0", 3, "a");
    add_gpu(host, "10000:01:00.0", 1, "d");
    add_gpu(host, "ffff:01:00.0", 2, "c");
    host.directory("/proc/driver/nvidia/gpus/not-an-address");
    Notices notices;
    const auto gpus = gpus_of(host, notices);
    REQUIRE(gpus);
    std::string order;
    for (const auto& gpu : *gpus)
        order += std::to_string(gpu.index) + gpu.uuid;
    CHECK(order == "0a1b2c3d");
}

TEST_CASE("a host without GPUs has none") {
    MemoryHost host;
    Notices notices;
    CHECK(gpus_of(host, notices)->empty());
    host.directory("/proc/driver/nvidia/gpus");
    CHECK(gpus_of(host, notices)->empty());
    CHECK(notices.list.empty());
}

TEST_CASE("an unusable GPU keeps its index, with warning") {
    struct Row {
        const char* what;
        void (*change)(MemoryHost&);
        const char* fault;
    };
    const Row rows[] = {
        {"unreadable",
         [](MemoryHost& host) {
             host.unreadable("/proc/driver/nvidia/gpus/0000:00:07.0/information", EIO);
         },
         "Input/output error"},
        {"without a file",
         [](MemoryHost& host) { host.directory("/proc/driver/nvidia/gpus/0000:00:07.0"); },
         "No such file or directory"},
        {"without a minor",
         [](MemoryHost& host) {
             host.file("/proc/driver/nvidia/gpus/0000:00:07.0/information", "Model: \t x\n");
         },
         "names no device minor"},
        {"with a strange minor",
         [](MemoryHost& host) {
             host.file("/proc/driver/nvidia/gpus/0000:00:07.0/information", "Device Minor: -1\n");
         },
         "names no device minor"},
    };
    for (const auto& row : rows) {
        CAPTURE(row.what);
        MemoryHost host;
        add_gpu(host, "0000:00:06.0", 0, "a");
        add_gpu(host, "0000:00:08.0", 2, "c");
        row.change(host);
        Notices notices;
        const auto gpus = gpus_of(host, notices);
        REQUIRE(gpus);
        REQUIRE(gpus->size() == 3);
        CHECK((*gpus)[0].fault.empty());
        CHECK(contains((*gpus)[1].fault, row.fault));
        CHECK((*gpus)[2].fault.empty());
        CHECK((*gpus)[2].index == 2);
        REQUIRE(notices.list.size() == 1);
        CHECK(contains(notices.list.front().text, "0000:00:07.0"));
    }
}

TEST_CASE("an excluded GPU is never given") {
    MemoryHost host;
    host.file("/proc/driver/nvidia/gpus/0000:00:06.0/information",
              "Device Minor: \t 0\nGPU Excluded:\t Yes\n");
    Notices notices;
    const auto gpus = gpus_of(host, notices);
    REQUIRE(gpus);
    for (const auto& gpu : *gpus)
        CHECK_FALSE(gpu.fault.empty());
}

TEST_CASE("a bound GPU is asked once") {
    MemoryHost host;
    plain_host(host);
    const auto* const information = "/proc/driver/nvidia/gpus/0000:00:06.0/information";
    const auto* const binding = "/sys/bus/pci/drivers/nvidia/0000:00:06.0";
    host.link(binding, "../../../../devices/pci0000:00/0000:00:06.0");
    const auto first = take_inventory(host, scope());
    REQUIRE(first);
    REQUIRE(first->known_gpus.size() == 1);
    auto again = scope();
    again.known_gpus = parse_known_gpus(to_text(first->known_gpus));
    CHECK(again.known_gpus == first->known_gpus);

    SUBCASE("the answer is the same, and the driver is left alone") {
        host.unreadable(information, EIO);
        const auto second = take_inventory(host, again);
        REQUIRE(second);
        CHECK(second->gpus == first->gpus);
        CHECK(second->known_gpus == first->known_gpus);
    }
    SUBCASE("bound anew, it is asked again") {
        host.link(binding, "../../../../devices/pci0000:00/0000:00:06.0");
        host.file(information, "GPU UUID: \t GPU-new\nDevice Minor: \t 0\n");
        CHECK(take_inventory(host, again)->gpus.front().uuid == "GPU-new");
    }
    SUBCASE("no longer bound, it is asked, and nothing is kept") {
        host.remove(binding);
        host.unreadable(information, ENODEV);
        const auto second = take_inventory(host, again);
        CHECK_FALSE(second->gpus.front().fault.empty());
        CHECK(second->known_gpus.empty());
    }
    SUBCASE("a node that is gone is seen all the same") {
        host.remove("/dev/nvidia0");
        CHECK_FALSE(take_inventory(host, again)->gpus.front().node.found);
    }
    SUBCASE("a GPU that is gone is not kept") {
        host.remove("/proc/driver/nvidia/gpus/0000:00:06.0");
        CHECK(take_inventory(host, again)->gpus.empty());
        CHECK(take_inventory(host, again)->known_gpus.empty());
    }
}

TEST_CASE("only certain facts of a GPU are cached") {
    struct Row {
        const char* what;
        const char* information;
    };
    const Row rows[] = {
        {"no UUID", "Device Minor: \t 0\n"},
        {"a UUID that the driver does not know yet",
         "GPU UUID: \t GPU-\?\?\?\?\?\?\?\?-\?\?\?\?\nDevice Minor: \t 0\n"},
        {"excluded", "GPU UUID: \t GPU-1\nDevice Minor: \t 0\nGPU Excluded:\t Yes\n"},
        {"no minor", "GPU UUID: \t GPU-1\n"},
    };
    for (const auto& row : rows) {
        CAPTURE(row.what);
        MemoryHost host;
        plain_host(host);
        host.link("/sys/bus/pci/drivers/nvidia/0000:00:06.0", "/sys/devices/x");
        host.file("/proc/driver/nvidia/gpus/0000:00:06.0/information", row.information);
        CHECK(take_inventory(host, scope())->known_gpus.empty());
    }
}

TEST_CASE("of kept facts only whole lines are believed") {
    const std::string good = "7\t0000:00:06.0\t0\tGPU-1\tNVIDIA H200\n";
    REQUIRE(parse_known_gpus(good).size() == 1);
    CHECK(to_text(parse_known_gpus(good)) == good);
    for (const auto* const line :
         {"", "7", "7\t0000:00:06.0\t0\tGPU-1", "x\t0000:00:06.0\t0\tGPU-1\tM",
          "7\t0000:00:06.0\t-1\tGPU-1\tM", "7\t0000:00:06.0\t0\tGPU-1\tM\tmore",
          "-7\t0000:00:06.0\t0\tGPU-1\tM"}) {
        CAPTURE(line);
        CHECK(parse_known_gpus(std::string(line) + "\n" + good).size() == 1);
    }
}

TEST_CASE("an unchanged directory is not listed again") {
    MemoryHost host;
    plain_host(host);
    CHECK(take_inventory(host, scope())->known_directories.empty());
    auto first_scope = scope();
    first_scope.unchanged_since_ns = 1;
    const auto first = take_inventory(host, first_scope);
    REQUIRE(first);
    REQUIRE_FALSE(first->known_directories.empty());
    auto again = scope();
    again.known_directories = parse_known_directories(to_text(first->known_directories));
    CHECK(again.known_directories == first->known_directories);
    const auto directory = first->libraries.front().path.parent();
    host.file((directory / ("libnvidia-late.so." + first->driver_version)).text(), "no library");
    const auto says_late = [&](const InventoryScope& with) {
        return contains(joined(texts(take_inventory(host, with)->notices)), "libnvidia-late");
    };

    CHECK_FALSE(says_late(again));
    CHECK(says_late(scope()));
    SUBCASE("another directory has that path") {
        for (auto& known : again.known_directories)
            ++known.id.inode;
    }
    SUBCASE("it was changed") {
        for (auto& known : again.known_directories)
            ++known.changed_ns;
    }
    SUBCASE("another version of the driver is loaded") {
        for (auto& known : again.known_directories)
            known.version = "1.2";
    }
    CHECK(says_late(again) == !(again.known_directories == first->known_directories));
}

TEST_CASE("of known directories only whole lines are believed") {
    const std::string good = "580.1\t1\t2\t3\tlibcuda.so.1\tlibcuda.so.580.1\n";
    REQUIRE(parse_known_directories(good).size() == 1);
    CHECK(to_text(parse_known_directories(good)) == good);
    for (const auto* const line :
         {"", "580.1", "580.1\t1\t2", "580.1\tx\t2\t3", "580.1\t1\t-2\t3"}) {
        CAPTURE(line);
        CHECK(parse_known_directories(std::string(line) + "\n" + good).size() == 1);
    }
    CHECK(parse_known_directories("580.1\t1\t2\t3\tcut of").empty());
    CHECK(to_text({{.version = "580.1", .names = {"a\tb"}}}).empty());
}

TEST_CASE("majors are those of the loaded modules") {
    struct Row {
        const char* what;
        const char* devices;
        std::optional<DeviceNumber> uvm;
        std::uint32_t nvidia;
    };
    const Row rows[] = {
        {"as loaded", "Character devices:\n195 nvidia\n238 nvidia-uvm\n", DeviceNumber{238, 0},
         195},
        {"an older driver", "Character devices:\n195 nvidia-frontend\n511 nvidia-uvm\n",
         DeviceNumber{511, 0}, 195},
        {"another major", "Character devices:\n  7 nvidia\n", {}, 7},
        {"without nvidia-uvm", "Character devices:\n195 nvidia\n", {}, 195},
        {"a block device of that name",
         "Character devices:\n195 nvidia\n\nBlock devices:\n238 "
         "nvidia-uvm\n",
         {},
         195},
        {"a name that only begins so", "Character devices:\n238 nvidia-uvm-x\n", {}, 195},
        {"unreadable lines", "Character devices:\nx nvidia-uvm\n238\n\n", {}, 195},
        {"empty", "", {}, 195},
    };
    for (const auto& row : rows) {
        CAPTURE(row.what);
        MemoryHost host;
        host.file("/proc/devices", row.devices);
        const auto nodes = control_nodes(host, {compute});
        REQUIRE(nodes.size() == 3);
        CHECK(nodes[0].path == host_path("/dev/nvidiactl"));
        CHECK(nodes[0].expected == DeviceNumber{row.nvidia, 255});
        CHECK(nodes[1].path == host_path("/dev/nvidia-uvm"));
        CHECK(nodes[1].expected == row.uvm);
        CHECK_FALSE(nodes[1].optional);
        CHECK(nodes[2].path == host_path("/dev/nvidia-uvm-tools"));
        CHECK(nodes[2].optional);
    }
}

TEST_CASE("control nodes follow the driver capabilities") {
    struct Row {
        DriverCapabilities wanted;
        const char* nodes;
    };
    const Row rows[] = {
        {{}, "/dev/nvidiactl\n"},
        {{utility}, "/dev/nvidiactl\n"},
        {{compute}, "/dev/nvidiactl\n/dev/nvidia-uvm\n/dev/nvidia-uvm-tools\n"},
        {{video}, "/dev/nvidiactl\n/dev/nvidia-uvm\n/dev/nvidia-uvm-tools\n"},
        {{graphics}, "/dev/nvidiactl\n/dev/nvidia-modeset\n"},
        {{display}, "/dev/nvidiactl\n/dev/nvidia-modeset\n"},
    };
    for (const auto& row : rows) {
        CAPTURE(row.wanted.names());
        MemoryHost host;
        std::string paths;
        for (const auto& node : control_nodes(host, row.wanted)) {
            paths += node.path.text() + "\n";
            CHECK_FALSE(node.found);
        }
        CHECK(paths == row.nodes);
    }
}

TEST_CASE("a node that is no device is missing") {
    MemoryHost host;
    host.file("/dev/nvidiactl", "");
    CHECK_FALSE(control_nodes(host, {}).front().found);
    host.character_device("/dev/nvidiactl", 1, 3);
    CHECK(control_nodes(host, {}).front().found == DeviceNumber{1, 3});
}

// --- libraries ---

TEST_CASE("libraries follow the driver capabilities") {
    struct Row {
        const char* name;
        DriverCapabilities wanted;
        bool given;
    };
    const Row rows[] = {
        {"libcuda.so.580.1", {compute}, true},
        {"libcuda.so.580.1", {video}, true},
        {"libcuda.so.580.1", {utility}, false},
        {"libcuda.so.580.1", {graphics}, false},
        {"libcudadebugger.so.580.1", {compute}, true},
        {"libnvidia-ml.so.580.1", {utility}, true},
        {"libnvidia-ml.so.580.1", {compute}, false},
        {"libnvidia-cfg.so.580.1", {utility}, true},
        {"libnvidia-nscq.so.580.1", {utility}, true},
        {"libnvidia-ptxjitcompiler.so.580.1", {compute}, true},
        {"libnvidia-nvvm.so.580.1", {compute}, true},
        {"libnvidia-pkcs11-openssl3.so.580.1", {compute}, true},
        {"libnvidia-encode.so.580.1", {video}, true},
        {"libnvidia-encode.so.580.1", {compute}, false},
        {"libnvcuvid.so.580.1", {video}, true},
        {"libvdpau_nvidia.so.580.1", {video}, true},
        {"libGLX_nvidia.so.580.1", {graphics}, true},
        {"libGLX_nvidia.so.580.1", {display}, true},
        {"libGLX_nvidia.so.580.1", {compute}, false},
        {"libnvidia-fbc.so.580.1", {display}, true},
        {"libnvoptix.so.580.1", {graphics}, true},
        {"libnvidia-ngx.so.580.1", {ngx}, true},
        {"libnvidia-allocator.so.580.1", {compute}, true},
        {"libnvidia-allocator.so.580.1", {graphics}, true},
        {"libnvidia-gpucomp.so.580.1", {compute}, true},
        {"libnvidia-gtk3.so.580.1", DriverCapabilities::all(), false},
        {"libnvidia-brand-new.so.580.1", {compute}, true},
        {"libnvidia-brand-new.so.580.1", {ngx}, true},
        {"libnvidia-brand-new.so.580.1", {utility}, false},
        {"libnvidia-brand-new.so.580.1", {compat32, utility}, false},
        {"libnvidia-brand-new.so.580.1", {}, false},
    };
    for (const auto& row : rows) {
        CAPTURE(row.name);
        CAPTURE(row.wanted.names());
        CHECK(driver::library_wanted(row.name, row.wanted) == row.given);
    }
}

TEST_CASE("driver directories are found on all layouts") {
    static const auto debian = test::with_names_of_this_machine("/usr/lib/x86_64-linux-gnu");
    struct Row {
        const char* what;
        void (*build)(MemoryHost&);
        std::string directories;
    };
    const Row rows[] = {
        {"a usual directory", [](MemoryHost& host) { add_libraries(host, "/usr/lib64", "580.1"); },
         "/usr/lib64\n"},
        {"Debian",
         [](MemoryHost& host) { add_libraries(host, debian + "/nvidia/current", "580.1"); },
         debian + "/nvidia/current\n"},
        {"through a link to a directory",
         [](MemoryHost& host) {
             add_libraries(host, "/nix/store/driver/lib", "580.1");
             host.link("/run/opengl-driver/lib", "/nix/store/driver/lib");
         },
         "/nix/store/driver/lib\n"},
        {"one directory under two names",
         [](MemoryHost& host) {
             add_libraries(host, "/usr/lib", "580.1");
             host.link("/usr/lib64", "lib");
         },
         "/usr/lib\n"},
        {"only the cache names it",
         [](MemoryHost& host) {
             add_libraries(host, "/opt/driver", "580.1");
             host.link("/opt/driver/libcuda.so.1", "libcuda.so.580.1");
             host.file("/etc/ld.so.cache",
                       ld_cache_file({{"libcuda.so.1", "/opt/driver/libcuda.so.1"}}));
         },
         "/opt/driver\n"},
        {"the cache names a link elsewhere",
         [](MemoryHost& host) {
             add_libraries(host, "/opt/driver", "580.1");
             host.link("/opt/links/libcuda.so.1", "/opt/driver/libcuda.so.580.1");
             host.file("/etc/ld.so.cache",
                       ld_cache_file({{"libcuda.so.1", "/opt/links/libcuda.so.1"}}));
         },
         "/opt/driver\n"},
        {"the search path comes first",
         [](MemoryHost& host) {
             add_libraries(host, "/usr/lib64", "580.1");
             add_libraries(host, "/search", "580.1");
         },
         "/search\n/usr/lib64\n"},
        {"another version beside",
         [](MemoryHost& host) {
             add_libraries(host, "/usr/lib64", "550.1");
             add_libraries(host, "/usr/local/nvidia/lib64", "580.1");
         },
         "/usr/local/nvidia/lib64\n"},
        {"a directory without libcuda and libnvidia-ml",
         [](MemoryHost& host) {
             add_libraries(host, debian + "/nvidia/current", "580.1");
             host.file(debian + "/libnvidia-glcore.so.580.1",
                       library_file("libnvidia-glcore.so.580.1"));
         },
         debian + "\n" + debian + "/nvidia/current\n"},
        {"directories of NVIDIA's in a usual one",
         [](MemoryHost& host) {
             add_libraries(host, "/usr/lib64/nvidia-580", "580.1");
             add_libraries(host, "/usr/lib/nvidia/tesla", "580.1");
         },
         "/usr/lib64/nvidia-580\n/usr/lib/nvidia/tesla\n"},
        {"libnvidia-ml alone",
         [](MemoryHost& host) {
             host.file("/usr/lib64/libnvidia-ml.so.580.1", library_file("libnvidia-ml.so.1"));
         },
         "/usr/lib64\n"},
    };
    for (const auto& row : rows) {
        CAPTURE(row.what);
        MemoryHost host;
        row.build(host);
        auto where = scope();
        where.library_search_path = {host_path("/search")};
        Notices notices;
        const auto found = driver::library_directories(host, where, "580.1", notices);
        CAPTURE(error_of(found));
        REQUIRE(found);
        std::string text;
        for (const auto& directory : found->directories)
            text += directory.path.text() + "\n";
        CHECK(text == row.directories);
    }
}

TEST_CASE("missing, mismatched and stale libraries are told apart") {
    struct Row {
        const char* what;
        void (*build)(MemoryHost&);
        const char* error;
    };
    const Row rows[] = {
        {"nothing", [](MemoryHost&) {}, "(libcuda.so.580.1) were not found"},
        {"another version",
         [](MemoryHost& host) { add_libraries(host, "/usr/lib64", "550.54.14"); },
         "the libraries are 550.54.14:"},
        {"two other versions",
         [](MemoryHost& host) {
             add_libraries(host, "/usr/lib64", "550.54.14");
             add_libraries(host, "/usr/lib", "470.82");
         },
         "the libraries are 470.82 and 550.54.14"},
        {"a stale cache",
         [](MemoryHost& host) {
             host.file("/etc/ld.so.cache", ld_cache_file({{"libcuda.so.1", "/gone/libcuda.so.1"}}));
         },
         "it names /gone/libcuda.so.1"},
        {"a stub without a version",
         [](MemoryHost& host) {
             host.file("/usr/lib64/libcuda.so.1", "");
             host.file("/usr/lib64/libcuda.so", "");
         },
         "were not found"},
    };
    for (const auto& row : rows) {
        CAPTURE(row.what);
        MemoryHost host;
        row.build(host);
        Notices notices;
        const auto error = error_of(driver::library_directories(host, scope(), "580.1", notices));
        CAPTURE(error);
        CHECK(contains(error, row.error));
    }
}

TEST_CASE("an unreadable ld.so.cache is a warning") {
    for (const auto* const content : {"", "nonsense"}) {
        MemoryHost host;
        add_libraries(host, "/usr/lib64", "580.1");
        host.file("/etc/ld.so.cache", content);
        Notices notices;
        CHECK(driver::library_directories(host, scope(), "580.1", notices));
        CHECK(contains(joined(texts(notices)),
                       "/etc/ld.so.cache is passed over: not an ld.so.cache"));
    }
}

TEST_CASE("other architectures are skipped; 32-bit needs compat32") {
    MemoryHost host;
    Notices notices;
    add_libraries(host, "/usr/lib64", "580.1");
    host.file("/usr/lib64/libnvidia-nvvm.so.580.1", library_file("x", ElfSketch::Machine::other));
    host.file("/usr/lib32/libcuda.so.580.1",
              library_file("libcuda.so.1", ElfSketch::Machine::native32));
    const auto directories = listed(host, {host_path("/usr/lib64"), host_path("/usr/lib32")});
    const auto plain = driver::libraries(host, directories, "580.1", {compute}, notices);
    REQUIRE(plain);
    CHECK(names(*plain) == std::vector<std::string>{"/usr/lib64/libcuda.so.580.1"});
    const auto both = driver::libraries(host, directories, "580.1", {compute, compat32}, notices);
    REQUIRE(both);
    CHECK(
        names(*both)
        == std::vector<std::string>{"/usr/lib32/libcuda.so.580.1", "/usr/lib64/libcuda.so.580.1"});
    CHECK(both->front().is_32bit);
    CHECK_FALSE(both->back().is_32bit);
}

TEST_CASE("the first of two directories gives a library") {
    MemoryHost host;
    Notices notices;
    add_libraries(host, "/a", "580.1");
    add_libraries(host, "/b", "580.1");
    const auto found = driver::libraries(host, listed(host, {host_path("/b"), host_path("/a")}),
                                         "580.1", {compute, utility}, notices);
    REQUIRE(found);
    CHECK(names(*found)
          == std::vector<std::string>{"/b/libcuda.so.580.1", "/b/libnvidia-ml.so.580.1"});
}

TEST_CASE("only files of the driver's version count") {
    MemoryHost host;
    Notices notices;
    add_libraries(host, "/l", "580.1");
    for (const auto* const name : {"libcuda.so.580.12", "libcuda.so.1580.1", "libcuda.so.1",
                                   "libcuda.so", "notlib.so.580.1", "libnvidia-x.580.1"})
        host.file("/l/" + std::string(name), "no ELF file: reading it would be an error");
    const auto found =
        driver::libraries(host, listed(host, {host_path("/l")}), "580.1", {compute}, notices);
    CAPTURE(error_of(found));
    REQUIRE(found);
    CHECK(names(*found) == std::vector<std::string>{"/l/libcuda.so.580.1"});
}

TEST_CASE("a damaged library is skipped by name") {
    struct Row {
        std::string file;
        const char* warning;
    };
    const Row rows[] = {
        {"", "passed over: /l/libcuda.so.580.1: not an ELF file: reinstall the driver's libraries"},
        {library_file("../libc.so.6"), "SONAME '../libc.so.6' is not a file name"},
        {library_file(".."), "SONAME '..' is not a file name"},
    };
    for (const auto& row : rows) {
        CAPTURE(row.warning);
        MemoryHost host;
        host.file("/l/libcuda.so.580.1", row.file);
        Notices notices;
        const auto found =
            driver::libraries(host, listed(host, {host_path("/l")}), "580.1", {compute}, notices);
        REQUIRE(found);
        CHECK(found->empty());
        REQUIRE(notices.list.size() == 1);
        CHECK(contains(notices.list.front().text, row.warning));
    }
}

TEST_CASE("a needed driver library is named if missing") {
    MemoryHost host;
    host.file("/l/libGLX_nvidia.so.580.1",
              elf_file({.soname = "libGLX_nvidia.so.0",
                        .needed = {"libc.so.6", "libnvidia-glcore.so.580.1",
                                   "libnvidia-tls.so.580.1", "libX11.so.6"}}));
    host.file("/l/libnvidia-tls.so.580.1", library_file("libnvidia-tls.so.580.1"));
    Notices notices;
    const auto found =
        driver::libraries(host, listed(host, {host_path("/l")}), "580.1", {graphics}, notices);
    REQUIRE(found);
    CHECK(found->size() == 2);
    REQUIRE(notices.list.size() == 1);
    CHECK(
        contains(notices.list.front().text,
                 "/l/libGLX_nvidia.so.580.1 cannot be loaded: it needs libnvidia-glcore.so.580.1"));
}

// --- other files ---

TEST_CASE("a program comes from the first directory") {
    MemoryHost host;
    for (const auto* const path :
         {"/usr/bin/nvidia-smi", "/opt/driver/bin/nvidia-smi", "/usr/bin/nvidia-cuda-mps-control",
          "/usr/sbin/nvidia-persistenced", "/mine/nvidia-cuda-mps-server"})
        host.file(path, "");
    host.directory("/usr/bin/nvidia-debugdump");
    struct Row {
        const char* what;
        DriverCapabilities wanted;
        std::vector<HostPath> search;
        std::vector<HostPath> libraries;
        const char* paths;
    };
    const Row rows[] = {
        {"utility", {utility}, {}, {}, "/usr/bin/nvidia-smi\n/usr/sbin/nvidia-persistenced\n"},
        {"compute", {compute}, {}, {}, "/usr/bin/nvidia-cuda-mps-control\n"},
        {"neither", {video, graphics}, {}, {}, ""},
        {"beside lib64",
         {utility},
         {},
         {host_path("/opt/driver/lib64")},
         "/opt/driver/bin/nvidia-smi\n/usr/sbin/nvidia-persistenced\n"},
        {"not beside another directory",
         {utility},
         {},
         {host_path("/opt/driver/libs")},
         "/usr/bin/nvidia-smi\n/usr/sbin/nvidia-persistenced\n"},
        {"the search path",
         {compute},
         {host_path("/mine")},
         {},
         "/usr/bin/nvidia-cuda-mps-control\n/mine/nvidia-cuda-mps-server\n"},
    };
    for (const auto& row : rows) {
        CAPTURE(row.what);
        auto where = scope(row.wanted);
        where.binary_search_path = row.search;
        std::string paths;
        for (const auto& binary : driver::binaries(host, where, listed(host, row.libraries))) {
            paths += binary.path.text() + "\n";
            CHECK(binary.name == binary.path.name());
        }
        CHECK(paths == row.paths);
    }
}

TEST_CASE("firmware is found in the kernel's search order") {
    MemoryHost host;
    CHECK(driver::firmware(host, "580.1").empty());
    host.file("/lib/firmware/nvidia/580.1/gsp_ga10x.bin", "");
    host.file("/lib/firmware/nvidia/580.1/gsp_tu10x.bin", "");
    host.file("/lib/firmware/nvidia/580.1/README", "");
    host.file("/lib/firmware/nvidia/580.1/other.bin", "");
    host.file("/lib/firmware/nvidia/570.1/gsp_ga10x.bin", "");
    CHECK(driver::firmware(host, "580.1")
          == std::vector{host_path("/lib/firmware/nvidia/580.1/gsp_ga10x.bin"),
                         host_path("/lib/firmware/nvidia/580.1/gsp_tu10x.bin")});
    host.file("/proc/sys/kernel/osrelease", "6.18.0\n");
    host.file("/lib/firmware/6.18.0/nvidia/580.1/gsp.bin", "");
    CHECK(driver::firmware(host, "580.1")
          == std::vector{host_path("/lib/firmware/6.18.0/nvidia/580.1/gsp.bin")});
    host.file("/sys/module/firmware_class/parameters/path", "/opt/firmware\n");
    CHECK(driver::firmware(host, "580.1").front().text().starts_with("/lib/firmware/6.18.0"));
    host.file("/opt/firmware/nvidia/580.1/gsp.bin", "");
    CHECK(driver::firmware(host, "580.1")
          == std::vector{host_path("/opt/firmware/nvidia/580.1/gsp.bin")});
    host.file("/sys/module/firmware_class/parameters/path", "\n");
    CHECK(driver::firmware(host, "580.1").size() == 1);
}

TEST_CASE("daemons' sockets are given if they are sockets") {
    MemoryHost host;
    host.socket("/run/nvidia-persistenced/socket");
    host.file("/run/nvidia-fabricmanager/socket", "");
    CHECK(driver::sockets(host, {utility})
          == std::vector{host_path("/run/nvidia-persistenced/socket")});
    CHECK(driver::sockets(host, {compute}).empty());
}

TEST_CASE("the MPS directory comes with compute") {
    MemoryHost host;
    CHECK(driver::socket_directories(host, {compute}).empty());
    host.file("/tmp/nvidia-mps", "");
    CHECK(driver::socket_directories(host, {compute}).empty());
    host.directory("/tmp/nvidia-mps");
    CHECK(driver::socket_directories(host, {compute}) == std::vector{host_path("/tmp/nvidia-mps")});
    CHECK(driver::socket_directories(host, {utility}).empty());
}

TEST_CASE("existing files of /proc/driver/nvidia are copied") {
    MemoryHost host;
    host.file("/proc/driver/nvidia/version", "v");
    host.file("/proc/driver/nvidia/params", "p");
    host.file("/proc/driver/nvidia/suspend", "s");
    CHECK(driver::proc_files(host)
          == std::vector<ProcFile>{{.name = "params", .text = "p"},
                                   {.name = "version", .text = "v"}});
}

TEST_CASE("an inventory opens no device or unneeded library") {
    MemoryHost host;
    plain_host(host);
    host.file("/usr/lib64/libGLX_nvidia.so.580.159.04", "");
    auto where = scope({utility});
    where.cuda_version = false;
    REQUIRE(take_inventory(host, where));
    for (const auto& path : host.opened()) {
        CAPTURE(path);
        CHECK_FALSE(path.starts_with("/dev/"));
        CHECK_FALSE(contains(path, "libGLX"));
        CHECK_FALSE(contains(path, "libcuda"));
    }
    CHECK_FALSE(take_inventory(host, where)->cuda_version);
    CHECK(take_inventory(host, scope())->cuda_version == "13.0");
}
