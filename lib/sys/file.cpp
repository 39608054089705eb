// SPDX-License-Identifier: Apache-2.0
#include "sys/file.hpp"

#include "base/text.hpp"
#include "sys/directory.hpp"
#include "sys/mount_id.hpp"
#include "sys/retry.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

namespace grapnel::sys {

namespace {

FileFacts::Type type_of(mode_t mode) {
    switch (mode & S_IFMT) {
    case S_IFREG:
        return FileFacts::Type::regular;
    case S_IFDIR:
        return FileFacts::Type::directory;
    case S_IFLNK:
        return FileFacts::Type::link;
    case S_IFCHR:
        return FileFacts::Type::character_device;
    default:
        return FileFacts::Type::other;
    }
}

std::int64_t nanoseconds(const statx_timestamp& time) {
    return time.tv_sec * std::int64_t{1'000'000'000} + time.tv_nsec;
}

Result<FileFacts> stat_file(int directory, const char* name, int flags) {
    struct statx found {};
    constexpr auto mask = STATX_BASIC_STATS | STATX_MNT_ID;
    flags |= AT_NO_AUTOMOUNT;
    if (retried([&] { return statx(directory, name, flags, mask, &found); }) != 0)
        return system_error("statx " + quote(name));
    MountOfFile mount{.id = found.stx_mnt_id,
                      .is_root = (found.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0};
    if ((found.stx_mask & STATX_MNT_ID) == 0) // before Linux 5.8
        mount = GRAPNEL_TRY(mount_of_file(directory, name, flags));
    return FileFacts{.type = type_of(found.stx_mode),
                     .device = makedev(found.stx_dev_major, found.stx_dev_minor),
                     .inode = found.stx_ino,
                     .size = found.stx_size,
                     .mount = mount.id,
                     .mount_root = mount.is_root,
                     .major = found.stx_rdev_major,
                     .minor = found.stx_rdev_minor,
                     .mode = static_cast<std::uint32_t>(found.stx_mode & 07777),
                     .owner = {.user = found.stx_uid, .group = found.stx_gid},
                     .modified_ns = nanoseconds(found.stx_mtime),
                     .changed_ns = nanoseconds(found.stx_ctime)};
}

Result<Fd> open_file_in(FdRef directory, const std::string& name) {
    Fd file(openat(directory.value, name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
    if (!file.valid())
        return system_error("open " + quote(name));
    const auto found = GRAPNEL_TRY(facts(file.ref(), ""));
    if (found.type != FileFacts::Type::regular)
        return refused(quote(name) + " is not a regular file");
    return file;
}

} // namespace

Result<FileFacts> facts(FdRef directory, const char* name) {
    return stat_file(directory.value, name, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW);
}

Result<FileFacts> host_facts(const HostPath& path) {
    return stat_file(AT_FDCWD, path.text().c_str(), 0);
}

bool is_missing(const HostPath& path) {
    struct open_how how {};
    how.flags = O_PATH | O_CLOEXEC;
    how.resolve = RESOLVE_NO_SYMLINKS;
    const Fd found(
        static_cast<int>(syscall(SYS_openat2, AT_FDCWD, path.text().c_str(), &how, sizeof how)));
    return !found.valid() && errno == ENOENT;
}

Result<std::string> read_all(FdRef fd, std::size_t limit, std::string_view what,
                             std::uint64_t expected) {
    std::string data;
    if (expected > 16384)
        data.resize(std::min<std::uint64_t>(expected, limit) + 1); // to read the end as well
    std::size_t used = 0;
    for (;;) {
        if (used == data.size())
            data.resize(used
                        + std::min<std::size_t>(limit + 1 - used, used < 65536 ? 16384 : used));
        const auto count = ::read(fd.value, data.data() + used, data.size() - used);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return system_error("read " + std::string(what));
        if (count == 0)
            break;
        used += static_cast<std::size_t>(count);
        if (used > limit)
            return refused(std::string(what) + " is longer than " + std::to_string(limit)
                           + " bytes");
    }
    data.resize(used);
    return data;
}

Result<std::string> read_part(FdRef fd, std::uint64_t offset, std::size_t size,
                              std::string_view what) {
    std::string data(size, '\0');
    std::size_t used = 0;
    while (used < size) {
        // an offset that is no file's turns negative, which the kernel refuses
        const auto count =
            pread(fd.value, data.data() + used, size - used, static_cast<off_t>(offset + used));
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return system_error("read " + std::string(what));
        if (count == 0)
            break;
        used += static_cast<std::size_t>(count);
    }
    data.resize(used);
    return data;
}

Status write_all(FdRef fd, std::string_view data, std::string_view what) {
    while (!data.empty()) {
        const auto count = ::write(fd.value, data.data(), data.size());
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return system_error("write " + std::string(what));
        data.remove_prefix(static_cast<std::size_t>(count));
    }
    return {};
}

Result<OpenFile> open_regular_file(FdRef directory, const std::string& name,
                                   const std::string& path) {
    constexpr int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    Fd fd(retried([&] { return openat(directory.value, name.c_str(), flags); }));
    if (!fd.valid())
        return system_error("open " + path);
    struct stat found {};
    if (retried([&] { return fstat(fd.ref().value, &found); }) != 0)
        return system_error("fstat " + path);
    if (!S_ISREG(found.st_mode))
        return refused(path
                       + (S_ISDIR(found.st_mode) ? " is a directory, not a regular file"
                                                 : " is not a regular file"));
    return OpenFile{.fd = std::move(fd),
                    .id = {.device = found.st_dev, .inode = found.st_ino},
                    .size = static_cast<std::uint64_t>(found.st_size)};
}

Result<OpenFile> open_sized_host_file(const HostPath& path) {
    return open_regular_file({AT_FDCWD}, path.text(), path.text());
}

Result<Fd> open_host_file(const HostPath& path) {
    return GRAPNEL_TRY(open_sized_host_file(path)).fd;
}

Result<std::string> read_host_file(const HostPath& path, std::size_t limit) {
    const auto file = GRAPNEL_TRY(open_sized_host_file(path));
    return read_all(file.fd.ref(), limit, path.text(), file.size);
}

Result<Fd> open_host_path(const HostPath& path) {
    Fd fd(retried([&] { return ::open(path.text().c_str(), O_PATH | O_CLOEXEC); }));
    if (!fd.valid())
        return system_error("open " + path.text());
    return fd;
}

Result<Fd> open_host_directory(const HostPath& path) {
    Fd fd(retried([&] { return ::open(path.text().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
    if (!fd.valid())
        return system_error("open " + path.text());
    return fd;
}

Result<Fd> make_host_directory(const HostPath& path) {
    auto fd = open_host_directory(path);
    if (fd || fd.error().sys != ENOENT || path.text() == "/")
        return fd;
    const auto parent = GRAPNEL_TRY(make_host_directory(path.parent()));
    const std::string name(path.name());
    if (mkdirat(parent.ref().value, name.c_str(), 0700) != 0 && errno != EEXIST)
        return system_error("mkdir " + path.text());
    Fd made(openat(parent.ref().value, name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!made.valid())
        return system_error("open " + path.text());
    return made;
}

Result<std::vector<std::string>> directory_names(FdRef directory, const std::string& what,
                                                 const NameFilter& keep) {
    constexpr std::size_t most = 65536;
    std::size_t count_of_names = 0;
    std::vector<std::string> names;
    alignas(dirent64) std::array<char, 32768> buffer{};
    for (;;) {
        const auto count =
            retried([&] { return getdents64(directory.value, buffer.data(), buffer.size()); });
        if (count < 0)
            return system_error("read " + what);
        if (count == 0)
            break;
        for (long at = 0; at < count;) {
            const auto* const entry = reinterpret_cast<const dirent64*>(buffer.data() + at);
            const std::string_view name = static_cast<const char*>(entry->d_name);
            if (name != "." && name != ".." && (!keep || keep(name)))
                names.emplace_back(name);
            at += entry->d_reclen;
            ++count_of_names;
        }
        if (count_of_names > most)
            return refused(what + " holds more than 65,536 names");
    }
    std::ranges::sort(names);
    return names;
}

Result<std::string> read_file_in(FdRef directory, const std::string& name, std::size_t limit) {
    const auto file = GRAPNEL_TRY(open_file_in(directory, name));
    return read_all(file.ref(), limit, quote(name));
}

/// pread(2) fails for a FIFO and a directory: the type is not looked at.
Result<std::string> read_beginning_in(FdRef directory, const std::string& name, std::size_t size) {
    const Fd file(
        openat(directory.value, name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
    if (!file.valid())
        return system_error("open " + quote(name));
    return read_part(file.ref(), 0, size, name);
}

Status make_file(FdRef directory, const std::string& name, std::string_view data,
                 std::uint32_t mode) {
    const Fd file(openat(directory.value, name.c_str(),
                         O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!file.valid())
        return system_error("create " + quote(name));
    GRAPNEL_TRY(write_all(file.ref(), data, quote(name)));
    if (fchmod(file.ref().value, mode) != 0)
        return system_error("chmod " + quote(name));
    return {};
}

Result<Fd> make_directory(FdRef directory, const std::string& name) {
    if (mkdirat(directory.value, name.c_str(), 0755) != 0)
        return system_error("mkdir " + quote(name));
    Fd made(openat(directory.value, name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!made.valid())
        return system_error("open " + quote(name));
    return made;
}

Status replace_file(FdRef directory, const std::string& name, std::string_view data,
                    std::uint32_t mode) {
    const auto temporary = temporary_name(name);
    unlinkat(directory.value, temporary.c_str(), 0); // left by a hook that was killed
    auto written = make_file(directory, temporary, data, mode);
    if (written && renameat(directory.value, temporary.c_str(), directory.value, name.c_str()) != 0)
        written = system_error("rename onto " + quote(name));
    if (!written)
        unlinkat(directory.value, temporary.c_str(), 0);
    return written;
}

Result<HostPath> path_of(FdRef fd) {
    const auto link = "/proc/self/fd/" + std::to_string(fd.value);
    std::array<char, PATH_MAX> target{};
    const auto length =
        retried([&] { return readlink(link.c_str(), target.data(), target.size()); });
    if (length < 0)
        return system_error("readlink " + link);
    return HostPath::make(std::string_view(target.data(), static_cast<std::size_t>(length)));
}

Result<HostPath> real_path(const std::string& text, PathOf kind) {
    const Fd file(
        ::open(text.c_str(), O_PATH | O_CLOEXEC | (kind == PathOf::directory ? O_DIRECTORY : 0)));
    if (!file.valid())
        return system_error("open " + quote(text));
    return path_of(file.ref());
}

std::string cure_for_writing(int error) {
    switch (error) {
    case EROFS:
        return "its file system is read-only: mount it to be written to, or use another directory";
    case EACCES:
    case EPERM:
        return "run this as root, or as the owner of the file";
    case EBUSY:
        return "it is a mount: change the file that is mounted, or mount its directory instead";
    case ENOSPC:
    case EDQUOT:
        return "make room there";
    default:
        return {};
    }
}

Status remove_file_in(FdRef directory, const std::string& name) {
    if (unlinkat(directory.value, name.c_str(), 0) != 0)
        return system_error("remove " + quote(name));
    return {};
}

Status append_line(const HostPath& path, std::string_view line) {
    return append_line_in({AT_FDCWD}, path.text(), line);
}

Status append_line_in(FdRef directory, const std::string& name, std::string_view line) {
    constexpr int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
    const Fd log(openat(directory.value, name.c_str(), flags, 0640));
    if (!log.valid())
        return system_error("open " + name);
    return write_all(log.ref(), std::string(line) + "\n", name);
}

} // namespace grapnel::sys
