// SPDX-License-Identifier: Apache-2.0
#include "plan/cdi_spec.hpp"

#include "base/cdi_name.hpp"
#include "base/format.hpp"
#include "json/text.hpp"
#include "plan/cdi_json.hpp"

namespace grapnel {

namespace {

using plan::CdiJson;

CdiJson hook(const CdiOptions& options, std::string_view stage, const std::string& option) {
    auto arguments = CdiJson::array({"grapnel-hook"});
    if (!option.empty())
        arguments.push_back(option);
    arguments.push_back(stage);
    return {{"hookName", stage}, {"path", options.hook.text()}, {"args", arguments}};
}

CdiJson devices_of(const std::vector<CdiDevice>& devices, const CdiOptions& options) {
    auto list = CdiJson::array();
    for (const auto& device : devices) {
        auto hooks = CdiJson::array();
        for (const auto& asked : device.asked)
            hooks.push_back(
                hook(options, "createRuntime",
                     format_text("{}{}={}", cdi_device_option, cdi_kind(options.devices), asked)));
        list.push_back({{"name", device.name}, {"containerEdits", {{"hooks", std::move(hooks)}}}});
    }
    return list;
}

} // namespace

namespace plan {

bool is_dot_in_class(std::string_view kind) {
    return kind.substr(kind.find('/') + 1).find('.') != std::string_view::npos;
}

bool is_digit_first(std::string_view name) {
    return !name.empty() && name.front() >= '0' && name.front() <= '9';
}

Result<std::string> cdi_text(const CdiJson& spec) {
    constexpr std::string_view replaced = "\xEF\xBF\xBD"; // in the place of wrong bytes
    auto text = write_json(spec, readable_json);
    if (const auto at = text.find(replaced); at != std::string::npos) {
        const auto start = text.rfind('\n', at) + 1;
        return refused("a CDI file is UTF-8, and this line is not: "
                       + text.substr(start, text.find('\n', at) - start));
    }
    return text + "\n";
}

} // namespace plan

std::string_view lowest_cdi_version(const CdiNeeds& needs) {
    if (needs.groups)
        return "0.7.0";
    if (needs.dot_in_class)
        return "0.6.0";
    return needs.digit_first || needs.host_path ? "0.5.0" : "0.3.0";
}

Result<std::string> cdi_spec(const std::vector<CdiDevice>& devices, const CdiOptions& options) {
    auto last = hook(options, "poststop", "");
    if (!options.written_by.empty())
        last["env"] = {std::string(cdi_options_variable) + options.written_by};
    auto edits = CdiJson::object();
    // void: a hook or a runtime of ours or NVIDIA's beside this file leaves the container alone
    if (has_driver(options.devices))
        edits["env"] = {"NVIDIA_VISIBLE_DEVICES=void"};
    edits["hooks"] = CdiJson::array({std::move(last)});
    CdiNeeds needs{.dot_in_class = plan::is_dot_in_class(options.kind)};
    for (const auto& device : devices)
        needs.digit_first = needs.digit_first || plan::is_digit_first(device.name);
    return plan::cdi_text({{"cdiVersion", lowest_cdi_version(needs)},
                           {"kind", options.kind},
                           {"devices", devices_of(devices, options)},
                           {"containerEdits", std::move(edits)}});
}

} // namespace grapnel
