// SPDX-License-Identifier: Apache-2.0
// MIG devices, IMEX channels and device groups, as the kernel shows them.
#include "driver/auxiliary_devices.hpp"
#include "driver/inventory.hpp"
#include "driver/mig.hpp"
#include "driver/nodes.hpp"
#include "driver/probe_answer.hpp"
#include "support/memory_host.hpp"

#include <cerrno>
#include <doctest/doctest.h>

namespace {

using namespace grapnel;
using test::MemoryHost;
const driver::Majors majors{{"nvidia-caps", 241}, {"nvidia-caps-imex-channels", 242},
                            {"nvidia-fs", 234},   {"infiniband_verbs", 231},
                            {"gdrdrv", 236},      {"infiniband_verbs", 509}};

std::string instance(const std::string& name) {
    return "/proc/driver/nvidia/capabilities/gpu2/mig/" + name + "/access";
}

void add_access(MemoryHost& host, const std::string& name, unsigned minor) {
    host.file(instance(name), "DeviceFileMinor: " + std::to_string(minor)
                                  + "\nDeviceFileMode: 292\nDeviceFileModify: 1\n");
    host.character_device("/dev/nvidia-caps/nvidia-cap" + std::to_string(minor), 241, minor);
}

/// Index 0, minor 2.
std::vector<Gpu> gpus_on(const MemoryHost& host, Notices& notices,
                         const driver::Majors& known = majors) {
    std::vector<Gpu> gpus{{.uuid = "GPU-a", .pci = "0000:01:00.0", .minor = 2}};
    driver::add_mig_devices(host, known, gpus, notices);
    return gpus;
}

std::string text_of(const MigDevice& device) {
    std::string text = std::to_string(device.index) + "=" + std::to_string(device.gpu_instance)
                       + "/" + std::to_string(device.compute_instance);
    for (const auto& node : device.nodes)
        text += " " + std::string(node.path.name());
    return text;
}

} // namespace

TEST_CASE("MIG devices are counted by instance numbers") {
    MemoryHost host;
    add_access(host, "gi10", 20);
    add_access(host, "gi10/ci0", 21);
    add_access(host, "gi9", 10);
    add_access(host, "gi9/ci3", 14);
    add_access(host, "gi9/ci0", 11);
    add_access(host, "gi1", 30); // cut off, and not yet cut further
    Notices notices;
    const auto gpus = gpus_on(host, notices);
    REQUIRE(gpus[0].mig_devices.size() == 3);
    CHECK(text_of(gpus[0].mig_devices[0]) == "0=9/0 nvidia-cap10 nvidia-cap11");
    CHECK(text_of(gpus[0].mig_devices[1]) == "1=9/3 nvidia-cap10 nvidia-cap14");
    CHECK(text_of(gpus[0].mig_devices[2]) == "2=10/0 nvidia-cap20 nvidia-cap21");
    CHECK(gpus[0].mig_devices[0].nodes[0].expected == DeviceNumber{241, 10});
    CHECK(gpus[0].mig_devices[0].nodes[0].found == DeviceNumber{241, 10});
    CHECK(notices.list.empty());
}

TEST_CASE("a GPU without MIG costs one look") {
    const MemoryHost host;
    Notices notices;
    CHECK(gpus_on(host, notices)[0].mig_devices.empty());
    CHECK(notices.list.empty());
    CHECK(host.opened().empty());
}

TEST_CASE("names that are no instances are passed over") {
    MemoryHost host;
    for (const auto* const name :
         {"gi", "gi-1/ci0", "gi+1/ci0", "gi01/ci0", "gi1x/ci0", "gi0x1/ci0", "gi4294967296/ci0",
          "ci0", "gi2/ci", "gi2/ci00", "gi2/x"})
        add_access(host, name, 9);
    Notices notices;
    CHECK(gpus_on(host, notices)[0].mig_devices.empty());
}

TEST_CASE("an instance without minor is its device's fault") {
    for (const auto* const text :
         {"", "DeviceFileMinor:\n", "DeviceFileMinor: x\n", "DeviceFileMinor: -1\n",
          "DeviceFileMinor: 1048576\n", "DeviceFileMode: 292\n"}) {
        CAPTURE(text);
        MemoryHost host;
        add_access(host, "gi1", 10);
        add_access(host, "gi1/ci0", 11);
        add_access(host, "gi1/ci1", 12);
        host.file(instance("gi1/ci0"), text);
        Notices notices;
        const auto devices = gpus_on(host, notices)[0].mig_devices;
        REQUIRE(devices.size() == 2);
        CHECK(devices[0].fault.ends_with("ci0/access names no device minor"));
        CHECK(devices[1].fault.empty());
        CHECK(notices.list.size() == 1);
    }
    MemoryHost host;
    add_access(host, "gi1/ci0", 11);
    host.unreadable(instance("gi1"), EIO);
    Notices notices;
    CHECK_FALSE(gpus_on(host, notices)[0].mig_devices.at(0).fault.empty());
}

TEST_CASE("a driver without MIG nodes has files alone") {
    MemoryHost host;
    add_access(host, "gi1", 10);
    add_access(host, "gi1/ci0", 11);
    Notices notices;
    const auto devices = gpus_on(host, notices, {{"nvidia", 195}})[0].mig_devices;
    REQUIRE(devices.size() == 1);
    CHECK(devices[0].fault.empty());
    CHECK(devices[0].nodes.empty());
}

TEST_CASE("the driver's library names MIG devices") {
    MemoryHost host;
    for (const auto* const name : {"gi1", "gi1/ci0", "gi1/ci1"})
        add_access(host, name, 9);
    Inventory inventory;
    inventory.gpus = gpus_on(host, inventory.notices);
    add_answer(inventory, {.migs = {{"0000:01:00.0", 0, 1, 0, "MIG-a"},
                                    {"0000:02:00.0", 0, 1, 1, "MIG-of-another-gpu"},
                                    {"0000:01:00.0", 2, 7, 0, "MIG-that-is-gone"}}});
    CHECK(inventory.gpus[0].mig_devices[0].uuid == "MIG-a");
    CHECK(inventory.gpus[0].mig_devices[1].uuid.empty());
    CHECK(inventory.notices.list.empty());
    add_answer(inventory, {.migs = {{"0000:01:00.0", 0, 1, 1, "MIG-b"}}});
    CHECK(inventory.gpus[0].mig_devices[1].uuid == "MIG-b");
    CHECK(inventory.gpus[0].mig_devices[1].index == 1);
    CHECK(inventory.notices.list.size() == 1);
}

TEST_CASE("an answer without a MIG UUID is incomplete") {
    MemoryHost host;
    for (const auto* const name : {"gi1", "gi1/ci0", "gi1/ci1"})
        add_access(host, name, 9);
    Inventory inventory;
    inventory.gpus = gpus_on(host, inventory.notices);
    ProbeAnswer answer{
        .gpus = {{.pci = "0000:01:00.0", .uuid = "GPU-a", .brand = "Tesla", .arch = "9.0"}},
        .migs = {{"0000:01:00.0", 0, 1, 0, "MIG-a"}, {"0000:02:00.0", 0, 1, 1, "MIG-x"}}};
    CHECK_FALSE(is_complete(answer, inventory));
    answer.migs[1].pci = "0000:01:00.0";
    CHECK(is_complete(answer, inventory));
}

TEST_CASE("the table of MIG minors is read") {
    MemoryHost host;
    host.file("/proc/driver/nvidia/capabilities/mig/config", "");
    host.character_device("/dev/nvidia-caps/nvidia-cap1", 241, 1);
    host.character_device("/dev/nvidia-caps/nvidia-cap3", 241, 3);
    host.character_device("/dev/nvidia-caps/nvidia-cap4", 5, 4);
    host.file("/dev/nvidia-caps/nvidia-cap99", "");
    host.file("/proc/driver/nvidia-caps/mig-minors",
              "config 1\nmonitor 2\ngpu0/gi0/access 3\ngpu0/gi0/ci0/access 4\ngpu12/gi0/access 99\n"
              "gpu0 5\ngpux/gi0/access 6\ngpu1/gi0/access x\ngpu1/gi0/access 1048576\n\n"
              "fabric 7\nlast\n");
    const auto found = driver::mig_management(host, majors);
    CHECK(found.has_proc_files);
    CHECK(found.has_nodes);
    REQUIRE(found.config);
    CHECK(found.config->found == DeviceNumber{241, 1});
    REQUIRE(found.monitor);
    CHECK(found.monitor->expected == DeviceNumber{241, 2});
    CHECK_FALSE(found.monitor->found);
    REQUIRE(found.nodes.size() == 2);
    CHECK(found.nodes[1].found == DeviceNumber{241, 3});
    REQUIRE(found.gpus.size() == 2);
    CHECK(found.gpus.at(0) == std::vector<DeviceNumber>{{241, 3}, {241, 4}});
    CHECK(found.gpus.at(12) == std::vector<DeviceNumber>{{241, 99}});
    const auto without_nodes = driver::mig_management(host, {});
    CHECK(without_nodes.has_proc_files);
    CHECK_FALSE(without_nodes.has_nodes);
    CHECK_FALSE(without_nodes.config);
    CHECK(driver::mig_management(MemoryHost(), {}) == MigManagement{});
}

TEST_CASE("IMEX channels are nodes of their own major") {
    MemoryHost host;
    host.character_device("/dev/nvidia-caps-imex-channels/channel10", 242, 10);
    host.character_device("/dev/nvidia-caps-imex-channels/channel9", 5, 9);
    host.file("/dev/nvidia-caps-imex-channels/channels", "");
    host.file("/dev/nvidia-caps-imex-channels/channel010", "");
    host.file("/dev/nvidia-caps-imex-channels/channel1048576", "");
    Notices notices;
    const auto all = driver::imex_channels(host, majors, {.all = true}, notices);
    REQUIRE(all.size() == 2);
    CHECK(all[0].path.name() == "channel9");
    CHECK(all[0].expected == DeviceNumber{242, 9});
    CHECK(all[0].found == DeviceNumber{5, 9});
    CHECK(all[1].path.name() == "channel10");
    const auto listed = driver::imex_channels(host, majors, {.listed = {3}}, notices);
    REQUIRE(listed.size() == 1);
    CHECK_FALSE(listed[0].found);
    CHECK(listed[0].cure.find("c 242 3") != std::string::npos);
    CHECK_FALSE(driver::imex_channels(host, {}, {.listed = {3}}, notices)[0].expected);
    CHECK(notices.list.empty());
    CHECK(driver::imex_channels(MemoryHost(), majors, {.all = true}, notices).empty());
    CHECK(notices.list.size() == 1);
}

TEST_CASE("a node's group counts if it grants access") {
    struct Row {
        std::uint32_t mode;
        std::uint32_t group;
        bool counts;
    };
    const Row rows[] = {{0660, 44, true},  {0640, 44, true},  {0664, 44, true},  {0666, 44, false},
                        {0644, 44, false}, {0606, 44, false}, {0600, 44, false}, {0660, 0, false},
                        {0670, 44, true},  {0676, 44, false}};
    for (const auto& row : rows) {
        CAPTURE(row.mode);
        const auto group = group_with_rights({.mode = row.mode, .group = row.group});
        CHECK(group.has_value() == row.counts);
        CHECK(group.value_or(row.group) == row.group);
    }
}

TEST_CASE("a device group is its module's nodes alone") {
    MemoryHost host;
    host.file("/proc/misc", "229 fuse\n 58 rdma_cm\n");
    host.character_device("/dev/nvidia-fs0", 234, 0);
    host.character_device("/dev/nvidia-fs1", 8, 1); // left by an earlier boot
    host.file("/dev/nvidia-fs2", "");
    host.character_device("/dev/nvidia-fsx", 234, 9);
    host.character_device("/dev/infiniband/uverbs0", 231, 192);
    host.character_device("/dev/infiniband/uverbs40", 509, 8);
    host.character_device("/dev/infiniband/umad0", 231, 0);
    host.character_device("/dev/infiniband/rdma_cm", 10, 58);
    host.link("/dev/gdrdrv", "/dev/nvidia-fs0");
    const auto found = [&](const DeviceGroups& wanted, Notices& notices) {
        std::string text;
        for (const auto& node : driver::group_devices(host, majors, wanted, notices).nodes) {
            CHECK(node.expected == node.found);
            text += (text.empty() ? "" : " ") + std::string(node.path.name());
        }
        return text;
    };
    Notices notices;
    CHECK(found({DeviceGroup::mofed}, notices) == "uverbs0 uverbs40 rdma_cm");
    CHECK(found({}, notices).empty());
    CHECK(notices.list.empty());
    CHECK(found({DeviceGroup::gds}, notices) == "nvidia-fs0");
    CHECK(notices.list.size() == 2);
    notices.list.clear();
    CHECK(found({DeviceGroup::gdrcopy}, notices).empty());
    CHECK(notices.list.size() == 2);
    host.character_device("/dev/infiniband/rdma_cm", 10, 59);
    CHECK(found({DeviceGroup::mofed}, notices) == "uverbs0 uverbs40");
}

TEST_CASE("GPUDirect Storage's files come with its nodes") {
    MemoryHost host;
    host.file("/run/udev/data/x", "");
    host.file("/etc/cufile.json", "{}");
    Notices notices;
    CHECK(driver::group_devices(host, majors, {DeviceGroup::gds}, notices) == GroupDevices{});
    host.character_device("/dev/nvidia-fs0", 234, 0);
    auto found = driver::group_devices(host, majors, {DeviceGroup::gds}, notices);
    CHECK(found.files == std::vector{host_path("/etc/cufile.json")});
    CHECK(found.directories == std::vector{host_path("/run/udev/data")});
    host.remove("/run/udev");
    host.remove("/etc/cufile.json");
    host.socket("/etc/cufile.json");
    found = driver::group_devices(host, majors, {DeviceGroup::gds}, notices);
    CHECK(found.files.empty());
    CHECK(found.directories.empty());
}
