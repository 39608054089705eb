// SPDX-License-Identifier: Apache-2.0
// MIG devices by name, and the right to manage them, in a plan.
#include "plan/make_plan.hpp"
#include "plan/mig_names.hpp"
#include "plan/select.hpp"
#include "support/outcome.hpp"
#include "support/plan_parts.hpp"

#include <algorithm>
#include <doctest/doctest.h>

namespace {

using namespace grapnel;
using test::contains;
using test::error_of;
using test::gpu;
using test::has_mount;
using test::request;
using Devices = Request::Devices;
using Kind = Mount::Kind;

Node cap(std::uint32_t minor) {
    return test::node("/dev/nvidia-caps/nvidia-cap" + std::to_string(minor), {241, minor});
}

MigDevice mig(unsigned index, std::uint32_t gi, std::uint32_t ci, const char* uuid = "") {
    return {.index = index,
            .gpu_instance = gi,
            .compute_instance = ci,
            .uuid = uuid,
            .nodes = {cap(gi * 9), cap(gi * 9 + 1 + ci)}};
}

/// GPU 0 has 1/0 and 1/1, GPU 1 has 2/0, whose UUID is known.
Inventory host() {
    Inventory out{.driver_version = "580.1",
                  .gpus = {gpu(0, 1, "0000:00:00.0", "GPU-a"), gpu(1, 0, "0000:01:00.0", "GPU-b")}};
    out.gpus[0].mig_devices = {mig(0, 1, 0), mig(1, 1, 1)};
    out.gpus[1].mig_devices = {mig(0, 2, 0, "MIG-0000-1111")};
    out.mig_management = {.has_proc_files = true,
                          .has_nodes = true,
                          .config = cap(1),
                          .monitor = cap(2),
                          .nodes = {cap(1), cap(2), cap(9), cap(18)},
                          .gpus = {{0, {{241, 18}, {241, 19}}}, {1, {{241, 9}}}, {7, {{241, 99}}}}};
    return out;
}

/// "0 1:0": the chosen GPUs and MIG devices.
std::string chosen(const Request& wanted, const Inventory& inventory) {
    const auto gpus = select_gpus(wanted, inventory.gpus);
    if (!gpus)
        return gpus.error().text();
    std::string text;
    for (const auto& one : *gpus) {
        text += (text.empty() ? "" : " ") + std::to_string(one.index);
        for (const auto& device : one.mig_devices)
            text += " " + std::to_string(one.index) + ":" + std::to_string(device.index);
    }
    return text;
}

} // namespace

TEST_CASE("a MIG device is found by each of its names, and brings its GPU") {
    struct Row {
        std::vector<std::string> names;
        const char* outcome;
    };
    const Row rows[] = {
        {{"0:1"}, "0 0:1"},
        {{"1:0"}, "1 1:0"},
        {{"MIG-GPU-a/1/1"}, "0 0:1"},
        {{"mig-gpu-A/1/0"}, "0 0:0"},
        {{"GPU0-MIG1/1/1"}, "0 0:1"},
        {{"gpu1-mig0/2/0"}, "1 1:0"},
        {{"MIG-0000-1111"}, "1 1:0"},
        {{"mig-0000-1111"}, "1 1:0"},
        {{"0:1", "0:0", "GPU0-MIG1/1/1"}, "0 0:0 0:1"},
        {{"0", "0:1"}, "0 0:1"},
        {{"0:1", "0"}, "0 0:1"},
        {{"1", "0:0"}, "0 0:0 1"},
        {{"0"}, "0"},
        {{"GPU-b"}, "1"},
    };
    for (const auto& row : rows) {
        CAPTURE(row.names);
        CHECK(chosen(request(row.names), host()) == row.outcome);
    }
    CHECK(chosen({.devices = Devices::all}, host()) == "0 0:0 0:1 1 1:0");
    CHECK(chosen({.devices = Devices::none}, host()).empty());
}

TEST_CASE("what names no MIG device is unknown") {
    for (const auto* const name :
         {"0:2", "2:0", "0:-1", "0:", ":0", "0:0:", "MIG-GPU-a/1/2", "MIG-GPU-a/1", "MIG-GPU-a/",
          "MIG-GPU-a", "MIG-GPU-b/1/0", "GPU0-MIG0/1/1", "GPU0-MIG0", "GPU0", "MIG-", "MIG-000"}) {
        CAPTURE(name);
        const auto error = chosen(request({name}), host());
        CAPTURE(error);
        CHECK(contains(error, "unknown device '" + std::string(name) + "'"));
        CHECK(contains(error, "0 (GPU-a, 0000:00:00.0, MIG 0:0 and 0:1) and 1 (GPU-b, "
                              "0000:01:00.0, MIG 1:0)"));
    }
}

TEST_CASE("a short UUID prefix names the least length") {
    for (const auto* const name : {"MIG-", "MIG-000", "mig-00-0", "gpu-", "GPU-abc-"}) {
        CAPTURE(name);
        CHECK(contains(chosen(request({name}), host()),
                       "a UUID prefix needs at least four hexadecimal digits after '"
                           + std::string(name).substr(0, 4) + "'"));
    }
    for (const auto* const name : {"MIG-0009", "GPU-xyz", "GPU", "abc", "MIG-GPU-abc/1/0"}) {
        CAPTURE(name);
        CHECK_FALSE(contains(chosen(request({name}), host()), "UUID prefix"));
    }
}

TEST_CASE("a MIG device without a UUID is not found by an empty one") {
    auto inventory = host();
    inventory.gpus[0].uuid.clear();
    for (const auto* const name : {"MIG-/1/0", "/1/0", "MIG-", ""}) {
        CAPTURE(name);
        CHECK(contains(chosen(request({name}), inventory), "unknown device"));
    }
}

TEST_CASE("the driver's library is asked only if a UUID can be one of those that are missing") {
    const auto inventory = host();
    CHECK(needs_mig_uuids(request({"0", "MIG-2222"}), inventory));
    CHECK(needs_mig_uuids(request({"mig-2222"}), inventory));
    for (const auto* const name :
         {"MIG-0000-1111", "MIG-GPU-a/1/0", "MIG-GPU-x/1/0", "0:0", "0", "GPU-a", "nonsense"}) {
        CAPTURE(name);
        CHECK_FALSE(needs_mig_uuids(request({name}), inventory));
    }
    CHECK_FALSE(needs_mig_uuids({.devices = Devices::all}, inventory));
    auto named = inventory;
    for (auto& device : named.gpus[0].mig_devices)
        device.uuid = "MIG-x";
    CHECK_FALSE(needs_mig_uuids(request({"MIG-2222"}), named));
    CHECK(contains(chosen(request({"MIG-2222"}), inventory), "the driver's library alone"));
    CHECK_FALSE(contains(chosen(request({"MIG-2222"}), named), "the driver's library alone"));
}

TEST_CASE("MIG devices are looked at only for a request that can mean them") {
    CHECK(needs_mig_devices({.devices = Devices::all}));
    for (const auto* const name : {"0:0", "MIG-x", "mig-GPU-x/0/0", "GPU0-MIG0/0/0"}) {
        CAPTURE(name);
        CHECK(needs_mig_devices(request({"0", name})));
    }
    CHECK_FALSE(needs_mig_devices(request({"0", "GPU-a", "0000:01:00.0"})));
    CHECK_FALSE(needs_mig_devices({.devices = Devices::none}));
}

TEST_CASE("a MIG device of a sick GPU, and a sick one, are refused with the fault") {
    auto inventory = host();
    inventory.gpus[0].mig_devices[1].fault = "it is gone";
    CHECK(contains(chosen(request({"0:1"}), inventory), "it is gone"));
    CHECK(chosen({.devices = Devices::all}, inventory) == "0 0:0 1 1:0");
    inventory.gpus[0].fault = "fallen off the bus";
    inventory.gpus[0].mig_devices.clear();
    for (const auto* const name : {"0:1", "gpu0-mig0/1/0", "MIG-GPU-a/1/0"}) {
        CAPTURE(name);
        CHECK(contains(chosen(request({name}), inventory), "fallen off the bus"));
    }
}

TEST_CASE("a plan holds the nodes and the files of both instances, each once") {
    const auto plan = make_plan(request({"0:0", "0:1"}), host(), {});
    REQUIRE(plan);
    CHECK(plan->device_rules
          == std::vector<DeviceRule>{{.major = 195, .minor = 1},
                                     {.major = 241, .minor = 9},
                                     {.major = 241, .minor = 10},
                                     {.major = 241, .minor = 11}});
    CHECK(has_mount(*plan, Kind::device, "/dev/nvidia-caps/nvidia-cap9"));
    for (const auto* const path : {"gi1/access", "gi1/ci0/access", "gi1/ci1/access"}) {
        const auto inside = "/proc/driver/nvidia/capabilities/gpu1/mig/" + std::string(path);
        CHECK(has_mount(*plan, Kind::proc, inside.c_str()));
    }
    const auto& files = plan->views.at(0).files;
    CHECK(std::ranges::count_if(files, [](const auto& file) { return file.text.empty(); }) == 3);
    const auto without = make_plan(request({"0:0"}), host(), {.proc_driver_nvidia = false});
    REQUIRE(without);
    CHECK(without->mounts.size() == 3);
}

TEST_CASE("who manages MIG gets the nodes that are there and the rules of what can come") {
    auto wanted = request({"1"});
    wanted.mig_config = true;
    const auto plan = make_plan(wanted, host(), {});
    REQUIRE(plan);
    CHECK(has_mount(*plan, Kind::device, "/dev/nvidia-caps/nvidia-cap1"));
    CHECK(has_mount(*plan, Kind::device, "/dev/nvidia-caps/nvidia-cap18"));
    CHECK(std::ranges::count(plan->mounts, Kind::device, &Mount::kind) == 3);
    CHECK(has_mount(*plan, Kind::proc, "/proc/driver/nvidia/capabilities"));
    CHECK(plan->device_rules
          == std::vector<DeviceRule>{{.major = 195, .minor = 0},
                                     {.major = 241, .minor = 1},
                                     {.major = 241, .minor = 18},
                                     {.major = 241, .minor = 19}});
    const auto error = [&](auto change) {
        auto inventory = host();
        change(inventory.mig_management);
        return error_of(make_plan(wanted, inventory, {}));
    };
    CHECK(contains(error([](auto& offered) { offered.has_proc_files = false; }), "has no MIG"));
    CHECK(contains(error([](auto& offered) { offered.config->found.reset(); }),
                   "/dev/nvidia-caps/nvidia-cap1 is missing"));
    CHECK(contains(error([](auto& offered) { offered.config.reset(); }), "mig-minors"));
    CHECK(error([](auto& offered) { offered.monitor.reset(); }).empty());
    CHECK(error([](auto& offered) { offered.has_nodes = false; }).empty());
    wanted.listed = gpu_names({"1:0"});
    CHECK(contains(error_of(make_plan(wanted, host(), {})), "asked for by name"));
    wanted = {.devices = Devices::all, .mig_monitor = true};
    CHECK(error_of(make_plan(wanted, host(), {})).empty());
}
