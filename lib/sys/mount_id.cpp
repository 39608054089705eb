// SPDX-License-Identifier: Apache-2.0
#include "sys/mount_id.hpp"

#include "base/text.hpp"
#include "sys/file.hpp"
#include "sys/mount_list.hpp"
#include "sys/proc_self.hpp"

#include <array>
#include <cerrno>
#include <climits>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace grapnel::sys {

namespace {

constexpr std::size_t fdinfo_limit = 65536;

/// The field mnt_id of /proc/self/fdinfo (proc(5)).
Result<std::uint64_t> mount_id(const std::string& number) {
    const auto file = GRAPNEL_TRY(open_proc_self(("fdinfo/" + number).c_str(), O_RDONLY));
    const auto text = GRAPNEL_TRY(read_all(file.ref(), fdinfo_limit, "fdinfo"));
    constexpr std::string_view field = "mnt_id:";
    for (const auto line : split(text, '\n'))
        if (line.starts_with(field))
            if (const auto id = parse_number<std::uint64_t>(trim(line.substr(field.size()))))
                return *id;
    return refused("/proc/self/fdinfo names no mount");
}

/// ".." leads out of a mount from its root alone.
bool is_root_directory(int directory) {
    struct open_how how {};
    how.flags = O_PATH | O_CLOEXEC;
    how.resolve = RESOLVE_NO_XDEV;
    const Fd above(static_cast<int>(syscall(SYS_openat2, directory, "..", &how, sizeof how)));
    return !above.valid() && errno == EXDEV;
}

/// The path of a mount's root is its mount point.
Result<bool> is_root_file(const std::string& number, std::uint64_t mount) {
    const auto files = GRAPNEL_TRY(open_proc_self("fd", O_PATH | O_DIRECTORY));
    std::array<char, PATH_MAX> path{};
    const auto length = readlinkat(files.ref().value, number.c_str(), path.data(), path.size());
    if (length < 0)
        return system_error("readlink /proc/self/fd/" + number);
    const std::string_view place(path.data(), static_cast<std::size_t>(length));
    bool is_root = false;
    GRAPNEL_TRY(visit_own_mounts([&](const MountLine& found) {
        if (found.id == mount)
            is_root = found.point() == place;
    }));
    return is_root;
}

} // namespace

Result<MountOfFile> mount_of_file(int directory, const char* name, int flags) {
    Fd opened;
    const int link = (flags & AT_SYMLINK_NOFOLLOW) != 0 ? O_NOFOLLOW : 0;
    if (*name != '\0')
        opened = Fd(openat(directory, name, O_PATH | O_CLOEXEC | link));
    if (*name != '\0' && !opened.valid())
        return system_error("open " + quote(name));
    const int file = opened.valid() ? opened.ref().value : directory;
    const auto number = std::to_string(file);
    const auto id = GRAPNEL_TRY(mount_id(number));
    struct stat found {};
    if (fstat(file, &found) != 0)
        return system_error("fstat " + quote(name));
    const bool is_root =
        S_ISDIR(found.st_mode) ? is_root_directory(file) : GRAPNEL_TRY(is_root_file(number, id));
    return MountOfFile{.id = id, .is_root = is_root};
}

} // namespace grapnel::sys
