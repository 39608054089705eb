// SPDX-License-Identifier: Apache-2.0
#include "sys/cgroup.hpp"

#include "sys/file.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>

namespace grapnel::sys {

namespace {

constexpr std::size_t file_limit = std::size_t{16} << 20;

} // namespace

Result<Fd> open_cgroup(const HostPath& directory) {
    Fd fd(::open(directory.text().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd.valid())
        return system_error("open " + directory.text());
    struct statfs filesystem {};
    if (fstatfs(fd.ref().value, &filesystem) != 0)
        return system_error("fstatfs " + directory.text());
    if (filesystem.f_type != CGROUP_SUPER_MAGIC && filesystem.f_type != CGROUP2_SUPER_MAGIC)
        return refused(directory.text() + " is not a cgroup");
    return fd;
}

Result<std::string> read_cgroup_file(FdRef cgroup, const char* name) {
    const Fd file(openat(cgroup.value, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!file.valid())
        return system_error(std::string("open ") + name);
    return read_all(file.ref(), file_limit, name);
}

Status write_cgroup_file(FdRef cgroup, const char* name, std::string_view text) {
    const Fd file(openat(cgroup.value, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!file.valid())
        return system_error(std::string("open ") + name);
    return write_all(file.ref(), text, name);
}

} // namespace grapnel::sys
