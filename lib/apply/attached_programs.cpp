// SPDX-License-Identifier: Apache-2.0
#include "apply/attached_programs.hpp"

#include "apply/device_list.hpp"
#include "apply/device_program.hpp"
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
constexpr std::string_view name_of_systemds = "sd_devices";

bool denies(const std::optional<Code>& code, const DeviceRule& rule) {
    return !code || permits(*code, rule) != true;
}

/// The first rule that the program denies, or may deny.
const DeviceRule* denied_rule(const std::optional<Code>& code,
                              const std::vector<DeviceRule>& rules) {
    const auto found =
        std::ranges::find_if(rules, [&](const auto& rule) { return denies(code, rule); });
    return found == rules.end() ? nullptr : &*found;
}

/// The program with the rules added, ready to take the old one's place.
Result<sys::Fd> extended(const std::optional<Code>& code,
                         const std::optional<std::vector<DeviceRule>>& configured,
                         const std::vector<DeviceRule>& rules) {
    if (code && can_be_loaded_again(*code)) {
        auto loaded = sys::load_device_program(with_rules(rules, *code));
        if (loaded || (loaded.error().sys != EINVAL && loaded.error().sys != EACCES))
            return loaded;
    }
    if (!configured)
        return refused("the device program of the container's cgroup cannot be read back, and the "
                       "rules that it was made from are not known",
                       std::string(unreadable_cure));
    return sys::load_device_program(with_rules(rules, from_spec(*configured)));
}

bool contains(const std::vector<std::uint32_t>& ids, std::uint32_t id) {
    return std::ranges::find(ids, id) != ids.end();
}

Status detach_if_systemds(sys::FdRef cgroup, std::uint32_t id) {
    const auto program = GRAPNEL_TRY(sys::program_by_id(id));
    const auto facts = GRAPNEL_TRY(sys::program_facts(program.ref()));
    if (facts.name != name_of_systemds)
        return {};
    return sys::detach_device_program(cgroup, program.ref());
}

} // namespace

Status AttachedPrograms::open_pinned(const HostPath& path) {
    const auto program = GRAPNEL_TRY(sys::pinned_program(path));
    const auto id = GRAPNEL_TRY(sys::program_facts(program.ref())).id;
    const auto code = GRAPNEL_TRY(sys::program_code(program.ref()));
    if (denied_rule(code, rules_) == nullptr)
        return {};
    auto fresh = GRAPNEL_TRY(extended(code, configured_, rules_));
    GRAPNEL_TRY(sys::replace_pinned_program(path, fresh.ref()));
    successors_.insert_or_assign(id, std::move(fresh));
    return {};
}

std::optional<DeviceRule> AttachedPrograms::denied_by_pinned(const HostPath& path) const {
    const auto program = sys::pinned_program(path);
    const auto code = program ? sys::program_code(program->ref()) : std::nullopt;
    if (!code || !*code)
        return std::nullopt;
    const auto denied = std::ranges::find_if(
        rules_, [&](const auto& rule) { return permits(**code, rule) == false; });
    return denied == rules_.end() ? std::nullopt : std::optional(*denied);
}

Status AttachedPrograms::open_level(const CgroupLevel& level) {
    constexpr int attempts = 3;
    auto opened = try_level(level);
    // ENOENT: systemd replaced a program meanwhile
    for (int more = 1; more < attempts && !opened && opened.error().sys == ENOENT; ++more)
        opened = try_level(level);
    return opened;
}

Status AttachedPrograms::try_level(const CgroupLevel& level) {
    const auto cgroup = GRAPNEL_TRY(sys::open_cgroup(level.directory));
    const auto attached = GRAPNEL_TRY(sys::attached_device_programs(cgroup.ref()));
    for (const auto id : attached.ids)
        GRAPNEL_TRY(open_attached(level, cgroup.ref(), id, attached.flags));
    return {};
}

Status AttachedPrograms::open_attached(const CgroupLevel& level, sys::FdRef cgroup,
                                       std::uint32_t id, std::uint32_t flags) {
    const auto program = GRAPNEL_TRY(sys::program_by_id(id));
    const auto code = GRAPNEL_TRY(sys::program_code(program.ref()));
    const auto* const denied = denied_rule(code, rules_);
    if (denied == nullptr)
        return {};
    if (!level.own) {
        const bool certain = code && permits(*code, *denied) == false;
        return certain ? Status(shared_level_denies(level, *denied)) : Status();
    }
    if (const auto pinned = successors_.find(id); pinned != successors_.end())
        return sys::replace_device_program(cgroup, pinned->second.ref(), program.ref(), flags);
    const auto fresh = GRAPNEL_TRY(extended(code, configured_, rules_));
    return sys::replace_device_program(cgroup, fresh.ref(), program.ref(), flags);
}

Result<std::vector<std::vector<std::uint32_t>>>
own_programs(const std::vector<CgroupLevel>& levels) {
    std::vector<std::vector<std::uint32_t>> out(levels.size());
    for (std::size_t i = 0; i < levels.size(); ++i) {
        if (!levels[i].own)
            continue;
        const auto cgroup = GRAPNEL_TRY(sys::open_cgroup(levels[i].directory));
        out[i] = GRAPNEL_TRY(sys::attached_device_programs(cgroup.ref())).ids;
    }
    return out;
}

Status detach_what_systemd_added(const std::vector<CgroupLevel>& levels,
                                 const std::vector<std::vector<std::uint32_t>>& before) {
    for (std::size_t i = 0; i < levels.size(); ++i) {
        if (before[i].empty())
            continue;
        const auto cgroup = GRAPNEL_TRY(sys::open_cgroup(levels[i].directory));
        const auto now = GRAPNEL_TRY(sys::attached_device_programs(cgroup.ref())).ids;
        if (!std::ranges::all_of(before[i], [&](auto id) { return contains(now, id); }))
            continue;
        for (const auto id : now)
            if (!contains(before[i], id))
                GRAPNEL_TRY(detach_if_systemds(cgroup.ref(), id));
    }
    return {};
}

} // namespace grapnel::apply
