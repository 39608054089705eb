// SPDX-License-Identifier: Apache-2.0
#include "json/text.hpp"
#include "plan/cdi_spec.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

namespace {

using namespace grapnel;

Inventory two_gpus() {
    Inventory inventory;
    inventory.gpus = {{.index = 0,
                       .uuid = "GPU-aa",
                       .mig_devices = {{.index = 0, .uuid = "MIG-a"}, {.index = 1, .uuid = ""}}},
                      {.index = 1, .uuid = "GPU-????????"}};
    return inventory;
}

nlohmann::json spec_of(const Inventory& inventory, const std::vector<CdiNaming>& naming) {
    return parse_json(
        *cdi_spec(cdi_devices(inventory, CdiClass::gpu, naming),
                  {.hook = *HostPath::make("/usr/bin/grapnel-hook"), .written_by = "[]"}));
}

/// NAME=DEVICE of each, where DEVICE is the hook's argument.
std::string devices_of(const nlohmann::json& spec) {
    std::string out;
    for (const auto& device : spec.at("devices")) {
        const auto& hook = device.at("containerEdits").at("hooks").at(0);
        CHECK(hook.at("path") == "/usr/bin/grapnel-hook");
        CHECK(hook.at("hookName") == "createRuntime");
        CHECK(hook.at("args").at(2) == "createRuntime");
        const auto argument = hook.at("args").at(1).get<std::string>();
        const auto kind = argument.find("nvidia.com/gpu=");
        CHECK(argument.substr(0, kind) == "--cdi-device=");
        out += device.at("name").get<std::string>() + "=" + argument.substr(kind + 15) + " ";
    }
    return out;
}

} // namespace

TEST_CASE("a CDI file names GPUs and MIG devices") {
    using enum CdiNaming;
    const auto inventory = two_gpus();
    CHECK(devices_of(spec_of(inventory, {index})) == "0=0 1=1 0:0=0:0 0:1=0:1 all=all ");
    CHECK(devices_of(spec_of(inventory, {uuid})) == "GPU-aa=GPU-aa MIG-a=MIG-a all=all ");
    CHECK(devices_of(spec_of(inventory, {type_index}))
          == "gpu0=0 gpu1=1 mig0:0=0:0 mig0:1=0:1 all=all ");
    CHECK(devices_of(spec_of(inventory, {index, uuid, index}))
          == "0=0 GPU-aa=GPU-aa 1=1 0:0=0:0 MIG-a=MIG-a 0:1=0:1 all=all ");
}

TEST_CASE("a CDI file replaces other hooks") {
    const auto spec = spec_of(two_gpus(), {CdiNaming::index});
    CHECK(spec.at("cdiVersion") == "0.5.0");
    CHECK(spec.at("kind") == "nvidia.com/gpu");
    const auto& edits = spec.at("containerEdits");
    CHECK(edits.at("env") == nlohmann::json{"NVIDIA_VISIBLE_DEVICES=void"});
    CHECK(edits.at("hooks").at(0).at("hookName") == "poststop");
    CHECK(edits.at("hooks").at(0).at("args") == nlohmann::json{"grapnel-hook", "poststop"});
    CHECK(edits.at("hooks").at(0).at("env") == nlohmann::json{"GRAPNEL_CDI_OPTIONS=[]"});
}

TEST_CASE("a live CDI file has the lowest version") {
    const auto spec = [](CdiClass devices, const std::string& kind) {
        return parse_json(*cdi_spec(
            {{.name = "all", .asked = {"all"}}},
            {.hook = host_path("/usr/bin/grapnel-hook"), .devices = devices, .kind = kind}));
    };
    const auto gds = spec(CdiClass::gds, "nvidia.com/gds");
    CHECK(gds.at("cdiVersion") == "0.3.0");
    CHECK(gds.at("devices").at(0).at("containerEdits").at("hooks").at(0).at("args").at(1)
          == "--cdi-device=nvidia.com/gds=all");
    CHECK(!gds.at("containerEdits").contains("env"));
    CHECK(spec(CdiClass::gpu, "x.org/gpu.a").at("cdiVersion") == "0.6.0");
}

TEST_CASE("a CDI file outside UTF-8 is refused") {
    const auto spec = cdi_spec({}, {.hook = host_path("/opt/\xff/hook")});
    REQUIRE(!spec);
    CHECK(spec.error().text().find("UTF-8") != std::string::npos);
}

TEST_CASE("requests of CDI devices by class") {
    using Devices = Request::Devices;
    const auto request = [](CdiClass devices, std::vector<std::string> asked) {
        return cdi_request({.driver_capabilities = DriverCapabilities::all()}, devices, asked);
    };
    CHECK(request(CdiClass::gpu, {}).devices == Devices::none);
    CHECK(request(CdiClass::gpu, {"0", "1"}).listed == gpu_names({"0", "1"}));
    CHECK(request(CdiClass::gpu, {"all"}).devices == Devices::all);
    CHECK(request(CdiClass::management, {"all"}).management);
    CHECK(!request(CdiClass::management, {}).management);
    CHECK(!request(CdiClass::gds, {"all"}).driver);
    CHECK(request(CdiClass::gds, {"all"}).device_groups == DeviceGroups{DeviceGroup::gds});
    CHECK(request(CdiClass::gds, {}).device_groups.empty());
    CHECK(request(CdiClass::imex_channel, {"3"}).imex_channels.listed
          == std::vector<std::uint32_t>{3});
    CHECK(request(CdiClass::imex_channel, {"all"}).imex_channels.all);
}
