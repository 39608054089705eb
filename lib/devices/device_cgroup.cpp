// SPDX-License-Identifier: Apache-2.0
#include "devices/device_cgroup.hpp"

#include "devices/attached_programs.hpp"
#include "devices/cgroup_path.hpp"
#include "devices/device_list.hpp"
#include "devices/systemd_scope.hpp"

#include <cerrno>
#include <optional>

namespace grapnel::devices {

namespace {

using Levels = std::vector<CgroupLevel>;

constexpr std::string_view no_right =
    "give the hook CAP_SYS_ADMIN and CAP_NET_ADMIN, or set no-cgroups = true if the container's "
    "devices are allowed in another way";

std::string lost_because(const OwnScope& scope, const std::string& reason) {
    return "the container loses its GPUs when systemd sets the rules of " + scope.unit
           + " again, as at 'systemctl daemon-reload', because " + reason;
}

std::string not_kept(const OwnScope& scope, const Error& error) {
    return lost_because(scope, "it was not told of them: " + error.text());
}

std::string denied_by(const HostPath& pinned, const OwnScope& scope, const DeviceRule& rule) {
    return lost_because(scope, "it attaches the program pinned at " + pinned.text()
                                   + " then, which denies " + rule.text()
                                   + " and which other units may share: allow the device there");
}

/// The GPUs work without it as well, so that it fails is no reason to start no container.
Told tell(const OwnScope& scope, const std::vector<DeviceRule>& rules, Notices& notices) {
    auto told = tell_systemd(scope, rules);
    if (told)
        return std::move(*told);
    notices.warn(not_kept(scope, told.error()));
    return {};
}

Status allow_v1(const Levels& levels, const std::optional<OwnScope>& scope,
                const std::vector<DeviceRule>& rules, Notices& notices) {
    if (scope) {
        const auto before = GRAPNEL_TRY(own_lists(levels));
        if (tell(*scope, rules, notices).anew)
            GRAPNEL_TRY(restore_lists(levels, before));
    }
    return open_lists(levels, rules);
}

/// Changes pinned programs that systemd attaches, if they are the container's alone.
void open_pinned(AttachedPrograms& programs, const std::vector<HostPath>& pinned,
                 const OwnScope& scope, Notices& notices) {
    for (const auto& path : pinned) {
        if (path == pin_of_crun(scope.unit)) {
            if (const auto opened = programs.open_pinned(path); !opened)
                notices.warn(not_kept(scope, opened.error()));
        } else if (const auto rule = programs.denied_by_pinned(path)) {
            notices.warn(denied_by(path, scope, *rule));
        }
    }
}

Status allow_v2(AttachedPrograms& programs, const Levels& levels,
                const std::optional<OwnScope>& scope, const std::vector<DeviceRule>& rules,
                Notices& notices) {
    if (scope) {
        const auto before = GRAPNEL_TRY(own_programs(levels));
        const auto told = tell(*scope, rules, notices);
        if (told.anew)
            GRAPNEL_TRY(detach_what_systemd_added(levels, before));
        open_pinned(programs, told.pinned, *scope, notices);
    }
    for (const auto& level : levels)
        GRAPNEL_TRY(programs.open_level(level, notices)
                        .note("allow devices in the cgroup " + level.directory.text()));
    return {};
}

} // namespace

Status allow_devices(const sys::Process& process, const CgroupFacts& facts,
                     const std::vector<DeviceRule>& rules,
                     const std::vector<MountInfo>& hierarchies, Notices& notices) {
    if (rules.empty() || !sys::in_initial_user_namespace())
        return {};
    const auto membership = GRAPNEL_TRY(process.read("cgroup"));
    const auto located = locate_device_cgroup(membership, hierarchies, facts.owner);
    if (!located || located->levels.empty())
        return {};
    const auto scope = own_scope(membership, facts.owner);
    if (located->version == 1)
        return allow_v1(located->levels, scope, rules, notices);
    AttachedPrograms programs(facts.rules, rules);
    auto done = allow_v2(programs, located->levels, scope, rules, notices);
    if (!done && (done.error().sys == EPERM || done.error().sys == EACCES))
        return std::move(done).cure(no_right);
    return done;
}

} // namespace grapnel::devices
