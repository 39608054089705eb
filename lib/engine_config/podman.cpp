// SPDX-License-Identifier: Apache-2.0
#include "engine_config/podman.hpp"

#include "json/text.hpp"

#include <nlohmann/json.hpp>

namespace grapnel::engine_config {

using Json = nlohmann::ordered_json;

std::string hook_file(const HookFile& file, std::string_view hook_path) {
    Json hook;
    hook["path"] = hook_path;
    hook["args"] = Json::array({"grapnel-hook", file.stage});
    hook["env"] = Json::array();
    Json json;
    json["version"] = "1.0.0";
    json["hook"] = std::move(hook);
    json["when"] = Json::object({{"always", true}});
    json["stages"] = Json::array({file.stage});
    return write_json(json, {.is_indented = true}) + "\n";
}

bool runs_nvidias_hook(std::string_view text) {
    const auto json = parse_ordered_json(text);
    if (!json.is_object() || !json.contains("hook"))
        return false;
    // the path alone is the form before version 1.0.0
    const auto& hook = json["hook"];
    const auto path = hook.is_object() ? hook.value("path", Json()) : hook;
    if (!path.is_string())
        return false;
    const auto& whole = path.get_ref<const std::string&>();
    const auto name = whole.substr(whole.rfind('/') + 1);
    return name == "nvidia-container-runtime-hook" || name == "nvidia-container-toolkit";
}

bool is_hook_file(const HookFile& file, std::string_view text) {
    const auto json = parse_ordered_json(text);
    if (!json.is_object() || !json.contains("hook") || !json["hook"].is_object())
        return false;
    const auto& hook = json["hook"];
    if (!hook.contains("path") || !hook["path"].is_string())
        return false;
    const auto* const path = hook["path"].get_ptr<const std::string*>();
    return json == parse_ordered_json(hook_file(file, *path));
}

} // namespace grapnel::engine_config
