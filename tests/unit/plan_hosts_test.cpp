// SPDX-License-Identifier: Apache-2.0
// Plans for hosts that keep the driver elsewhere, or lack a node of it.
#include "plan/make_plan.hpp"

#include <doctest/doctest.h>

using namespace grapnel;

namespace {

constexpr DeviceNumber control{195, 255};

Inventory with_control_node() {
    Inventory inventory{.driver_version = "580.1"};
    inventory.control_nodes.push_back(
        {.path = host_path("/dev/nvidiactl"), .expected = control, .found = control});
    return inventory;
}

Result<Plan> plan_of(const Inventory& inventory) {
    return make_plan({}, inventory, {.proc_driver_nvidia = false});
}

} // namespace

TEST_CASE("a missing node is planned with its rule") {
    auto inventory = with_control_node();
    inventory.control_nodes.front().found = std::nullopt;
    CHECK_FALSE(plan_of(inventory));
    inventory.control_nodes.front().creation = NodeAttributes{.mode = 0660, .group = 44};
    const auto plan = plan_of(inventory);
    REQUIRE(plan);
    REQUIRE(plan->host_nodes.size() == 1);
    CHECK(plan->host_nodes.front().number == control);
    CHECK(plan->host_nodes.front().attributes == NodeAttributes{.mode = 0660, .group = 44});
    REQUIRE(plan->mounts.size() == 1);
    CHECK(plan->mounts.front().device == control);
    CHECK(plan->device_rules.size() == 1);
    CHECK(to_json(*plan).find(R"("mode": "0660")") != std::string::npos);
}

TEST_CASE("no unneeded node is made on the host") {
    auto plan = plan_of(with_control_node());
    REQUIRE(plan);
    plan->host_nodes.push_back({.path = host_path("/dev/nvidia0"), .number = {195, 0}});
    CHECK_FALSE(check(*plan));
    plan->host_nodes.front() = {.path = host_path("/dev/nvidiactl"), .number = {195, 0}};
    CHECK_FALSE(check(*plan));
    plan->host_nodes.front().number = control;
    CHECK(check(*plan));
}

TEST_CASE("relocation changes the host's paths alone") {
    auto inventory = with_control_node();
    inventory.sockets.push_back(host_path("/run/daemon/socket"));
    auto plan = plan_of(inventory);
    REQUIRE(plan);
    std::vector<std::string> unfollowed;
    const auto locate = [&](const HostPath& path, bool follow) {
        if (!follow)
            unfollowed.push_back(path.text());
        return HostPath::make("/r" + path.text());
    };
    REQUIRE(relocate(*plan, locate));
    for (const auto& mount : plan->mounts)
        CHECK(mount.host.text() == "/r" + mount.inside.text());
    CHECK(unfollowed == std::vector<std::string>{"/run/daemon/socket"});
    const auto failing = [](const HostPath&, bool) { return Result<HostPath>(refused("no")); };
    CHECK_FALSE(relocate(*plan, failing));
}

TEST_CASE("a link's text says where it leads") {
    const auto to = [](std::string_view inside, std::string target) {
        const auto found = destination({inside_path(inside), std::move(target)});
        return found ? found->text() : std::string();
    };
    CHECK(to("/a/b/c", "d") == "/a/b/d");
    CHECK(to("/a/b/c", "../d") == "/a/d");
    CHECK(to("/a/b/c", "../../d/e") == "/d/e");
    CHECK(to("/a/b/c", "/x/y") == "/x/y");
    CHECK(to("/a/b/c", "../../../d").empty());
    CHECK(to("/a/b/c", "/../d").empty());
    CHECK(to("/a/b/c", "").empty());
    CHECK(to("/a", std::string("x\0y", 3)).empty());
}

TEST_CASE("links stay out of the kernel's file systems") {
    const auto holds = [](std::string_view inside, std::string target) {
        auto plan = plan_of(with_control_node());
        plan->links.push_back({inside_path(inside), std::move(target)});
        return check(*plan).has_value();
    };
    CHECK(holds("/usr/bin/nvidia-smi", "/usr/lib/wsl/x/nvidia-smi"));
    CHECK_FALSE(holds("/usr/bin/x", "/proc/self/exe"));
    CHECK_FALSE(holds("/usr/bin/x", "../../sys/x"));
    CHECK_FALSE(holds("/sys/x", "y"));
    CHECK_FALSE(holds("/usr/bin/x", "x"));
}
