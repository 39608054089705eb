// SPDX-License-Identifier: Apache-2.0
// The device programs of a container's cgroups of version 2, replaced in the kernel.
#pragma once

#include "apply/cgroup_path.hpp"
#include "apply/device_program.hpp"
#include "base/device_number.hpp"
#include "base/path.hpp"
#include "base/result.hpp"
#include "sys/fd.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace grapnel::apply {

/// Replaces programs that deny one of the rules by programs that allow them all. Such a program is
/// the old one with the rules added. What cannot be copied stays where it may allow them all, and
/// is an error where it is sure to deny one.
class AttachedPrograms {
  public:
    /// `configured` are those of config.json, of which a program that cannot be read is made anew.
    AttachedPrograms(const std::optional<std::vector<DeviceRule>>& configured,
                     const std::vector<DeviceRule>& rules)
        : configured_(configured), rules_(rules) {}

    /// What is pinned at the path for this container alone, for whom attaches it later.
    [[nodiscard]] Status open_pinned(const HostPath& path);

    /// The first rule that the program pinned at the path is sure to deny. None where there is no
    /// program: nobody else can attach it either.
    [[nodiscard]] std::optional<DeviceRule> denied_by_pinned(const HostPath& path) const;

    /// Every program of the level that counts for the lowest one: to be called for each level, from
    /// there up. One that was pinned as well is replaced by what is pinned now: the kernel keeps
    /// who attaches it again from attaching a second one. Returns remarks.
    [[nodiscard]] Result<std::vector<std::string>> open_level(const CgroupLevel& level);

  private:
    using Remarks = std::vector<std::string>;

    [[nodiscard]] Result<Remarks> try_level(const CgroupLevel& level);
    [[nodiscard]] Status open_attached(const CgroupLevel& level, sys::FdRef cgroup,
                                       std::uint32_t id, std::uint32_t flags, Remarks& remarks);
    [[nodiscard]] Result<std::optional<sys::Fd>> successor(const std::optional<Code>& code,
                                                           const Judgement& judged) const;
    [[nodiscard]] Result<sys::Fd> made_anew() const;

    const std::optional<std::vector<DeviceRule>>& configured_;
    const std::vector<DeviceRule>& rules_;
    std::map<std::uint32_t, sys::Fd> successors_ = {}; ///< by the ID of what they replace
    bool found_below_ = false;                         ///< a program, on a level opened before
};

/// The IDs of the programs of the own levels, in the order of `levels`; empty for the others.
[[nodiscard]] Result<std::vector<std::vector<std::uint32_t>>>
own_programs(const std::vector<CgroupLevel>& levels);

/// Detaches what systemd has attached since then beside programs that are all still there: a
/// runtime had replaced systemd's program by its own, which knows devices that systemd does not
/// know.
[[nodiscard]] Status
detach_what_systemd_added(const std::vector<CgroupLevel>& levels,
                          const std::vector<std::vector<std::uint32_t>>& before);

} // namespace grapnel::apply
