// SPDX-License-Identifier: Apache-2.0
// MIG devices, and the right to manage them, in a plan.
#include "plan/make_plan.hpp"
#include "support/outcome.hpp"
#include "support/plan_parts.hpp"

#include <algorithm>
#include <doctest/doctest.h>

using namespace grapnel;
using test::contains;
using test::error_of;
using test::has_mount;
using test::mig_host;
using test::request;
using Devices = Request::Devices;
using Kind = Mount::Kind;

TEST_CASE("nodes and files of instances appear once") {
    const auto plan = make_plan(request({"0:0", "0:1"}), mig_host(), {});
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
    const auto without = make_plan(request({"0:0"}), mig_host(), {.proc_driver_nvidia = false});
    REQUIRE(without);
    CHECK(without->mounts.size() == 3);
}

TEST_CASE("MIG managers get nodes and future rules") {
    auto wanted = request({"1"});
    wanted.mig_config = true;
    const auto plan = make_plan(wanted, mig_host(), {});
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
        auto inventory = mig_host();
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
    CHECK(contains(error_of(make_plan(wanted, mig_host(), {})), "asked for by name"));
    wanted = {.devices = Devices::all, .mig_monitor = true};
    CHECK(error_of(make_plan(wanted, mig_host(), {})).empty());
}
