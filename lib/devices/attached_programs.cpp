// SPDX-License-Identifier: Apache-2.0
#include "devices/attached_programs.hpp"

#include "devices/blinding.hpp"
#include "devices/device_list.hpp"
#include "devices/device_program.hpp"
#include "sys/bpf.hpp"
#include "sys/cgroup.hpp"

#include <algorithm>
#include <cerrno>
#include <optional>

namespace grapnel::devices {

namespace {

constexpr std::string_view unreadable_cure =
    "set the sysctl kernel.kptr_restrict or net.core.bpf_jit_harden to 0 or 1, or allow the "
    "devices in another way and leave the cgroup alone (--no-cgroups)";
constexpr std::string_view name_of_systemds = "sd_devices";

constexpr std::string_view allow_there =
    "allow the device in the configuration of the tool that attached the program";

bool is_the_verifiers(const Error& error) {
    return error.sys == EINVAL || error.sys == EACCES;
}

std::string rebuilt_warning(const CgroupLevel& level) {
    return "a device program of the cgroup " + level.directory.text()
           + " cannot be read back and was rebuilt from config.json: other devices that its "
             "runtime "
             "allows, such as /dev/net/tun, are denied now; set the sysctl "
             "kernel.kptr_restrict or net.core.bpf_jit_harden to 0 or 1";
}

std::string undecided_warning(const CgroupLevel& level, std::uint32_t id, const DeviceRule& rule) {
    return "device program " + std::to_string(id) + " of the cgroup " + level.directory.text()
           + " can neither be analysed nor copied: it stays, and if it denies " + rule.text()
           + ", GPUs do not work in the container; " + std::string(allow_there) + " then";
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

/// The program as it was loaded, as far as the kernel shows it; nothing if it does not.
Result<std::optional<Code>> readable_code(sys::FdRef program) {
    auto code = GRAPNEL_TRY(sys::program_code(program));
    auto plain = code ? without_blinding(*code) : std::nullopt;
    return plain ? std::move(plain) : std::move(code);
}

/// A program that the kernel does not show is undecided.
Judgement judge_shown(const std::optional<Code>& code, const std::vector<DeviceRule>& rules) {
    return code ? judge(*code, rules) : Judgement{.permits = std::nullopt, .rule = rules.front()};
}

} // namespace

Result<sys::Fd> AttachedPrograms::rebuild_from_spec() const {
    if (!configured_)
        return refused("the device program of the container's cgroup cannot be read back, and the "
                       "rules that it was made from are not known",
                       std::string(unreadable_cure));
    return sys::load_device_program(prepend_allow_rules(rules_, from_spec(*configured_)));
}

/// The replacement of a program that does not allow all rules; nothing if the program stays.
Result<std::optional<sys::Fd>>
AttachedPrograms::replacement_program(const std::optional<Code>& code,
                                      const Judgement& judged) const {
    if (!code)
        return std::optional(GRAPNEL_TRY(rebuild_from_spec()));
    if (can_be_loaded_again(*code)) {
        auto loaded = sys::load_device_program(prepend_allow_rules(rules_, *code));
        if (loaded)
            return std::optional(std::move(*loaded));
        if (!is_the_verifiers(loaded.error()))
            return std::move(loaded).error();
    }
    if (!judged.permits)
        return std::optional<sys::Fd>();
    return refused("a device program denies " + judged.rule.text() + " and cannot be copied",
                   std::string(allow_there));
}

Status AttachedPrograms::open_pinned(const HostPath& path) {
    const auto program = GRAPNEL_TRY(sys::pinned_program(path));
    const auto id = GRAPNEL_TRY(sys::program_facts(program.ref())).id;
    const auto code = GRAPNEL_TRY(readable_code(program.ref()));
    const auto judged = judge_shown(code, rules_);
    if (judged.permits == true)
        return {};
    auto fresh = GRAPNEL_TRY(replacement_program(code, judged));
    if (!fresh)
        return refused("the program pinned at " + path.text()
                           + " can neither be analysed nor copied",
                       std::string(allow_there));
    GRAPNEL_TRY(sys::replace_pinned_program(path, fresh->ref()));
    replacements_.insert_or_assign(id, std::move(*fresh));
    return {};
}

std::optional<DeviceRule> AttachedPrograms::denied_by_pinned(const HostPath& path) const {
    const auto program = sys::pinned_program(path);
    if (!program)
        return std::nullopt;
    const auto code = readable_code(program->ref());
    if (!code)
        return std::nullopt;
    const auto judged = judge_shown(*code, rules_);
    return judged.permits == false ? std::optional(judged.rule) : std::nullopt;
}

Status AttachedPrograms::open_level(const CgroupLevel& level, Notices& notices) {
    constexpr int attempts = 3;
    auto opened = try_level(level);
    // ENOENT: systemd replaced a program meanwhile
    for (int more = 1; more < attempts && !opened && opened.error().sys == ENOENT; ++more)
        opened = try_level(level);
    notices.add(GRAPNEL_TRY(std::move(opened)));
    return {};
}

Result<Notices> AttachedPrograms::try_level(const CgroupLevel& level) {
    const auto cgroup = GRAPNEL_TRY(sys::open_cgroup(level.directory));
    const auto attached = GRAPNEL_TRY(sys::attached_device_programs(cgroup.ref()));
    Notices notices;
    // A program without BPF_F_ALLOW_MULTI is overridden by any program of a descendant cgroup (the
    // kernel's compute_effective_progs)
    if (found_below_ && (attached.flags & BPF_F_ALLOW_MULTI) == 0)
        return notices;
    for (const auto id : attached.ids)
        GRAPNEL_TRY(open_attached(level, cgroup.ref(), id, attached.flags, notices));
    found_below_ = found_below_ || !attached.ids.empty();
    return notices;
}

Status AttachedPrograms::open_attached(const CgroupLevel& level, sys::FdRef cgroup,
                                       std::uint32_t id, std::uint32_t flags, Notices& notices) {
    const auto program = GRAPNEL_TRY(sys::program_by_id(id));
    const auto code = GRAPNEL_TRY(readable_code(program.ref()));
    const auto judged = judge_shown(code, rules_);
    if (judged.permits == true)
        return {};
    if (!level.own)
        return judged.permits == false ? Status(shared_level_denies(level, judged.rule)) : Status();
    if (const auto pinned = replacements_.find(id); pinned != replacements_.end())
        return sys::replace_device_program(cgroup, pinned->second.ref(), program.ref(), flags);
    const auto fresh = GRAPNEL_TRY(replacement_program(code, judged));
    if (!fresh) {
        notices.warn(undecided_warning(level, id, judged.rule));
        return {};
    }
    GRAPNEL_TRY(sys::replace_device_program(cgroup, fresh->ref(), program.ref(), flags));
    if (!code)
        notices.warn(rebuilt_warning(level));
    return {};
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

} // namespace grapnel::devices
