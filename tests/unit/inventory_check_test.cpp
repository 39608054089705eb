// SPDX-License-Identifier: Apache-2.0
// Claims of a process that was taken over: none gives a container what is not the driver's.
#include "driver/inventory_check.hpp"
#include "support/memory_host.hpp"
#include "support/outcome.hpp"

#include <doctest/doctest.h>

using namespace grapnel;
using namespace grapnel::test;

namespace {

Node node(const char* path, std::uint32_t major, std::uint32_t minor) {
    const DeviceNumber number{major, minor};
    return {.path = host_path(path), .expected = number, .found = number};
}

void add_host(MemoryHost& host) {
    host.file("/proc/devices", "Character devices:\n  1 mem\n195 nvidia\n226 drm\n235 nvidia-caps\n"
                               "\nBlock devices:\n  8 sd\n");
    host.file("/proc/misc", " 58 rdma_cm\n 59 dxg\n232 kvm\n");
    host.file("/usr/lib/liba.so", "");
    host.file("/opt/board/file", "");
    host.link("/usr/lib/secret.so", "/root/secret");
    host.link("/usr/lib/memory.so", "/proc/kcore");
    host.link("/tmp/of-a-user", "/usr/lib/liba.so");
    host.file("/proc/kcore", "");
    host.file("/root/secret", "");
    host.file("/etc/shadow", "");
    host.socket("/run/nvidia-persistenced/socket");
    host.socket("/run/docker.sock");
    host.directory("/tmp/nvidia-mps");
    host.character_device("/dev/nvidia0", 195, 0);
    host.character_device("/dev/mem", 1, 1);
    host.character_device("/dev/kvm", 10, 232);
    host.character_device("/dev/dxg", 10, 59);
    host.character_device("/dev/dri/card0", 226, 0);
    host.character_device("/dev/infiniband/rdma_cm", 10, 58);
    host.character_device("/dev/nvhost-gpu", 505, 1);
    host.file("/dev/sda", "");
}

Status check(const Inventory& inventory, bool on_board = false) {
    MemoryHost host;
    add_host(host);
    if (on_board) {
        host.file("/sys/devices/soc0/family", "Tegra\n");
        host.file("/lists/devices.csv", "dev, /dev/nvhost-*\ndev, /dev/nvmap\ndir, /dev/dri\n");
    }
    return check_inventory(
        host,
        {.driver_capabilities = DriverCapabilities::all(),
         .device_groups = {DeviceGroup::mofed},
         .csv = {.directory = host_path("/lists")}},
        {.read = {host_path("/usr"), host_path("/proc"), host_path("/sys"), host_path("/absent")},
         .given = {host_path("/opt/board/file")}},
        inventory);
}

bool is_refused(const Inventory& inventory, const char* words) {
    const auto done = check(inventory);
    return !done && contains(done.error().text(), words);
}

} // namespace

TEST_CASE("the driver's files, sockets and nodes are believed") {
    Inventory inventory;
    inventory.libraries = {{.path = host_path("/usr/lib/liba.so")}};
    inventory.same_places = {{.path = host_path("/opt/board/file")}};
    inventory.firmware = {host_path("/usr/lib/removed-since")};
    inventory.sockets = {host_path("/run/nvidia-persistenced/socket")};
    inventory.socket_directories = {host_path("/tmp/nvidia-mps")};
    inventory.control_nodes = {node("/dev/nvidia0", 195, 0)};
    inventory.gpus = {{.drm_nodes = {node("/dev/dri/card0", 226, 0)}}};
    inventory.group_devices.nodes = {node("/dev/infiniband/rdma_cm", 10, 58)};
    inventory.mig_management.config =
        Node{.path = host_path("/dev/nvidia-caps/nvidia-cap1"), .expected = DeviceNumber{235, 1}};
    inventory.same_places.push_back({.kind = SamePlace::Kind::link, .path = host_path("/etc/a")});
    CHECK(check(inventory));
}

TEST_CASE("a file that leads elsewhere is refused") {
    for (const char* const text :
         {"/etc/shadow", "/root/secret", "/usr/lib/secret.so", "/usr/lib/memory.so", "/proc/kcore",
          "/dev/sda", "/", "/tmp/of-a-user", "/tmp/missing", "/missing/file"}) {
        CAPTURE(text);
        const auto path = host_path(text);
        const auto is_outside = [](const Inventory& inventory) {
            return is_refused(inventory, "is in no directory that drivers are read from");
        };
        CHECK(is_outside({.libraries = {{.path = path}}}));
        CHECK(is_outside({.binaries = {{.path = path, .name = "a"}}}));
        CHECK(is_outside({.firmware = {path}}));
        CHECK(is_outside({.config_files = {{.path = path}}}));
        CHECK(is_outside({.x_server_modules = {path}}));
        CHECK(is_outside({.management_library = path}));
        CHECK(is_outside({.same_places = {{.path = path}}}));
    }
}

TEST_CASE("another service's files are refused") {
    const auto other = host_path("/run/docker.sock");
    const auto* const words = "has a socket or directory that it does not have";
    CHECK(is_refused({.sockets = {other}}, words));
    CHECK(is_refused({.socket_directories = {other}}, words));
    CHECK(is_refused({.group_devices = {.files = {other}}}, words));
    CHECK(is_refused({.group_devices = {.directories = {other}}}, words));
}

TEST_CASE("another device's node is refused anywhere") {
    const Node lies[] = {node("/dev/mem", 1, 1),     node("/dev/kvm", 10, 232),
                         node("/dev/nvidia0", 8, 0), node("/dev/mem", 195, 0),
                         node("/dev/sda", 195, 0),   node("/root/secret", 195, 0)};
    for (const auto& lie : lies) {
        CAPTURE(lie.path.text());
        const auto is_lie = [](const Inventory& inventory) {
            return is_refused(inventory, "the confined process that looks at the host says that /");
        };
        CHECK(is_lie({.gpus = {{.node = lie}}}));
        CHECK(is_lie({.gpus = {{.more_nodes = {lie}}}}));
        CHECK(is_lie({.gpus = {{.drm_nodes = {lie}}}}));
        CHECK(is_lie({.gpus = {{.mig_devices = {{.nodes = {lie}}}}}}));
        CHECK(is_lie({.control_nodes = {lie}}));
        CHECK(is_lie({.mig_management = {.config = lie}}));
        CHECK(is_lie({.mig_management = {.monitor = lie}}));
        CHECK(is_lie({.mig_management = {.nodes = {lie}}}));
        CHECK(is_lie({.other_nodes = {lie}}));
        CHECK(is_lie({.imex_channels = {lie}}));
        CHECK(is_lie({.group_devices = {.nodes = {lie}}}));
    }
}

TEST_CASE("numbers of future MIG devices are the driver's") {
    CHECK(check({.mig_management = {.gpus = {{0, {{235, 7}, {235, 8}}}}}}));
    CHECK(is_refused({.mig_management = {.gpus = {{0, {{235, 7}, {1, 1}}}}}},
                     "a MIG device of device number 1:1"));
}

TEST_CASE("a Jetson's lists name its existing nodes") {
    CHECK(check({.control_nodes = {node("/dev/nvhost-gpu", 505, 1)}}, true));
    CHECK(!check({.control_nodes = {node("/dev/nvhost-gpu", 505, 1)}}));
    CHECK(!check({.control_nodes = {node("/dev/nvhost-gpu", 1, 1)}}, true));
    CHECK(!check({.control_nodes = {node("/dev/mem", 1, 1)}}, true));
    CHECK(!check({.control_nodes = {node("/dev/kvm", 10, 232)}}, true));
    CHECK(check({.control_nodes = {node("/dev/nvidia0", 195, 0)}}, true));
    // a node that is missing is made, with the number that is expected
    CHECK(!check({.control_nodes = {node("/dev/nvmap", 1, 1)}}, true));
    const Node unfound{.path = host_path("/dev/nvhost-gpu"), .expected = DeviceNumber{1, 1}};
    CHECK(!check({.control_nodes = {unfound}}, true));
}

TEST_CASE("WSL's one node is the kernel's dxg") {
    CHECK(check({.control_nodes = {node("/dev/dxg", 10, 59)}}));
    CHECK(!check({.control_nodes = {node("/dev/dxg", 10, 232)}}));
}
