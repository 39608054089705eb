// SPDX-License-Identifier: Apache-2.0
#include "apply/device_cgroup.hpp"

#include "apply/device_program.hpp"
#include "base/text.hpp"
#include "sys/bpf.hpp"
#include "sys/cgroup.hpp"

#include <algorithm>
#include <cerrno>
#include <optional>

namespace grapnel::apply {

namespace {

constexpr std::string_view unreadable_cure =
    "set the sysctl net.core.bpf_jit_harden to 0 or 1, or allow the devices in another way and "
    "leave the cgroup alone (--no-cgroups)";
constexpr std::string_view no_right =
    "give the hook CAP_SYS_ADMIN and CAP_NET_ADMIN, or set no-cgroups = true if the container's "
    "devices are allowed in another way";

Error shared_level_denies(const CgroupLevel& level, const DeviceRule& rule) {
    return refused("the cgroup " + level.directory.text() + " denies " + rule.text()
                       + ", and other containers share it",
                   "allow the device there: with systemd, 'systemctl set-property "
                       + std::string(level.directory.name())
                       + " DeviceAllow=...'; else in the configuration of what made it");
}

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

Status allow_v1(const CgroupLevel& level, const std::vector<DeviceRule>& rules) {
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

bool denies(const std::optional<Code>& code, const DeviceRule& rule) {
    return !code || permits(*code, rule) != true;
}

/// The program with the rules added, ready to take the old one's place.
Result<sys::Fd> extended(const std::optional<Code>& code, const CgroupFacts& facts,
                         const std::vector<DeviceRule>& rules) {
    if (code && can_be_loaded_again(*code)) {
        auto loaded = sys::load_device_program(with_rules(rules, *code));
        if (loaded || (loaded.error().sys != EINVAL && loaded.error().sys != EACCES))
            return loaded;
    }
    if (!facts.rules)
        return refused("the device program of the container's cgroup cannot be read back, and the "
                       "rules that it was made from are not known",
                       std::string(unreadable_cure));
    return sys::load_device_program(with_rules(rules, from_spec(*facts.rules)));
}

Status allow_on_program(const CgroupLevel& level, sys::FdRef cgroup, std::uint32_t id,
                        std::uint32_t flags, const CgroupFacts& facts,
                        const std::vector<DeviceRule>& rules) {
    const auto program = GRAPNEL_TRY(sys::program_by_id(id));
    const auto code = GRAPNEL_TRY(sys::program_code(program.ref()));
    const auto denied =
        std::ranges::find_if(rules, [&](const auto& rule) { return denies(code, rule); });
    if (denied == rules.end())
        return {};
    if (!level.own) {
        const bool certain = code && permits(*code, *denied) == false;
        return certain ? Status(shared_level_denies(level, *denied)) : Status();
    }
    const auto fresh = GRAPNEL_TRY(extended(code, facts, rules));
    return sys::replace_device_program(cgroup, fresh.ref(), program.ref(), flags);
}

Status allow_v2(const CgroupLevel& level, const CgroupFacts& facts,
                const std::vector<DeviceRule>& rules) {
    const auto cgroup = GRAPNEL_TRY(sys::open_cgroup(level.directory));
    const auto attached = GRAPNEL_TRY(sys::attached_device_programs(cgroup.ref()));
    for (const auto id : attached.ids)
        GRAPNEL_TRY(allow_on_program(level, cgroup.ref(), id, attached.flags, facts, rules));
    return {};
}

} // namespace

Status allow_devices(const sys::Process& process, const CgroupFacts& facts,
                     const std::vector<DeviceRule>& rules, const std::vector<MountInfo>& mounts) {
    if (rules.empty() || !sys::in_initial_user_namespace())
        return {};
    const auto membership = GRAPNEL_TRY(process.read("cgroup"));
    const auto located = locate_device_cgroup(membership, mounts, facts.owner);
    if (!located || located->levels.empty())
        return {};
    if (located->version == 1)
        return allow_v1(located->levels.front(), rules);
    for (const auto& level : located->levels) {
        auto allowed = allow_v2(level, facts, rules);
        if (!allowed && (allowed.error().sys == EPERM || allowed.error().sys == EACCES))
            allowed = std::move(allowed).cure(no_right);
        GRAPNEL_TRY(
            std::move(allowed).note("allow devices in the cgroup " + level.directory.text()));
    }
    return {};
}

} // namespace grapnel::apply
