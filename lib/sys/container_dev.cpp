// SPDX-License-Identifier: Apache-2.0
#include "sys/container_dev.hpp"

#include "base/text.hpp"
#include "sys/fd.hpp"
#include "sys/file.hpp"
#include "sys/retry.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <string>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace grapnel::sys {

namespace {

constexpr int cached = AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT | AT_SYMLINK_NOFOLLOW;

Result<Fd> open_dev(pid_t process) {
    const auto path = "/proc/" + std::to_string(process) + "/root";
    const Fd root(open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!root.valid())
        return system_error("open " + path);
    struct open_how how {};
    how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
    how.resolve = RESOLVE_CACHED | RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
    Fd dev(static_cast<int>(syscall(SYS_openat2, root.ref().value, "dev", &how, sizeof how)));
    if (!dev.valid())
        return system_error("open " + path + "/dev");
    return dev;
}

} // namespace

Result<std::vector<DeviceNumber>> devices_in_dev(pid_t process, DeviceNumber tmpfs,
                                                 std::string_view prefix) {
    const auto place = GRAPNEL_TRY(open_dev(process));
    struct statx found {};
    if (statx(place.ref().value, "", cached | AT_EMPTY_PATH, STATX_TYPE, &found) != 0)
        return system_error("statx /dev");
    if (DeviceNumber{found.stx_dev_major, found.stx_dev_minor} != tmpfs)
        return std::vector<DeviceNumber>();
    const Fd dev(openat(place.ref().value, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!dev.valid())
        return system_error("open /dev of process " + std::to_string(process));
    const auto names = GRAPNEL_TRY(directory_names(
        dev.ref(), "/dev", [&](std::string_view name) { return name.starts_with(prefix); }));
    std::vector<DeviceNumber> out;
    for (const auto& name : names)
        if (statx(dev.ref().value, name.c_str(), cached, STATX_TYPE, &found) == 0
            && S_ISCHR(found.stx_mode))
            out.push_back({found.stx_rdev_major, found.stx_rdev_minor});
    return out;
}

} // namespace grapnel::sys
