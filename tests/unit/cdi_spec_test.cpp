// SPDX-License-Identifier: Apache-2.0
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

nlohmann::json spec_of(const Inventory& inventory, std::vector<CdiNaming> naming) {
    return nlohmann::json::parse(
        cdi_spec(inventory,
                 {.hook = *HostPath::make("/usr/bin/grapnel-hook"), .naming = std::move(naming)}));
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

TEST_CASE("a CDI file names every GPU and MIG device") {
    using enum CdiNaming;
    const auto inventory = two_gpus();
    CHECK(devices_of(spec_of(inventory, {index})) == "0=0 1=1 0:0=0:0 0:1=0:1 all=all ");
    CHECK(devices_of(spec_of(inventory, {uuid})) == "GPU-aa=GPU-aa MIG-a=MIG-a all=all ");
    CHECK(devices_of(spec_of(inventory, {type_index}))
          == "gpu0=0 gpu1=1 mig0:0=0:0 mig0:1=0:1 all=all ");
    CHECK(devices_of(spec_of(inventory, {index, uuid, index}))
          == "0=0 GPU-aa=GPU-aa 1=1 0:0=0:0 MIG-a=MIG-a 0:1=0:1 all=all ");
}

TEST_CASE("a CDI file keeps other hooks from a container, and cleans up") {
    const auto spec = spec_of({}, {CdiNaming::index});
    CHECK(spec.at("cdiVersion") == "0.5.0");
    CHECK(spec.at("kind") == "nvidia.com/gpu");
    const auto& edits = spec.at("containerEdits");
    CHECK(edits.at("env") == nlohmann::json{"NVIDIA_VISIBLE_DEVICES=void"});
    CHECK(edits.at("hooks").at(0).at("hookName") == "poststop");
    CHECK(edits.at("hooks").at(0).at("args") == nlohmann::json{"grapnel-hook", "poststop"});
}
