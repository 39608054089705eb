// SPDX-License-Identifier: Apache-2.0
#include "reading.hpp"

#include "base/text.hpp"
#include "confine/confined_child.hpp"
#include "oci/edit.hpp"
#include "oci/spec.hpp"
#include "oci/state.hpp"
#include "request/request.hpp"

#include <algorithm>
#include <span>
#include <string_view>

namespace grapnel {

namespace {

constexpr std::size_t reading_limit = std::size_t{1} << 20;
constexpr char separator = '\0'; // is in no printable text

/// How a reading leaves the confined process: four digits, then each notice with its severity's.
std::string encode(const ConfigReading& reading) {
    std::string text;
    for (const bool flag :
         {reading.has_request, reading.needs_edit, reading.new_procfs, reading.user_namespace})
        text += flag ? '1' : '0';
    for (const auto& notice : reading.notices.list)
        text +=
            separator + std::string(notice.severity == Severity::warning ? "1" : "0") + notice.text;
    return text;
}

Result<ConfigReading> decode(const std::string& text) {
    constexpr std::size_t flags = 4;
    const auto digits = text.substr(0, flags);
    if (digits.size() != flags || digits.find_first_not_of("01") != std::string::npos)
        return refused("the confined process gave no answer");
    ConfigReading reading{.has_request = digits[0] == '1',
                          .needs_edit = digits[1] == '1',
                          .new_procfs = digits[2] == '1',
                          .user_namespace = digits[3] == '1'};
    const auto parts = split(std::string_view(text).substr(flags), separator);
    for (const auto part : std::span(parts).subspan(1))
        reading.notices.list.push_back(
            {part.starts_with('1') ? Severity::warning : Severity::notice,
             std::string(part.substr(std::min<std::size_t>(1, part.size())))});
    return reading;
}

Result<std::string> read(const std::string& config, const LoadedSettings& settings) {
    const auto spec = GRAPNEL_TRY(parse_spec(config, annotation_prefixes(settings.settings)));
    const auto outcome = GRAPNEL_TRY(resolve_request(spec, settings));
    ConfigReading reading{
        .has_request = outcome.request.has_value(),
        .needs_edit = outcome.request || may_hold_added_rules(config),
        .new_procfs = std::ranges::any_of(spec.mounts,
                                          [](const SpecMount& mount) {
                                              return mount.destination == "/proc"
                                                     && mount.source == "proc";
                                          }),
        .user_namespace = !spec.gid_mappings.empty(),
    };
    if (!outcome.request) { // else the hook writes them
        for (const auto& notice : outcome.notices.list)
            reading.notices.list.push_back({notice.severity, fit_line(notice.text)});
        if (!outcome.no_request.empty())
            reading.notices.notify(fit_line(outcome.no_request));
    }
    return encode(reading);
}

} // namespace

Result<ConfigReading> read_config(const std::string& config, const LoadedSettings& settings) {
    const auto compute = [&] { return read(config, settings); };
    return decode(GRAPNEL_TRY(confine::compute_confined(reading_limit, compute)));
}

Status check_answer(const std::string& config, const std::string& answer, const HostPath& hook) {
    const auto check = [&]() -> Result<std::string> {
        GRAPNEL_TRY(check_edit(config, answer, hook));
        return std::string();
    };
    if (const auto done = confine::compute_confined(reading_limit, check); !done)
        return done.error();
    return {};
}

Result<bool> has_device_rules(const std::string& resources) {
    const auto look = [&] { return Result<std::string>(holds_device_rules(resources) ? "1" : ""); };
    return !GRAPNEL_TRY(confine::compute_confined(reading_limit, look)).empty();
}

Result<HostPath> bundle_of_state(const std::string& state) {
    const auto parse = [&]() -> Result<std::string> {
        return GRAPNEL_TRY(parse_state(state)).bundle.text();
    };
    return HostPath::make(GRAPNEL_TRY(confine::compute_confined(reading_limit, parse)));
}

Result<std::optional<std::string>> add_rules_of(const std::string& config,
                                                const std::string& resources) {
    const auto add = [&]() -> Result<std::string> {
        return GRAPNEL_TRY(with_added_rules_of(resources, config)).value_or("");
    };
    auto text = GRAPNEL_TRY(confine::compute_confined(spec_size_limit, add));
    return text.empty() ? std::nullopt : std::optional(std::move(text));
}

} // namespace grapnel
