// SPDX-License-Identifier: Apache-2.0
#include "plan/cdi_spec.hpp"

#include "base/cdi_name.hpp"
#include "base/format.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>

namespace grapnel {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kind = "nvidia.com/gpu";

Json hook(const CdiOptions& options, std::string_view stage, const std::string& option) {
    auto arguments = Json::array({"grapnel-hook"});
    if (!option.empty())
        arguments.push_back(option);
    arguments.push_back(stage);
    return {{"hookName", stage}, {"path", options.hook.text()}, {"args", arguments}};
}

/// The devices of the file: each name once.
class Devices {
  public:
    explicit Devices(const CdiOptions& options) : options_(options) {}

    /// `asked` is the device as the hook knows it.
    void add(const std::string& name, const std::string& asked) {
        if (name.empty() || !names_.insert(name).second)
            return;
        const auto option = format_text("{}{}={}", cdi_device_option, kind, asked);
        list_.push_back({{"name", name},
                         {"containerEdits",
                          {{"hooks", Json::array({hook(options_, "createRuntime", option)})}}}});
    }

    Json take() { return std::move(list_); }

  private:
    const CdiOptions& options_;
    std::set<std::string> names_ = {};
    Json list_ = Json::array();
};

/// Empty for a UUID that the kernel hides as GPU-????????-....
std::string visible(const std::string& uuid) {
    return uuid.find('?') == std::string::npos ? uuid : std::string();
}

void add_gpu(Devices& devices, const Gpu& gpu, CdiNaming naming) {
    const auto index = std::to_string(gpu.index);
    switch (naming) {
    case CdiNaming::index:
        return devices.add(index, index);
    case CdiNaming::uuid:
        return devices.add(visible(gpu.uuid), gpu.uuid);
    case CdiNaming::type_index:
        return devices.add("gpu" + index, index);
    }
}

void add_mig_device(Devices& devices, const std::string& index, const std::string& uuid,
                    CdiNaming naming) {
    switch (naming) {
    case CdiNaming::index:
        return devices.add(index, index);
    case CdiNaming::uuid:
        return devices.add(uuid, uuid);
    case CdiNaming::type_index:
        return devices.add("mig" + index, index);
    }
}

Json devices_of(const Inventory& inventory, const CdiOptions& options) {
    Devices devices(options);
    for (const auto& gpu : inventory.gpus)
        for (const auto naming : options.naming)
            add_gpu(devices, gpu, naming);
    for (const auto& gpu : inventory.gpus)
        for (const auto& mig : gpu.mig_devices)
            for (const auto naming : options.naming)
                add_mig_device(devices, format_text("{}:{}", gpu.index, mig.index),
                               visible(mig.uuid), naming);
    devices.add("all", "all");
    return devices.take();
}

} // namespace

std::string cdi_spec(const Inventory& inventory, const CdiOptions& options) {
    // void: a hook or a runtime of ours or NVIDIA's beside this file leaves the container alone
    const Json edits{{"env", {"NVIDIA_VISIBLE_DEVICES=void"}},
                     {"hooks", Json::array({hook(options, "poststop", "")})}};
    const Json spec{{"cdiVersion", "0.5.0"},
                    {"kind", kind},
                    {"devices", devices_of(inventory, options)},
                    {"containerEdits", edits}};
    return spec.dump(2) + "\n";
}

} // namespace grapnel
