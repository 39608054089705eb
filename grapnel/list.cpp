// SPDX-License-Identifier: Apache-2.0
// grapnel list: the files and device nodes that a container would get.
#include "base/text.hpp"
#include "host.hpp"
#include "look.hpp"
#include "oci/spec.hpp"
#include "prepare/settings_file.hpp"
#include "request/request.hpp"

namespace grapnel {

namespace {

Result<Request> request_of(const LookArguments& arguments, const LoadedSettings& loaded) {
    if (arguments.options.environment.empty())
        return request_for_all();
    const Spec spec{.environment = arguments.options.environment};
    auto asked = GRAPNEL_TRY(resolve_request(spec, loaded));
    if (!asked.request)
        return refused(asked.no_request.empty() ? "these variables ask for no GPU"
                                                : asked.no_request,
                       "name one: --env NVIDIA_VISIBLE_DEVICES=all");
    return std::move(*asked.request);
}

std::string text_of(const Plan& plan) {
    std::string out;
    for (const auto& mount : plan.mounts)
        if (mount.view_file.empty())
            out += printable(mount.host.text()) + "\n";
    return out;
}

Status run_list(const LookArguments& arguments) {
    GRAPNEL_TRY(check_no_operand(list_command(), arguments));
    const auto loaded = load_settings(std::nullopt, Variables::count);
    if (loaded.mistake)
        return *loaded.mistake;
    Log log("grapnel");
    log.warnings_to_stderr(true);
    const auto request = GRAPNEL_TRY(request_of(arguments, loaded));
    const auto plan = GRAPNEL_TRY(plan_on_host(loaded.settings, request, log));
    return say(arguments.options.json ? to_json(plan) : text_of(plan));
}

} // namespace

int list(std::span<const std::string> words) {
    return look_at_host(list_command(), words, run_list);
}

} // namespace grapnel
