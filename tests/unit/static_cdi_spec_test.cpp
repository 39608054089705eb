// SPDX-License-Identifier: Apache-2.0
#include "json/text.hpp"
#include "plan/static_cdi_spec.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

namespace {

using namespace grapnel;

Mount node(const std::string& host, const std::string& inside, std::uint32_t minor) {
    return {.kind = Mount::Kind::device,
            .host = *HostPath::make(host),
            .inside = *InsidePath::make(inside),
            .device = DeviceNumber{195, minor}};
}

Plan common() {
    Plan plan{.driver_version = "580.1"};
    plan.mounts = {node("/dev/nvidiactl", "/dev/nvidiactl", 255),
                   {.host = host_path("/opt/libcuda.so.580.1"),
                    .inside = inside_path("/usr/lib64/libcuda.so.580.1")},
                   {.kind = Mount::Kind::ipc,
                    .host = host_path("/run/socket"),
                    .inside = inside_path("/run/socket")}};
    plan.links = {{.inside = inside_path("/usr/lib64/libcuda.so"), .target = "libcuda.so.1"}};
    plan.library_directories = {inside_path("/usr/lib64")};
    return plan;
}

CdiDevicePlan device(const std::string& name, const std::string& host = "/dev/nvidia0") {
    auto plan = common();
    plan.mounts.push_back(node(host, "/dev/nvidia0", 0));
    return {.name = name, .plan = std::move(plan)};
}

nlohmann::json spec_of(const std::vector<CdiDevicePlan>& devices, std::string kind = "x.org/gpu") {
    return parse_json(*static_cdi_spec(
        common(), devices, {.hook = host_path("/h"), .kind = std::move(kind), .written_by = "[]"}));
}

} // namespace

TEST_CASE("a static device has its own nodes") {
    const auto spec = spec_of({device("gpu0")});
    const auto edits = spec.at("devices").at(0).at("containerEdits");
    CHECK(write_json(edits) == R"({"deviceNodes":[{"path":"/dev/nvidia0","permissions":"rw"}]})");
    CHECK(spec.at("containerEdits").at("deviceNodes").size() == 1);
    const auto mounts = spec.at("containerEdits").at("mounts");
    REQUIRE(mounts.size() == 2);
    CHECK(mounts[0].at("hostPath") == "/opt/libcuda.so.580.1");
    CHECK(mounts[0].at("options").at(0) == "ro");
    CHECK(mounts[1].at("options").at(0) == "nosuid");
    const auto hooks = spec.at("containerEdits").at("hooks");
    CHECK(hooks[0].at("env") == nlohmann::json{"NVIDIA_CTK_DEBUG=false", "GRAPNEL_CDI_OPTIONS=[]"});
    CHECK(hooks[1].at("env") == nlohmann::json{"NVIDIA_CTK_DEBUG=false"});
}

TEST_CASE("a static file has its fields' lowest version") {
    CHECK(spec_of({device("gpu0")}).at("cdiVersion") == "0.3.0");
    CHECK(spec_of({device("0")}).at("cdiVersion") == "0.5.0");
    CHECK(spec_of({device("gpu0", "/root/dev/nvidia0")}).at("cdiVersion") == "0.5.0");
    CHECK(spec_of({device("gpu0")}, "x.org/gpu.coherent").at("cdiVersion") == "0.6.0");
    auto grouped = device("gpu0");
    grouped.plan.additional_gids = {44};
    CHECK(spec_of({grouped}).at("cdiVersion") == "0.7.0");
}

TEST_CASE("a device group's static file has its nodes") {
    Plan gds;
    gds.mounts = {node("/dev/nvidia-fs0", "/dev/nvidia-fs0", 0)};
    const auto spec = parse_json(*static_cdi_spec(
        {}, {{.name = "all", .plan = gds}}, {.hook = host_path("/h"), .kind = "nvidia.com/gds"}));
    CHECK(spec.at("containerEdits").empty());
    CHECK(spec.at("devices").at(0).at("containerEdits").size() == 1);
}

TEST_CASE("a node to be made is left out") {
    auto missing = device("gpu0");
    missing.plan.mounts.push_back(node("/dev/nvidia1", "/dev/nvidia1", 1));
    missing.plan.host_nodes = {{.path = host_path("/dev/nvidia1"), .number = {195, 1}}};
    const auto nodes =
        spec_of({missing}).at("devices").at(0).at("containerEdits").at("deviceNodes");
    CHECK(nodes.size() == 1);
    const auto notices = beyond_static_cdi(missing.plan);
    REQUIRE(notices.list.size() == 1);
    CHECK(notices.list[0].text.find("/dev/nvidia1 is missing") == 0);
}
