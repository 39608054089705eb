// SPDX-License-Identifier: Apache-2.0
// Device programs of cgroup v2 (bpf(2), BPF_CGROUP_DEVICE).
#pragma once

#include "base/path.hpp"
#include "base/result.hpp"
#include "sys/fd.hpp"

#include <cstdint>
#include <linux/bpf.h>
#include <optional>
#include <string>
#include <vector>

namespace grapnel::sys {

struct AttachedPrograms {
    std::vector<std::uint32_t> ids = {};
    std::uint32_t flags = 0; ///< how they are attached: BPF_F_ALLOW_MULTI and the like
};

/// The device programs attached to this cgroup itself. An error with sys == EPERM is the
/// lack of CAP_BPF or CAP_SYS_ADMIN and of CAP_NET_ADMIN.
[[nodiscard]] Result<AttachedPrograms> attached_device_programs(FdRef cgroup);

[[nodiscard]] Result<Fd> program_by_id(std::uint32_t id);

/// The program that is pinned at that path of a BPF file system.
[[nodiscard]] Result<Fd> pinned_program(const HostPath& path);

struct ProgramFacts {
    std::uint32_t id = 0;
    std::string name = {}; ///< as its loader called it
};
[[nodiscard]] Result<ProgramFacts> program_facts(FdRef program);

/// The program as the verifier left it; nothing if the kernel does not show it.
[[nodiscard]] Result<std::optional<std::vector<bpf_insn>>> program_code(FdRef program);

/// An error with sys == EINVAL or EACCES is the verifier's.
[[nodiscard]] Result<Fd> load_device_program(const std::vector<bpf_insn>& code);

/// Atomically replaces `old` by `fresh`. With BPF_F_ALLOW_MULTI in `flags` that takes Linux 5.6
/// (BPF_F_REPLACE).
[[nodiscard]] Status replace_device_program(FdRef cgroup, FdRef fresh, FdRef old,
                                            std::uint32_t flags);

[[nodiscard]] Status detach_device_program(FdRef cgroup, FdRef program);

/// Atomically replaces the object pinned at that path.
[[nodiscard]] Status replace_pinned_program(const HostPath& path, FdRef program);

} // namespace grapnel::sys
