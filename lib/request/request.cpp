// SPDX-License-Identifier: Apache-2.0
#include "request/request.hpp"

#include "base/text.hpp"
#include "request/devices.hpp"
#include "request/special_devices.hpp"

#include <algorithm>
#include <array>
#include <map>

namespace grapnel {

namespace {

constexpr std::string_view require_prefix = "NVIDIA_REQUIRE_";
constexpr std::string_view require_jetpack = "NVIDIA_REQUIRE_JETPACK";

Result<DriverCapabilities> named_capabilities(const std::string& list,
                                              DriverCapabilities supported) {
    DriverCapabilities asked;
    const auto names = comma_list(list);
    if (std::ranges::find(names, "all") != names.end())
        return supported;
    for (const auto& name : names) {
        const auto capability = driver_capability(name);
        if (!capability)
            return refused("NVIDIA_DRIVER_CAPABILITIES: unknown driver capability " + quote(name),
                           "known are all, " + enumerate(DriverCapabilities::all().names()));
        if (!supported.has(*capability))
            return refused("NVIDIA_DRIVER_CAPABILITIES: driver capability " + quote(name)
                               + " is not supported here",
                           "supported-driver-capabilities in the settings allows "
                               + (supported.empty() ? "none" : enumerate(supported.names())));
        asked.insert(*capability);
    }
    return asked;
}

bool names_all(std::string_view list) {
    const auto names = comma_list(std::string(list));
    return std::ranges::find(names, "all") != names.end();
}

Status ask_for_capabilities(const Spec& spec, DriverCapabilities supported, Request& request) {
    using enum DriverCapability;
    const auto list = spec.variable("NVIDIA_DRIVER_CAPABILITIES");
    if (list && !list->empty()) {
        request.driver_capabilities =
            GRAPNEL_TRY(named_capabilities(std::string(*list), supported));
        if (!names_all(*list))
            request.named_capabilities = request.driver_capabilities;
        return {};
    }
    request.driver_capabilities = !list && is_legacy_image(spec)
                                      ? supported
                                      : supported & DriverCapabilities{utility, compute};
    return {};
}

/// The first two parts of CUDA_VERSION, such as 9.0 of "v9.0.116"; one part stands for itself. All
/// parts must be numbers.
std::optional<std::string> cuda_requirement(std::string_view cuda_version) {
    if (cuda_version.starts_with('v'))
        cuda_version.remove_prefix(1);
    const auto parts = split(cuda_version, '.');
    const auto is_number = [](std::string_view part) {
        return parse_number<std::uint32_t>(part).has_value();
    };
    if (!std::ranges::all_of(parts, is_number))
        return std::nullopt;
    return "cuda>=" + std::string(parts.front()) + "."
           + (parts.size() == 1 ? "0" : std::string(parts[1]));
}

/// Truth as Go's strconv.ParseBool has it, since NVIDIA's hook uses that.
bool requirements_disabled(const Spec& spec, Notices& notices) {
    const auto value = spec.variable("NVIDIA_DISABLE_REQUIRE");
    if (!value || value->empty())
        return false;
    constexpr std::array<std::string_view, 6> yes{"1", "t", "T", "TRUE", "true", "True"};
    constexpr std::array<std::string_view, 6> no{"0", "f", "F", "FALSE", "false", "False"};
    if (std::ranges::find(yes, *value) != yes.end())
        return true;
    if (std::ranges::find(no, *value) == no.end())
        notices.warn("NVIDIA_DISABLE_REQUIRE=" + quote(*value)
                     + " is neither true nor false: requirements are checked");
    return false;
}

Result<std::vector<Requirement>> requirements(const Spec& spec) {
    std::map<std::string_view, std::string_view> asked; // sorted by name, the last value counts
    for (const std::string_view entry : spec.environment) {
        const auto equals = entry.find('=');
        if (equals == std::string_view::npos || !entry.starts_with(require_prefix)
            || entry.starts_with(require_jetpack))
            continue;
        asked[entry.substr(0, equals)] = entry.substr(equals + 1);
    }
    std::vector<Requirement> out;
    if (is_legacy_image(spec)) {
        const auto version = *spec.variable("CUDA_VERSION");
        const auto text = cuda_requirement(version);
        if (!text)
            return refused("CUDA_VERSION " + quote(version) + " is not a version",
                           "set NVIDIA_REQUIRE_CUDA, or NVIDIA_DISABLE_REQUIRE=1");
        out.push_back(GRAPNEL_TRY(parse_requirement(*text).note("CUDA_VERSION")));
    }
    for (const auto& [name, text] : asked) {
        auto requirement = GRAPNEL_TRY(parse_requirement(text).note(name));
        if (!requirement.alternatives.empty())
            out.push_back(std::move(requirement));
    }
    return out;
}

bool is_forward_compat_on(const Settings& settings) {
    return settings.forward_compat() && settings.ldcache != LdCache::off;
}

Status ask_for_driver(const Spec& spec, const Settings& settings, Request& request,
                      Notices& notices) {
    GRAPNEL_TRY(ask_for_mig_management(spec, request));
    GRAPNEL_TRY(ask_for_capabilities(spec, settings.supported_driver_capabilities, request));
    if (!settings.disable_require && !requirements_disabled(spec, notices))
        request.requirements = GRAPNEL_TRY(requirements(spec));
    request.forward_compat = is_forward_compat_on(settings);
    request.all_csv_lists = spec.variable(require_jetpack) == "csv-mounts=all";
    return {};
}

} // namespace

Result<Asked> make_request(const Spec& spec, const Settings& settings) {
    Asked asked;
    auto devices = GRAPNEL_TRY(requested_devices(spec, settings, asked.notices));
    if (!devices) {
        asked.no_request = describe_missing_request(spec, settings);
        return asked;
    }
    Request request{.driver = devices->driver,
                    .devices = devices->devices,
                    .listed = std::move(devices->listed),
                    .imex_channels = std::move(devices->imex_channels),
                    .device_groups = std::move(devices->groups),
                    .additional_gids = !settings.no_additional_gids,
                    .ldcache = settings.ldcache,
                    .forward_compat = false,
                    .change_cgroup = !settings.no_cgroups};
    if (devices->management)
        GRAPNEL_TRY(ask_for_management(spec, settings, request));
    if (is_cdi_request(spec)) {
        request.driver_capabilities = settings.supported_driver_capabilities;
        request.forward_compat = is_forward_compat_on(settings);
        asked.request = std::move(request);
        return asked;
    }
    if (request.driver)
        GRAPNEL_TRY(ask_for_driver(spec, settings, request, asked.notices));
    GRAPNEL_TRY(ask_for_imex_channels(spec, settings, request, asked.notices));
    ask_for_device_groups(spec, settings, request, asked.notices);
    asked.request = std::move(request);
    return asked;
}

Result<Asked> resolve_request(const Spec& spec, const SettingsReading& reading) {
    auto asked = make_request(spec, reading.settings);
    if (!reading.mistake)
        return asked;
    if (!asked || asked->request)
        return *reading.mistake;
    asked->notices.warn(reading.mistake->text());
    return asked;
}

} // namespace grapnel
