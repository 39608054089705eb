// SPDX-License-Identifier: Apache-2.0
#include "json/text.hpp"
#include "plan/make_plan.hpp"
#include "support/outcome.hpp"
#include "support/plan_parts.hpp"

#include <algorithm>
#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

namespace {

using namespace grapnel;
using test::contains;
using test::error_of;
using test::gpu;
using test::has_mount;
using test::request;
using Devices = Request::Devices;
using Kind = Mount::Kind;
using enum DriverCapability;

Library library(const char* name, const char* soname) {
    return {.path = host_path("/opt/nvidia/lib64") / name, .soname = soname};
}

Inventory host() {
    return {.driver_version = "580.1",
            .cuda_version = "13.0",
            .gpus = test::three_gpus(),
            .control_nodes = {test::node("/dev/nvidiactl", {195, 255})},
            .libraries = {library("libcuda.so.580.1", "libcuda.so.1"),
                          library("libnvidia-ml.so.580.1", "libnvidia-ml.so.1")},
            .proc_files = {{.name = "params", .text = "ModifyDeviceFiles: 1\nX: 1\n"}}};
}

bool has_link(const Plan& plan, const char* inside, const char* target) {
    return std::ranges::any_of(plan.links, [&](const auto& link) {
        return link.inside == inside_path(inside) && link.target == target;
    });
}

/// A plan that keeps every rule.
Plan sound_plan() {
    const auto plan = make_plan(request({"0"}), host(), {});
    REQUIRE(plan);
    return *plan;
}

} // namespace

TEST_CASE("a plan has its GPUs' nodes and rules") {
    const auto plan = make_plan(request({"1"}), host(), {});
    CAPTURE(error_of(plan));
    REQUIRE(plan);
    REQUIRE(plan->gpus.size() == 1);
    CHECK(plan->gpus[0] == PlannedGpu{1, 0, "GPU-bbbb", "0000:0a:00.0"});
    CHECK(has_mount(*plan, Kind::device, "/dev/nvidia0"));
    CHECK(has_mount(*plan, Kind::device, "/dev/nvidiactl"));
    CHECK_FALSE(has_mount(*plan, Kind::device, "/dev/nvidia1"));
    CHECK_FALSE(has_mount(*plan, Kind::device, "/dev/nvidia2"));
    CHECK(plan->device_rules
          == std::vector<DeviceRule>{{.major = 195, .minor = 0}, {.major = 195, .minor = 255}});
    REQUIRE(plan->views.size() == 1);
    CHECK(plan->views[0].directories == std::vector<std::string>{"gpus", "gpus/0000:0a:00.0"});
    CHECK(has_mount(*plan, Kind::proc, "/proc/driver/nvidia/gpus/0000:0a:00.0"));
}

TEST_CASE("the driver in a container makes no nodes") {
    const auto plan = sound_plan();
    REQUIRE(plan.views.at(0).files.size() == 1);
    CHECK(plan.views.at(0).files[0].text == "ModifyDeviceFiles: 0\nX: 1\n");
}

TEST_CASE("without /proc/driver/nvidia nothing is mounted there") {
    const auto plan = make_plan(request({"0"}), host(), {.proc_driver_nvidia = false});
    REQUIRE(plan);
    CHECK(plan->views.empty());
    CHECK(std::ranges::none_of(plan->mounts,
                               [](const auto& mount) { return mount.kind == Kind::proc; }));
}

TEST_CASE("libraries and links follow the image's layout") {
    auto inventory = host();
    inventory.libraries.push_back(library("libGLX_nvidia.so.580.1", "libGLX_nvidia.so.0"));
    inventory.libraries.push_back(
        library("libnvidia-opticalflow.so.580.1", "libnvidia-opticalflow.so.1"));
    inventory.libraries.push_back(
        library("libnvidia-glcore.so.580.1", "libnvidia-glcore.so.580.1"));
    inventory.libraries.push_back(library("libnvidia-tls.so.580.1", ""));
    inventory.libraries.push_back({.path = host_path("/opt/nvidia/lib32/libcuda.so.580.1"),
                                   .soname = "libcuda.so.1",
                                   .is_32bit = true});
    const auto plan = make_plan(
        request({}), inventory,
        {.libraries = inside_path("/usr/lib/x"), .libraries_32bit = inside_path("/usr/lib/y")});
    CAPTURE(error_of(plan));
    REQUIRE(plan);
    CHECK(has_mount(*plan, Kind::library, "/usr/lib/x/libcuda.so.580.1"));
    CHECK(has_mount(*plan, Kind::library32, "/usr/lib/y/libcuda.so.580.1"));
    CHECK(has_link(*plan, "/usr/lib/x/libcuda.so.1", "libcuda.so.580.1"));
    CHECK(has_link(*plan, "/usr/lib/x/libcuda.so", "libcuda.so.1"));
    CHECK(has_link(*plan, "/usr/lib/y/libcuda.so", "libcuda.so.1"));
    CHECK(has_link(*plan, "/usr/lib/x/libnvidia-opticalflow.so", "libnvidia-opticalflow.so.1"));
    CHECK(has_link(*plan, "/usr/lib/x/libGLX_indirect.so.0", "libGLX_nvidia.so.580.1"));
    // libcuda twice with two links each, ml 1, GLX 2, opticalflow 2, glcore and tls none
    CHECK(plan->links.size() == 9);
    CHECK(plan->library_directories
          == std::vector{inside_path("/usr/lib/x"), inside_path("/usr/lib/y")});
    CHECK(std::ranges::is_sorted(plan->mounts));
    CHECK(std::ranges::is_sorted(plan->links));
}

TEST_CASE("the first name wins a SONAME") {
    auto inventory = host();
    inventory.libraries.push_back(library("libnvidia-zeta.so.580.1", "libnvidia-same.so.1"));
    inventory.libraries.push_back(library("libnvidia-alpha.so.580.1", "libnvidia-same.so.1"));
    const auto plan = make_plan(request({}), inventory, {});
    REQUIRE(plan);
    CHECK(has_link(*plan, "/usr/lib64/libnvidia-same.so.1", "libnvidia-alpha.so.580.1"));
    CHECK_FALSE(has_link(*plan, "/usr/lib64/libnvidia-same.so.1", "libnvidia-zeta.so.580.1"));
}

TEST_CASE("programs, firmware and sockets have their places") {
    auto inventory = host();
    inventory.binaries = {{.path = host_path("/opt/nvidia/bin/nvidia-smi"), .name = "nvidia-smi"}};
    inventory.firmware = {host_path("/lib/firmware/nvidia/580.1/gsp_ga10x.bin")};
    inventory.sockets = {host_path("/run/nvidia-persistenced/socket")};
    inventory.socket_directories = {host_path("/tmp/nvidia-mps")};
    const auto plan = make_plan(request({}), inventory, {});
    CAPTURE(error_of(plan));
    REQUIRE(plan);
    CHECK(has_mount(*plan, Kind::binary, "/usr/bin/nvidia-smi"));
    CHECK(has_mount(*plan, Kind::firmware, "/lib/firmware/nvidia/580.1/gsp_ga10x.bin"));
    CHECK(has_mount(*plan, Kind::ipc, "/run/nvidia-persistenced/socket"));
    CHECK(has_mount(*plan, Kind::ipc, "/tmp/nvidia-mps"));
    for (const auto& mount : plan->mounts)
        CHECK(mount.directory == (mount.inside.text() == "/tmp/nvidia-mps"));
}

TEST_CASE("mount options are strict for each kind") {
    struct Row {
        Kind kind;
        MountOptions options;
    };
    const MountOptions file{.read_only = true, .nodev = true};
    const Row rows[] = {
        {Kind::library, file},
        {Kind::library32, file},
        {Kind::binary, file},
        {Kind::firmware, file},
        {Kind::config, file},
        {Kind::device, {.read_only = true, .noexec = true}},
        {Kind::ipc, {.nodev = true, .noexec = true}},
        {Kind::proc, {.read_only = true, .nodev = true, .noexec = true}},
    };
    for (const auto& row : rows) {
        CAPTURE(static_cast<int>(row.kind));
        CHECK(mount_options(row.kind) == row.options);
        CHECK(mount_options(row.kind).nosuid);
    }
}

TEST_CASE("a wrong device node names its command") {
    struct Row {
        const char* what;
        std::optional<DeviceNumber> expected;
        std::optional<DeviceNumber> found;
        bool optional;
        const char* error; ///< empty: a plan
    };
    const DeviceNumber uvm{238, 0};
    const Row rows[] = {
        {"there", uvm, uvm, false, ""},
        {"optional and there", uvm, uvm, true, ""},
        {"optional and missing", uvm, {}, true, ""},
        {"missing", uvm, {}, false, "'mknod -m 666 /dev/nvidia-uvm c 238 0'"},
        {"missing with its module", {}, {}, false, "'modprobe nvidia-uvm'"},
        {"of another number", uvm, DeviceNumber{237, 0}, false,
         "is device 237:0, but the driver's is 238:0"},
        {"optional and of another number", uvm, DeviceNumber{1, 3}, true, "is device 1:3"},
        {"left by a module that is gone",
         {},
         uvm,
         false,
         "/dev/nvidia-uvm is there, but no kernel module offers it"},
        {"optional and left by a module that is gone", {}, uvm, true, ""},
    };
    for (const auto& row : rows) {
        CAPTURE(row.what);
        auto inventory = host();
        inventory.control_nodes.push_back({.path = host_path("/dev/nvidia-uvm"),
                                           .expected = row.expected,
                                           .found = row.found,
                                           .optional = row.optional});
        const auto plan = make_plan(request({}), inventory, {});
        const auto error = error_of(plan);
        CAPTURE(error);
        CHECK(contains(error, row.error));
        CHECK(error.empty() == (*row.error == '\0'));
        if (plan)
            CHECK(has_mount(*plan, Kind::device, "/dev/nvidia-uvm")
                  == (row.found.has_value() && row.expected.has_value()));
    }
    auto inventory = host();
    inventory.gpus[2].node.found.reset();
    CHECK(contains(error_of(make_plan(request({"2"}), inventory, {})),
                   "'mknod -m 666 /dev/nvidia1 c 195 1'"));
    CHECK(error_of(make_plan(request({"0"}), inventory, {})).empty());
}

TEST_CASE("a capability without its library is refused") {
    struct Row {
        DriverCapabilities wanted;
        const char* lost;
        const char* error;
    };
    const Row rows[] = {
        {{compute}, "libcuda.so.580.1", "driver capability compute needs libcuda.so.580.1"},
        {{utility},
         "libnvidia-ml.so.580.1",
         "driver capability utility needs libnvidia-ml.so.580.1"},
        {{utility}, "libcuda.so.580.1", ""},
        {{compute}, "libnvidia-ml.so.580.1", ""},
        {{}, "libcuda.so.580.1", ""},
    };
    for (const auto& row : rows) {
        CAPTURE(row.wanted.names());
        CAPTURE(row.lost);
        auto inventory = host();
        std::erase_if(inventory.libraries,
                      [&](const auto& one) { return one.path.name() == row.lost; });
        auto wanting = request({});
        wanting.driver_capabilities = row.wanted;
        CHECK(make_plan(wanting, inventory, {}));
        wanting.named_capabilities = row.wanted;
        const auto error = error_of(make_plan(wanting, inventory, {}));
        CHECK(contains(error, row.error));
        CHECK(error.empty() == (*row.error == '\0'));
    }
    auto inventory = host();
    inventory.libraries[0].is_32bit = true;
    auto wanting = request({});
    wanting.named_capabilities = {compute};
    CHECK(contains(error_of(make_plan(wanting, inventory, {})), "needs libcuda.so.580.1"));
}

TEST_CASE("an unmet requirement names the driver's offer") {
    struct Row {
        const char* requirement;
        std::vector<std::string> gpus;
        std::optional<std::string> cuda;
        const char* error;
    };
    const Row rows[] = {
        {"cuda>=13.0", {"0"}, "13.0", ""},
        {"cuda>=13.1",
         {"0"},
         "13.0",
         "requirement 'cuda>=13.1' is not met: this host's driver 580.1 offers CUDA 13.0: update "
         "the driver, or set NVIDIA_DISABLE_REQUIRE=1 to try all the same"},
        {"cuda>=1", {"0"}, {}, "offers CUDA of an unknown version"},
        {"driver>=580", {"0"}, {}, ""},
        {"brand=tesla", {"0"}, "13.0", "cannot be decided"},
        {"brand=tesla", {}, "13.0", ""},
    };
    for (const auto& row : rows) {
        CAPTURE(row.requirement);
        auto wanting = request(row.gpus);
        const auto requirement = parse_requirement(row.requirement);
        REQUIRE(requirement);
        wanting.requirements = {*requirement};
        auto inventory = host();
        inventory.cuda_version = row.cuda;
        const auto plan = make_plan(wanting, inventory, {});
        const auto error = error_of(plan);
        CAPTURE(error);
        CHECK(contains(error, row.error));
        CHECK(error.empty() == (*row.error == '\0'));
        if (plan)
            CHECK(plan->requirements == std::vector<std::string>{row.requirement});
    }
}

TEST_CASE("a plan that breaks a rule fails") {
    struct Row {
        const char* what;
        void (*change)(Plan&);
        const char* error;
    };
    const Row rows[] = {
        {"sound", [](Plan&) {}, ""},
        {"two mounts on one place", [](Plan& plan) { plan.mounts.push_back(plan.mounts.front()); },
         "share a place"},
        {"a link on a mount",
         [](Plan& plan) {
             plan.links.push_back({plan.mounts.front().inside, "x"});
         },
         "share a place"},
        {"two links on one place", [](Plan& plan) { plan.links.push_back(plan.links.front()); },
         "share a place"},
        {"a link that climbs",
         [](Plan& plan) {
             plan.links.push_back({inside_path("/usr/lib64/x"), "../../../x"});
         },
         "a link leaves"},
        {"a link to a name further up",
         [](Plan& plan) {
             plan.links.push_back({inside_path("/usr/lib64/gbm/x"), "../x"});
         },
         ""},
        {"a link to itself by way of its directory",
         [](Plan& plan) {
             plan.links.push_back({inside_path("/x"), "./x"});
         },
         "a link leaves"},
        {"a link on a view",
         [](Plan& plan) {
             plan.links.push_back({plan.views.front().inside, "x"});
         },
         "share a place"},
        {"a mount of nothing",
         [](Plan& plan) { plan.mounts.push_back({.inside = inside_path("/x")}); }, "has no source"},
        {"a mount of two things",
         [](Plan& plan) {
             plan.mounts.push_back({.host = host_path("/x"),
                                    .view_file = inside_path("/proc/driver/nvidia/params"),
                                    .inside = inside_path("/x")});
         },
         "has no source"},
        {"a mount of a file that no view has",
         [](Plan& plan) {
             plan.mounts.push_back(
                 {.view_file = inside_path("/proc/driver/nvidia/x"), .inside = inside_path("/x")});
         },
         "has no source"},
        {"a mount of a view's file",
         [](Plan& plan) {
             plan.mounts.push_back({.view_file = inside_path("/proc/driver/nvidia/params"),
                                    .inside = inside_path("/x")});
         },
         ""},
        {"an absolute link to /proc",
         [](Plan& plan) {
             plan.links.push_back({inside_path("/usr/lib64/x"), "/proc/x"});
         },
         "leads there"},
        {"a link to itself",
         [](Plan& plan) {
             plan.links.push_back({inside_path("/usr/lib64/x"), "x"});
         },
         "names itself"},
        {"a device outside /dev",
         [](Plan& plan) {
             plan.mounts.push_back({.kind = Kind::device,
                                    .inside = inside_path("/tmp/x"),
                                    .device = DeviceNumber{195, 255}});
         },
         "a device node lies in /dev"},
        {"a device without a number",
         [](Plan& plan) {
             plan.mounts.push_back({.kind = Kind::device, .inside = inside_path("/dev/x")});
         },
         "a device node lies in /dev"},
        {"a library in /dev",
         [](Plan& plan) { plan.mounts.push_back({.inside = inside_path("/dev/x")}); },
         "a device node lies in /dev"},
        {"a library with a number",
         [](Plan& plan) {
             plan.mounts.push_back({.inside = inside_path("/x"), .device = DeviceNumber{195, 255}});
         },
         "a device node lies in /dev"},
        {"a library in /proc",
         [](Plan& plan) { plan.mounts.push_back({.inside = inside_path("/proc/x")}); },
         "lies in /proc"},
        {"a proc mount outside the driver's",
         [](Plan& plan) {
             plan.mounts.push_back({.kind = Kind::proc, .inside = inside_path("/proc/sys")});
         },
         "lies in /proc"},
        {"a mount in a directory of the host",
         [](Plan& plan) {
             plan.mounts.push_back(
                 {.kind = Kind::config, .inside = inside_path("/run/udev"), .directory = true});
             plan.mounts.push_back(
                 {.kind = Kind::config, .inside = inside_path("/run/udev/data/x")});
         },
         "in a directory of the host"},
        {"a link in a directory of the host",
         [](Plan& plan) {
             plan.mounts.push_back(
                 {.kind = Kind::config, .inside = inside_path("/run/udev"), .directory = true});
             plan.links.push_back({inside_path("/run/udev/x"), "y"});
         },
         "in a directory of the host"},
        {"a directory of /dev",
         [](Plan& plan) {
             plan.mounts.push_back({.kind = Kind::device,
                                    .host = host_path("/dev/nvidia-caps"),
                                    .inside = inside_path("/dev/nvidia-caps"),
                                    .directory = true});
         },
         "a device node lies in /dev"},
        {"a node that brings another",
         [](Plan& plan) {
             plan.mounts.front().grants = {{241, 1}};
         },
         "devices that are not its own"},
        {"a right to manage MIG without the rules of the instances",
         [](Plan& plan) {
             plan.mounts.push_back({.kind = Kind::device,
                                    .host = host_path("/dev/nvidia-caps/nvidia-cap1"),
                                    .inside = inside_path("/dev/nvidia-caps/nvidia-cap1"),
                                    .device = DeviceNumber{241, 1},
                                    .grants = {{241, 3}}});
             plan.device_rules.push_back({.major = 241, .minor = 1});
         },
         "device rules differ"},
        {"capabilities of another directory",
         [](Plan& plan) {
             plan.mounts.push_back(
                 {.kind = Kind::proc, .inside = inside_path("/proc/driver/nvidia/capabilitiesx")});
         },
         "lies in /proc"},
        {"a library among the capabilities",
         [](Plan& plan) {
             plan.mounts.push_back(
                 {.inside = inside_path("/proc/driver/nvidia/capabilities/gpu0")});
         },
         "lies in /proc"},
        {"a library in /sys",
         [](Plan& plan) { plan.mounts.push_back({.inside = inside_path("/sys/x")}); },
         "lies in /sys"},
        {"a rule without a node",
         [](Plan& plan) { plan.device_rules.push_back({.major = 1, .minor = 1}); },
         "device rules differ"},
        {"a node without a rule", [](Plan& plan) { plan.device_rules.pop_back(); },
         "device rules differ"},
        {"a rule for every minor", [](Plan& plan) { plan.device_rules.push_back({.major = 195}); },
         "device rules differ"},
        {"a rule that allows mknod",
         [](Plan& plan) { plan.device_rules.front().access |= access_mknod; },
         "device rules differ"},
    };
    for (const auto& row : rows) {
        CAPTURE(row.what);
        auto plan = sound_plan();
        row.change(plan);
        const auto error = error_of(check(plan));
        CAPTURE(error);
        CHECK(contains(error, row.error));
        CHECK(error.empty() == (*row.error == '\0'));
    }
}

TEST_CASE("a link never leads out of the root") {
    struct Row {
        const char* inside;
        const char* target;
        const char* destination; ///< empty: nowhere
    };
    const Row rows[] = {
        {"/usr/lib/a", "b", "/usr/lib/b"},
        {"/usr/lib/gbm/a", "../b", "/usr/lib/b"},
        {"/usr/lib/gbm/a", "../../../b", "/b"},
        {"/usr/lib/gbm/a", "../../../../b", ""},
        {"/a", "../b", ""},
        {"/usr/a", "..", ""},
        {"/usr/a", "../..", ""},
        {"/usr/a", "../", ""},
        {"/usr/a", "", ""},
        {"/usr/a", ".", "/usr"},
        {"/usr/a", "/b", "/b"},
        {"/usr/a", "/", ""},
        {"/usr/a", "b/../c", "/usr/c"},
        {"/usr/a", "..//b", "/b"},
    };
    for (const auto& row : rows) {
        CAPTURE(row.inside);
        CAPTURE(row.target);
        const auto to = destination({inside_path(row.inside), row.target});
        CHECK((to ? to->text() : "") == row.destination);
    }
}

TEST_CASE("an impossible file name makes no plan") {
    auto inventory = host();
    inventory.libraries.push_back(library("libnvidia-x.so.580.1", "libnvidia-ml.so.580.1"));
    CHECK(contains(error_of(make_plan(request({}), inventory, {})), "share a place"));
}

TEST_CASE("nothing to do is an empty object") {
    CHECK(to_json(std::nullopt) == "{}\n");
}

TEST_CASE("the plan as JSON has the contract's keys") {
    auto wanting = request({"1"});
    wanting.ldcache = LdCache::off;
    wanting.change_cgroup = false;
    const auto plan = make_plan(wanting, host(), {});
    REQUIRE(plan);
    const auto json = parse_json(to_json(plan.value()));
    CHECK(json.at("driver") == nlohmann::json({{"version", "580.1"}, {"cuda", "13.0"}}));
    CHECK(json.at("gpus")
          == nlohmann::json::array(
              {{{"index", 1}, {"minor", 0}, {"uuid", "GPU-bbbb"}, {"pci", "0000:0a:00.0"}}}));
    CHECK(json.at("driver_capabilities") == nlohmann::json({"compute", "utility"}));
    CHECK(json.at("device_rules") == nlohmann::json({"c 195:0 rw", "c 195:255 rw"}));
    CHECK(json.at("ldcache") == "off");
    CHECK(json.at("change_cgroup") == false);
    CHECK(json.at("requirements") == nlohmann::json::array());
    CHECK(json.at("mounts").size() == plan->mounts.size() + 1); // and the view of /proc
    for (const auto& mount : json.at("mounts"))
        for (const auto* const key : {"kind", "host", "inside", "options"})
            CHECK(mount.contains(key));
    CHECK(json.at("files").at(0).at("inside") == "/proc/driver/nvidia/params");
}

TEST_CASE("bytes outside UTF-8 do not break JSON") {
    auto inventory = host();
    inventory.proc_files.push_back({.name = "registry", .text = "\xff\xfe"});
    const auto plan = make_plan(request({}), inventory, {});
    REQUIRE(plan);
    CHECK_FALSE(json_syntax_error(to_json(plan.value())));
}
