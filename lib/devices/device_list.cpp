// SPDX-License-Identifier: Apache-2.0
#include "devices/device_list.hpp"

#include "base/text.hpp"
#include "sys/cgroup.hpp"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string_view>

namespace grapnel::devices {

namespace {

/// A line of devices.list: "c 195:* rwm".
bool covers(std::string_view line, const DeviceRule& rule) {
    const auto words = split(line, ' ');
    if (words.size() != 3)
        return false;
    if (words[0] == "a")
        return true;
    const auto numbers = split(words[1], ':');
    const auto fits = [](std::string_view text, std::optional<std::uint32_t> number) {
        return text == "*" || (number && parse_number<std::uint32_t>(text) == number);
    };
    return words[0] == (rule.type == DeviceRule::Type::block ? "b" : "c") && numbers.size() == 2
           && fits(numbers[0], rule.major) && fits(numbers[1], rule.minor)
           && words[2].find('r') != std::string_view::npos
           && words[2].find('w') != std::string_view::npos;
}

Status open_list(const CgroupLevel& level, const std::vector<DeviceRule>& rules) {
    const auto cgroup = GRAPNEL_TRY(sys::open_cgroup(level.directory));
    const auto list = GRAPNEL_TRY(sys::read_cgroup_file(cgroup.ref(), "devices.list"));
    const auto lines = split(list, '\n');
    for (const auto& rule : rules) {
        if (std::ranges::any_of(lines, [&](auto line) { return covers(line, rule); }))
            continue;
        if (!level.own)
            return shared_level_denies(level, rule);
        auto written = sys::write_cgroup_file(cgroup.ref(), "devices.allow", rule.text());
        if (!written && written.error().sys == EPERM)
            return refused(
                "the parent of the cgroup " + level.directory.text() + " denies " + rule.text(),
                "allow the device there and give the hook CAP_SYS_ADMIN, or set no-cgroups = true");
        GRAPNEL_TRY(
            std::move(written).note("allow " + rule.text() + " in " + level.directory.text()));
    }
    return {};
}

Status restore_list(const CgroupLevel& level, std::string_view before) {
    const auto cgroup = GRAPNEL_TRY(sys::open_cgroup(level.directory));
    const auto now = GRAPNEL_TRY(sys::read_cgroup_file(cgroup.ref(), "devices.list"));
    const auto lines = split(now, '\n');
    for (const auto line : split(before, '\n'))
        if (!line.empty() && std::ranges::find(lines, line) == lines.end())
            GRAPNEL_TRY(sys::write_cgroup_file(cgroup.ref(), "devices.allow", line)
                            .note("allow " + std::string(line) + " in " + level.directory.text()));
    return {};
}

} // namespace

Status open_lists(const std::vector<CgroupLevel>& levels, const std::vector<DeviceRule>& rules) {
    if (!levels.front().own)
        return open_list(levels.front(), rules);
    for (auto level = levels.rbegin(); level != levels.rend(); ++level)
        if (level->own)
            GRAPNEL_TRY(open_list(*level, rules));
    return {};
}

Result<std::vector<std::string>> own_lists(const std::vector<CgroupLevel>& levels) {
    std::vector<std::string> out(levels.size());
    for (std::size_t i = 0; i < levels.size(); ++i) {
        if (!levels[i].own)
            continue;
        const auto cgroup = GRAPNEL_TRY(sys::open_cgroup(levels[i].directory));
        out[i] = GRAPNEL_TRY(sys::read_cgroup_file(cgroup.ref(), "devices.list"));
    }
    return out;
}

Status restore_lists(const std::vector<CgroupLevel>& levels,
                     const std::vector<std::string>& before) {
    for (std::size_t i = levels.size(); i-- > 0;)
        if (levels[i].own)
            GRAPNEL_TRY(restore_list(levels[i], before[i]));
    return {};
}

Error shared_level_denies(const CgroupLevel& level, const DeviceRule& rule) {
    return refused("the cgroup " + level.directory.text() + " denies " + rule.text()
                       + ", and other containers share it",
                   "allow the device there: with systemd, 'systemctl set-property "
                       + std::string(level.directory.name())
                       + " DeviceAllow=...'; else in the configuration of the tool that made it");
}

} // namespace grapnel::devices
