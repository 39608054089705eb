// SPDX-License-Identifier: Apache-2.0
#include "sys/bpf.hpp"

#include "sys/file.hpp"
#include "sys/kernel.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <iterator>
#include <linux/magic.h>
#include <string>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

namespace grapnel::sys {

namespace {

constexpr std::size_t most_programs = 64; // the kernel's own limit: BPF_CGROUP_MAX_PROGS

long bpf(bpf_cmd command, bpf_attr& attributes) {
    return syscall(SYS_bpf, command, &attributes, sizeof attributes);
}

std::uint64_t address(const void* pointer) {
    return reinterpret_cast<std::uintptr_t>(pointer);
}

Status attach(FdRef cgroup, FdRef fresh, FdRef replaced, std::uint32_t flags) {
    bpf_attr attributes{};
    attributes.target_fd = static_cast<std::uint32_t>(cgroup.value);
    attributes.attach_bpf_fd = static_cast<std::uint32_t>(fresh.value);
    attributes.attach_type = BPF_CGROUP_DEVICE;
    attributes.attach_flags = flags;
    if ((flags & BPF_F_REPLACE) != 0)
        attributes.replace_bpf_fd = static_cast<std::uint32_t>(replaced.value);
    if (bpf(BPF_PROG_ATTACH, attributes) != 0)
        return call_error("bpf", "(attach the device program)");
    return {};
}

Result<bpf_prog_info> program_info(FdRef program, std::vector<bpf_insn>* code) {
    bpf_prog_info info{};
    if (code != nullptr) {
        info.xlated_prog_insns = address(code->data());
        info.xlated_prog_len = static_cast<std::uint32_t>(code->size() * sizeof(bpf_insn));
    }
    bpf_attr attributes{};
    attributes.info.bpf_fd = static_cast<std::uint32_t>(program.value);
    attributes.info.info_len = sizeof info;
    attributes.info.info = address(&info);
    if (bpf(BPF_OBJ_GET_INFO_BY_FD, attributes) != 0)
        return call_error("bpf", "(read the device program)");
    return info;
}

/// Before Linux 5.11 the programs of a user count in RLIMIT_MEMLOCK, and beyond it the call fails
/// with EPERM. Leaves errno as it was if the limit cannot be raised.
bool raise_memory_limit() {
    const int cause = errno;
    constexpr rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
    rlimit now{};
    const bool raised = getrlimit(RLIMIT_MEMLOCK, &now) == 0 && now.rlim_cur != RLIM_INFINITY
                        && setrlimit(RLIMIT_MEMLOCK, &unlimited) == 0;
    errno = cause;
    return raised;
}

Status pin(const HostPath& path, FdRef program) {
    bpf_attr attributes{};
    attributes.pathname = address(path.text().c_str());
    attributes.bpf_fd = static_cast<std::uint32_t>(program.value);
    if (bpf(BPF_OBJ_PIN, attributes) != 0)
        return call_error("bpf", "(pin the device program " + path.text() + ")");
    return {};
}

} // namespace

Result<AttachedPrograms> attached_device_programs(FdRef cgroup) {
    std::array<std::uint32_t, most_programs> ids{};
    bpf_attr attributes{};
    attributes.query.target_fd = static_cast<std::uint32_t>(cgroup.value);
    attributes.query.attach_type = BPF_CGROUP_DEVICE;
    attributes.query.prog_ids = address(ids.data());
    attributes.query.prog_cnt = ids.size();
    if (bpf(BPF_PROG_QUERY, attributes) != 0)
        return call_error("bpf", "(list the device programs)");
    return AttachedPrograms{.ids = {ids.begin(), ids.begin() + attributes.query.prog_cnt},
                            .flags = attributes.query.attach_flags};
}

Result<Fd> program_by_id(std::uint32_t id) {
    bpf_attr attributes{};
    attributes.prog_id = id;
    Fd program(static_cast<int>(bpf(BPF_PROG_GET_FD_BY_ID, attributes)));
    if (!program.valid())
        return call_error("bpf", "(open the device program)");
    return program;
}

Result<Fd> pinned_program(const HostPath& path) {
    bpf_attr attributes{};
    attributes.pathname = address(path.text().c_str());
    Fd program(static_cast<int>(bpf(BPF_OBJ_GET, attributes)));
    if (!program.valid())
        return call_error("bpf", "(open the pinned program " + path.text() + ")");
    return program;
}

Result<ProgramFacts> program_facts(FdRef program) {
    const auto info = GRAPNEL_TRY(program_info(program, nullptr));
    const auto* const end = std::find(std::begin(info.name), std::end(info.name), '\0');
    return ProgramFacts{.id = info.id, .name = std::string(std::begin(info.name), end)};
}

Result<std::optional<std::vector<bpf_insn>>> program_code(FdRef program) {
    using Code = std::optional<std::vector<bpf_insn>>;
    const auto size = GRAPNEL_TRY(program_info(program, nullptr)).xlated_prog_len;
    if (size == 0 || size % sizeof(bpf_insn) != 0)
        return Code();
    std::vector<bpf_insn> code(size / sizeof(bpf_insn));
    const auto info = GRAPNEL_TRY(program_info(program, &code));
    if (info.xlated_prog_insns == 0 || info.xlated_prog_len != size)
        return Code();
    return Code(std::move(code));
}

Result<Fd> load_device_program(const std::vector<bpf_insn>& code) {
    static constexpr std::array<char, 11> license{"Apache-2.0"};
    bpf_attr attributes{};
    attributes.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
    attributes.insns = address(code.data());
    attributes.insn_cnt = static_cast<std::uint32_t>(code.size());
    attributes.license = address(license.data());
    // EAGAIN: a signal came while the verifier worked
    for (int attempt = 0; attempt < 5; ++attempt) {
        Fd program(static_cast<int>(bpf(BPF_PROG_LOAD, attributes)));
        if (program.valid())
            return program;
        if (errno != EAGAIN && (errno != EPERM || !raise_memory_limit()))
            break;
    }
    return call_error("bpf", "(load the device program)");
}

Status replace_device_program(FdRef cgroup, FdRef fresh, FdRef old, std::uint32_t flags) {
    if ((flags & BPF_F_ALLOW_MULTI) == 0)
        return attach(cgroup, fresh, old, flags); // the only one there is gives way to the new
    auto replaced = attach(cgroup, fresh, old, flags | BPF_F_REPLACE);
    if (!replaced && replaced.error().sys == ENOENT)
        return std::move(replaced).cure("it is attached by a BPF link, which only its owner can "
                                        "change: allow the devices there");
    return replaced;
}

Status detach_device_program(FdRef cgroup, FdRef program) {
    bpf_attr attributes{};
    attributes.target_fd = static_cast<std::uint32_t>(cgroup.value);
    attributes.attach_bpf_fd = static_cast<std::uint32_t>(program.value);
    attributes.attach_type = BPF_CGROUP_DEVICE;
    if (bpf(BPF_PROG_DETACH, attributes) != 0)
        return call_error("bpf", "(detach a device program)");
    return {};
}

Status replace_pinned_program(const HostPath& path, FdRef program) {
    const auto directory = GRAPNEL_TRY(open_host_directory(path.parent()));
    struct statfs filesystem {};
    if (fstatfs(directory.ref().value, &filesystem) != 0)
        return system_error("fstatfs " + path.parent().text());
    if (filesystem.f_type != BPF_FS_MAGIC)
        return refused(path.text() + " is not of a BPF file system");
    // a name there has no dots
    const auto temporary = "grapnel_" + std::to_string(getpid()) + "_" + std::string(path.name());
    unlinkat(directory.ref().value, temporary.c_str(), 0); // left by a hook that was killed
    GRAPNEL_TRY(pin(path.parent() / temporary, program));
    if (renameat(directory.ref().value, temporary.c_str(), directory.ref().value,
                 std::string(path.name()).c_str())
        == 0)
        return {};
    auto failed = system_error("replace " + path.text());
    unlinkat(directory.ref().value, temporary.c_str(), 0);
    return failed;
}

} // namespace grapnel::sys
