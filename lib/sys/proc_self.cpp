// SPDX-License-Identifier: Apache-2.0
#include "sys/proc_self.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <optional>
#include <string>
#include <sys/stat.h>
#include <sys/vfs.h>

namespace grapnel::sys {

namespace {

Result<Fd> open_procfs() {
    Fd proc(::open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!proc.valid())
        return system_error("open /proc");
    struct statfs filesystem {};
    if (fstatfs(proc.ref().value, &filesystem) != 0)
        return system_error("fstatfs /proc");
    if (filesystem.f_type != PROC_SUPER_MAGIC)
        return refused("/proc is not procfs");
    return proc;
}

std::optional<Result<Fd>>& kept_procfs() {
    static std::optional<Result<Fd>> proc;
    return proc;
}

const Result<Fd>& procfs() {
    auto& proc = kept_procfs();
    if (!proc)
        proc.emplace(open_procfs());
    return *proc;
}

} // namespace

void forget_procfs() {
    kept_procfs().reset();
}

Status change_mode(FdRef file, std::uint32_t mode) {
    const auto& proc = procfs();
    if (!proc)
        return proc.error();
    const auto path = "self/fd/" + std::to_string(file.value);
    if (fchmodat(proc->ref().value, path.c_str(), mode, 0) != 0)
        return system_error("chmod");
    return {};
}

Result<Fd> open_proc_self(const char* name, int flags) {
    const auto& proc = procfs();
    if (!proc)
        return proc.error();
    const auto path = std::string("self/") + name;
    Fd file(openat(proc->ref().value, path.c_str(), flags | O_CLOEXEC));
    if (!file.valid())
        return system_error("open /proc/" + path);
    return file;
}

} // namespace grapnel::sys
