// SPDX-License-Identifier: Apache-2.0
// The device programs of a container's cgroups of version 2, replaced in the kernel.
#pragma once

#include "base/device_number.hpp"
#include "base/notices.hpp"
#include "base/path.hpp"
#include "base/result.hpp"
#include "devices/cgroup_path.hpp"
#include "devices/device_program.hpp"
#include "sys/fd.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace grapnel::devices {

/// Replaces programs that deny one of the rules by programs that allow them all. The replacement is
/// the old program with the rules added. A program that cannot be copied stays if it may allow all
/// rules, and is an error if it is sure to deny one.
class AttachedPrograms {
  public:
    /// `configured` are the rules of config.json, from which an unreadable program is rebuilt.
    AttachedPrograms(const std::optional<std::vector<DeviceRule>>& configured,
                     const std::vector<DeviceRule>& rules)
        : configured_(configured), rules_(rules) {}

    /// Replaces the program pinned at the path for this container alone, in case it is attached
    /// later.
    [[nodiscard]] Status open_pinned(const HostPath& path);

    /// The first rule that the program pinned at the path is sure to deny. Nothing without a
    /// program: no process can attach a missing one.
    [[nodiscard]] std::optional<DeviceRule> denied_by_pinned(const HostPath& path) const;

    /// Every effective program of the level: to be called for each level, from the lowest up. A
    /// program that was pinned too is replaced by the pinned replacement: the kernel refuses to
    /// attach the same program twice.
    [[nodiscard]] Status open_level(const CgroupLevel& level, Notices& notices);

  private:
    [[nodiscard]] Result<Notices> try_level(const CgroupLevel& level);
    [[nodiscard]] Status open_attached(const CgroupLevel& level, sys::FdRef cgroup,
                                       std::uint32_t id, std::uint32_t flags, Notices& notices);
    [[nodiscard]] Result<std::optional<sys::Fd>>
    replacement_program(const std::optional<Code>& code, const Judgement& judged) const;
    [[nodiscard]] Result<sys::Fd> rebuild_from_spec() const;

    const std::optional<std::vector<DeviceRule>>& configured_;
    const std::vector<DeviceRule>& rules_;
    std::map<std::uint32_t, sys::Fd> replacements_ = {}; ///< by the ID of the replaced program
    bool found_below_ = false;                           ///< a program, on a level opened before
};

/// The IDs of the programs of the own levels, in the order of `levels`; empty for the others.
[[nodiscard]] Result<std::vector<std::vector<std::uint32_t>>>
own_programs(const std::vector<CgroupLevel>& levels);

/// Detaches programs that systemd has attached since then, if all earlier programs are still there:
/// a runtime had replaced systemd's program by its own, which knows devices that systemd does not
/// know.
[[nodiscard]] Status
detach_what_systemd_added(const std::vector<CgroupLevel>& levels,
                          const std::vector<std::vector<std::uint32_t>>& before);

} // namespace grapnel::devices
