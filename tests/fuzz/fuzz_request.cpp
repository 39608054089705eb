// SPDX-License-Identifier: Apache-2.0
// What a container asks for. Input: a first line of words that set the scene (privileged,
// volume-mounts, refuse-unprivileged, disable-require, ignore-imex, utility-only, swarm,
// mode-cdi, mode-legacy, manage-by-default), then lines of the environment, and lines
// "mount SOURCE DESTINATION" and "annotation KEY VALUE".
#include "base/text.hpp"
#include "fuzz.hpp"
#include "oci/json.hpp"
#include "request/request.hpp"
#include "request_properties.hpp"

#include <algorithm>
#include <functional>

using namespace grapnel;
using fuzz::expect;

namespace {

Settings settings_of(std::string_view scene) {
    const auto has = [&](std::string_view word) {
        return scene.find(word) != std::string_view::npos;
    };
    Settings settings;
    settings.accept_volume_mounts = has("volume-mounts");
    settings.accept_environment_when_unprivileged = !has("refuse-unprivileged");
    settings.disable_require = has("disable-require");
    settings.ignore_imex_channel_requests = has("ignore-imex");
    if (has("mode-cdi"))
        settings.mode = RuntimeMode::cdi;
    if (has("mode-legacy"))
        settings.mode = RuntimeMode::legacy;
    if (has("manage-by-default"))
        settings.default_kind = "management.nvidia.com/gpu";
    if (has("utility-only"))
        settings.supported_driver_capabilities = {DriverCapability::utility};
    if (has("swarm"))
        settings.swarm_resources = {"DOCKER_RESOURCE_GPU", "DOCKER_RESOURCE_OTHER"};
    return settings;
}

/// By way of config.json, as an image's values come.
Result<Spec> spec_of(std::string_view scene, std::string_view lines, const Settings& settings) {
    using oci::Json;
    auto environment = Json::array();
    auto mounts = Json::array();
    auto annotations = Json::object();
    while (!lines.empty()) {
        const auto line = fuzz::take_line(lines);
        const auto words = split(line, ' ');
        if (words.size() == 3 && words[0] == "mount")
            mounts.push_back({{"source", words[1]}, {"destination", words[2]}});
        else if (words.size() == 3 && words[0] == "annotation")
            annotations[std::string(words[1])] = words[2];
        else
            environment.push_back(line);
    }
    auto bounding = Json::array();
    // "unprivileged" is a word of the scene as well
    if (scene.starts_with("privileged") || scene.find(" privileged") != std::string_view::npos)
        bounding.push_back("CAP_SYS_ADMIN");
    const Json json{{"process", {{"env", environment}, {"capabilities", {{"bounding", bounding}}}}},
                    {"root", {{"path", "rootfs"}}},
                    {"mounts", mounts},
                    {"annotations", annotations}};
    return parse_spec(json.dump(-1, ' ', false, Json::error_handler_t::replace),
                      annotation_prefixes(settings));
}

void expect_sound(const Request& request, const Spec& spec, const Settings& settings) {
    const bool trusted = settings.accept_environment_when_unprivileged || spec.bounding_sys_admin;
    const bool other_ways = settings.accept_volume_mounts
                            || (settings.mode == RuntimeMode::cdi && !spec.annotations.empty());
    expect(trusted || other_ways,
           "an unprivileged container's environment counts only if the settings say so");
    expect(settings.supported_driver_capabilities.contains(request.driver_capabilities),
           "no driver capability is given that is not supported");
    fuzz::expect_listed_once(request);
    expect((!request.mig_config && !request.mig_monitor && !request.management)
               || spec.bounding_sys_admin,
           "only a privileged container manages MIG or the driver");
    expect(!request.management || (request.driver && request.devices == Request::Devices::all),
           "who manages the driver has all of it");
    expect(request.driver
               || (request.devices == Request::Devices::none && request.driver_capabilities.empty()
                   && request.requirements.empty()
                   && (!request.device_groups.empty() || !request.imex_channels.empty())),
           "without the driver there are device groups or IMEX channels, and nothing else");
    expect(!settings.ignore_imex_channel_requests || request.imex_channels.empty(),
           "IMEX channels can be ignored");
    const auto& channels = request.imex_channels.listed;
    expect(std::ranges::adjacent_find(channels, std::greater_equal()) == channels.end()
               && (channels.empty() || channels.back() < minor_limit),
           "IMEX channels are sorted, unique and bounded");
    expect(request.device_groups.empty() || trusted || other_ways,
           "device groups come from where devices may come from");
    expect(!settings.disable_require || request.requirements.empty(),
           "requirements can be turned off");
    for (const auto& requirement : request.requirements) {
        expect(!requirement.alternatives.empty(), "an empty requirement is none");
        const auto again = parse_requirement(requirement.text);
        expect(again && *again == requirement, "a requirement is what its text says");
        expect(evaluate(requirement, {}) == Verdict::undecided,
               "a requirement is not met where nothing is known");
    }
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    auto text = fuzz::as_text(data, size);
    const auto scene = fuzz::take_line(text);
    const auto settings = settings_of(scene);
    auto spec = spec_of(scene, text, settings);
    expect(spec.has_value(), "any environment makes a specification");
    const auto asked = make_request(*spec, settings);
    const auto again = make_request(*spec, settings);
    expect(asked.has_value() == again.has_value() && (!asked || *asked == *again),
           "the same question has the same answer");
    if (!asked) {
        fuzz::expect_printable(asked.error());
        return 0;
    }
    for (const auto& notice : asked->notices.list)
        expect(fuzz::is_printable_ascii(notice.text), "a notice is one line of printable ASCII");
    if (!asked->request)
        return 0;
    expect_sound(*asked->request, *spec, settings);
    if (!settings.accept_volume_mounts && settings.swarm_resources.empty()
        && spec->annotations.empty()) {
        spec->environment.emplace_back("NVIDIA_VISIBLE_DEVICES=void");
        const auto none = make_request(*spec, settings);
        expect(none && !none->request, "void asks for nothing, whatever stands before it");
    }
    return 0;
}
