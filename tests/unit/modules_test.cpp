// SPDX-License-Identifier: Apache-2.0
#include "driver/inventory.hpp"
#include "driver/missing_nodes.hpp"
#include "driver/modules.hpp"
#include "driver/pci.hpp"
#include "support/memory_host.hpp"

#include <cerrno>
#include <doctest/doctest.h>

using namespace grapnel;
using namespace grapnel::driver;
using test::MemoryHost;
using enum DriverCapability;

namespace {

using Names = std::vector<std::string>;

void add_pci(MemoryHost& host, const std::string& address, std::string vendor,
             std::string device_class) {
    host.file("/sys/bus/pci/devices/" + address + "/vendor", std::move(vendor));
    host.file("/sys/bus/pci/devices/" + address + "/class", std::move(device_class));
}

} // namespace

TEST_CASE("a module without kernel traces is missing") {
    MemoryHost host;
    CHECK(missing_modules(host, {utility}) == Names{"nvidia"});
    CHECK(missing_modules(host, {compute, display})
          == Names{"nvidia", "nvidia-uvm", "nvidia-modeset"});
    host.file("/proc/driver/nvidia/version", "");
    CHECK(missing_modules(host, {utility}).empty());
    CHECK(missing_modules(host, {video}) == Names{"nvidia-uvm"});
    CHECK(missing_modules(host, {graphics}) == Names{"nvidia-modeset"});
    host.directory("/sys/module/nvidia_uvm");
    CHECK(missing_modules(host, {compute}).empty());
    host.file("/proc/devices", "Character devices:\n195 nvidia-modeset\n");
    CHECK(missing_modules(host, {graphics, compute}).empty());
}

TEST_CASE("modules are of use for NVIDIA's GPUs alone") {
    MemoryHost host;
    CHECK_FALSE(has_use_for_modules(host));
    add_pci(host, "0000:00:01.0", "0x10de\n", "0x040300\n"); // its sound
    add_pci(host, "0000:00:02.0", "0x8086\n", "0x030000\n");
    host.unreadable("/sys/bus/pci/devices/0000:00:03.0/vendor", EIO);
    CHECK_FALSE(has_use_for_modules(host));
    add_pci(host, "10000:01:00.0", "0x10de\n", "0x030200\n");
    CHECK(has_use_for_modules(host));
    host.character_device("/dev/dxg", 10, 125);
    CHECK_FALSE(has_use_for_modules(host));
}

TEST_CASE("GPUs of other drivers are named with these") {
    MemoryHost host;
    add_pci(host, "0000:01:00.0", "0x10de\n", "0x030000\n");
    add_pci(host, "0000:02:00.0", "0x10de\n", "0x030200\n");
    host.link("/sys/bus/pci/devices/0000:01:00.0/driver", "../../../bus/pci/drivers/nouveau");
    CHECK(gpus_of_others(host) == Names{"0000:01:00.0 (nouveau)", "0000:02:00.0 (no driver)"});
}

TEST_CASE("nodes are made as the driver's parameters say") {
    MemoryHost host;
    const auto file = host_path("/params");
    const auto attributes = [&](std::string text) {
        host.file("/params", std::move(text));
        return node_attributes(host, file);
    };
    CHECK_FALSE(node_attributes(host, file));
    CHECK_FALSE(attributes(""));
    CHECK_FALSE(attributes("ModifyDeviceFiles: 0\n"));
    CHECK(attributes("ModifyDeviceFiles: 1\n") == NodeAttributes{});
    CHECK(attributes("DeviceFileMode: 432\nDeviceFileUID: 7\nDeviceFileGID: 44\n"
                     "ModifyDeviceFiles: 1\n")
          == NodeAttributes{.mode = 0660, .user = 7, .group = 44});
    // of a capability's file
    CHECK(attributes("DeviceFileMinor: 1\nDeviceFileMode: 256\nDeviceFileModify: 1\n")
          == NodeAttributes{.mode = 0400});
    // a number that is no file mode is ignored
    CHECK(attributes("ModifyDeviceFiles: 1\nDeviceFileMode: 4095\n") == NodeAttributes{});
    CHECK(attributes("ModifyDeviceFiles: 1\nDeviceFileMode: -1\n") == NodeAttributes{});
    CHECK_FALSE(attributes("ModifyDeviceFiles: 11\n"));
}

TEST_CASE("mknod is asked for if nodes are missing") {
    MemoryHost host;
    host.file("/proc/driver/nvidia/params", "ModifyDeviceFiles: 1\n");
    int asked = 0;
    const InventoryScope scope{.may_make_nodes = [&] { return ++asked > 0; }};
    Inventory inventory;
    const DeviceNumber number{195, 255};
    inventory.control_nodes.push_back(
        {.path = host_path("/dev/nvidiactl"), .expected = number, .found = number});
    mark_missing_nodes(host, {}, scope, inventory);
    CHECK(asked == 0);
    inventory.control_nodes.push_back({.path = host_path("/dev/nvidia-uvm")}); // no module
    inventory.control_nodes.push_back(
        {.path = host_path("/dev/nvidia7"), .expected = number, .other_file = true});
    mark_missing_nodes(host, {}, scope, inventory);
    CHECK(asked == 0);
    inventory.control_nodes.push_back({.path = host_path("/dev/nvidia8"), .expected = number});
    mark_missing_nodes(host, {}, scope, inventory);
    CHECK(asked == 1);
    CHECK(inventory.control_nodes.back().creation == NodeAttributes{});
    CHECK_FALSE(inventory.control_nodes[2].creation);
}
