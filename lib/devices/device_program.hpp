// SPDX-License-Identifier: Apache-2.0
// Device programs of cgroup v2 as values: built, extended and judged without the kernel.
//
// The kernel runs a program for each open and mknod of a device with a bpf_cgroup_dev_ctx
// (linux/bpf.h) and lets the call through if it returns 1. Of several programs, on one cgroup
// or on its ancestors, all must.
#pragma once

#include "base/device_number.hpp"

#include <linux/bpf.h>
#include <optional>
#include <vector>

namespace grapnel::devices {

using Code = std::vector<bpf_insn>;

/// `old` with a prefix that allows the rules' devices. The rules must name a type, a major and a
/// minor number.
[[nodiscard]] Code prepend_allow_rules(const std::vector<DeviceRule>& rules, const Code& old);

/// The program that a runtime makes of linux.resources.devices: the last matching rule for an
/// access decides; an access without a matching rule is denied. The devices that every runtime
/// allows (null, zero, tty, ptmx and their like, and mknod of any device) come last.
[[nodiscard]] Code from_spec(const std::vector<DeviceRule>& spec_rules);

/// False for a program that the kernel shows but would not take again: constants blinded by
/// net.core.bpf_jit_harden, maps, calls.
[[nodiscard]] bool can_be_loaded_again(const Code& code);

/// Whether the program allows the rule's device; nothing if it has an instruction that this
/// interpreter does not know.
[[nodiscard]] std::optional<bool> permits(const Code& code, const DeviceRule& rule);

/// The answers of a program for some rules.
struct Judgement {
    std::optional<bool> permits = true; ///< whether it lets through all of them; nothing: not known
    DeviceRule rule = {};               ///< one that it does not, or may not; else of no meaning
};

/// A denial that is certain counts for more than one that is not.
[[nodiscard]] Judgement judge(const Code& code, const std::vector<DeviceRule>& rules);

} // namespace grapnel::devices
