// SPDX-License-Identifier: Apache-2.0
// Look-ups and reads.
#include "sys/root_dir.hpp"

#include "base/text.hpp"
#include "sys/host_fs.hpp"
#include "sys/kernel.hpp"
#include "sys/proc_self.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

namespace grapnel::sys {

namespace {

/// The inode is known to be a regular file: opening it once more cannot block.
Result<Fd> open_regular(FdRef handle, const InsidePath& path) {
    const auto name = "fd/" + std::to_string(handle.value);
    auto file = open_proc_self(name.c_str(), O_RDONLY | O_NONBLOCK);
    if (!file && file.error().sys != 0)
        file.error().what = "open " + quote(path.text()) + " in the root file system";
    return file;
}

bool is_absent(const Error& error) {
    return error.sys == ENOENT || error.sys == ENOTDIR;
}

} // namespace

template <typename T>
Result<T> RootDir::watched(Result<T> result) const {
    if (!result && !unanswered_ && is_without_answer(result.error()))
        unanswered_ = result.error();
    return result;
}

Result<Fd> RootDir::open_in_root(FdRef root, const std::string& path, std::uint64_t flags,
                                 std::uint64_t rules) {
    struct open_how how {};
    how.flags = flags | O_CLOEXEC;
    how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | rules;
    // EAGAIN: a rename somewhere kept the kernel from being sure of a ".." (openat2(2)). A process
    // that renames without a pause lets few attempts pass; an attempt takes microseconds
    constexpr int most_attempts = 4096;
    for (int attempt = 0; attempt < most_attempts; ++attempt) {
        Fd fd(static_cast<int>(syscall(SYS_openat2, root.value, path.c_str(), &how, sizeof how)));
        if (fd.valid())
            return fd;
        if (errno != EAGAIN)
            break;
    }
    return call_error("openat2", quote(path));
}

Result<RootDir> RootDir::open(FdRef base, const HostPath& path) {
    auto fd = GRAPNEL_TRY(open_in_root(base, path.text(), O_PATH | O_DIRECTORY));
    const auto found = GRAPNEL_TRY(sys::facts(fd.ref(), ""));
    return RootDir(std::move(fd), found.mount);
}

void RootDir::act_on_volumes_as(std::optional<FileUser> user) {
    user_ = std::move(user);
    invalidate();
}

void RootDir::set_host_file_systems(std::vector<DeviceNumber> sorted_devices) {
    host_file_systems_ = std::move(sorted_devices);
    invalidate();
}

Result<FileFacts> RootDir::facts_of(const Place& place) {
    if (!place.facts)
        place.facts = GRAPNEL_TRY(sys::facts(place.fd.ref(), ""));
    return *place.facts;
}

Result<bool> RootDir::is_volume(const FileFacts& found, FdRef fd) const {
    if (found.mount == mount_)
        return false;
    // before fstatfs(2), which asks the server of a FUSE volume
    if (!host_file_systems_
        || std::ranges::binary_search(*host_file_systems_,
                                      DeviceNumber{major(found.device), minor(found.device)}))
        return true;
    struct statfs file_system {};
    if (fstatfs(fd.value, &file_system) != 0)
        return system_error("fstatfs");
    return file_system.f_type != TMPFS_MAGIC;
}

Result<RootDir::Rights> RootDir::rights_at(const Place& place) const {
    return place.volume ? Rights(GRAPNEL_TRY(FileRights::of(user_))) : Rights();
}

Result<RootDir::Place> RootDir::resolve(const InsidePath& path, std::uint64_t flags) const {
    const auto open = [&](std::uint64_t rules) {
        return open_in_root(fd_.ref(), path.text(), flags, rules);
    };
    auto found = open(RESOLVE_NO_XDEV);
    if (found)
        return Place{.fd = std::move(*found)};
    if (found.error().sys != EXDEV)
        return found.error();
    {
        const auto rights = GRAPNEL_TRY(FileRights::of(user_));
        found = open(0);
    }
    // the user need not be able to reach the container's own mounts
    const bool retried = !found && (found.error().sys == EXDEV || found.error().sys == EACCES);
    auto fd = GRAPNEL_TRY(retried ? open(0) : std::move(found));
    const auto facts = GRAPNEL_TRY(sys::facts(fd.ref(), ""));
    const bool volume = GRAPNEL_TRY(is_volume(facts, fd.ref()));
    if (retried && volume) {
        errno = EACCES;
        return system_error("open " + quote(path.text()) + " on a volume, as the container's user");
    }
    return Place{.fd = std::move(fd), .volume = volume, .facts = facts};
}

Result<const RootDir::Place*> RootDir::place(const InsidePath& path) {
    if (const auto known = directories_.find(path); known != directories_.end())
        return &known->second;
    auto found = GRAPNEL_TRY(resolve(path, O_PATH | O_DIRECTORY));
    return &directories_.emplace(path, std::move(found)).first->second;
}

Result<FdRef> RootDir::directory(const InsidePath& path) {
    return GRAPNEL_TRY(watched(place(path)))->fd.ref();
}

Result<std::uint64_t> RootDir::file_system(const InsidePath& directory) {
    const auto found = facts_of(*GRAPNEL_TRY(watched(place(directory))));
    return GRAPNEL_TRY(watched(found)).device;
}

Result<bool> RootDir::is_on_volume(const InsidePath& directory) {
    return GRAPNEL_TRY(place(directory))->volume;
}

void RootDir::is_covered(const InsidePath& path) {
    std::erase_if(directories_, [&](const auto& known) {
        return known.first == path || known.first.text().starts_with(path.text() + "/");
    });
}

Result<FileFacts> RootDir::facts(const InsidePath& path) {
    const auto look = [&]() -> Result<FileFacts> {
        const auto* const parent = GRAPNEL_TRY(place(path.parent()));
        const auto rights = GRAPNEL_TRY(rights_at(*parent));
        return sys::facts(parent->fd.ref(), std::string(path.name()).c_str());
    };
    return watched(look());
}

Result<std::optional<Fd>> RootDir::open_handle(const Result<Place>& handle,
                                               const InsidePath& path) const {
    using File = std::optional<Fd>;
    if (!handle && is_absent(handle.error()))
        return File();
    if (!handle)
        return handle.error();
    const auto rights = GRAPNEL_TRY(rights_at(*handle));
    const auto found = GRAPNEL_TRY(facts_of(*handle));
    if (found.type != FileFacts::Type::regular)
        return File();
    return File(GRAPNEL_TRY(open_regular(handle->fd.ref(), path)));
}

Result<std::optional<Fd>> RootDir::open_file(const InsidePath& path) {
    return watched(open_handle(resolve(path, O_PATH | O_NOFOLLOW), path));
}

Result<std::optional<std::string>> RootDir::read(const InsidePath& path, std::size_t limit) {
    using Text = std::optional<std::string>;
    const auto file = GRAPNEL_TRY(open_file(path));
    if (!file)
        return Text();
    return Text(GRAPNEL_TRY(watched(read_all(file->ref(), limit, quote(path.text())))));
}

/// The end of a link, as long as it stays on the root's own mount.
Result<RootDir::Place> RootDir::resolve_linked(const InsidePath& path) const {
    auto handle = GRAPNEL_TRY(resolve(path, O_PATH | O_NOFOLLOW));
    if (GRAPNEL_TRY(sys::facts(handle.fd.ref(), "")).type != FileFacts::Type::link)
        return handle;
    return Place{.fd = GRAPNEL_TRY(open_in_root(fd_.ref(), path.text(), O_PATH, RESOLVE_NO_XDEV))};
}

Result<std::optional<std::string>> RootDir::read_linked(const InsidePath& path, std::size_t limit) {
    using Text = std::optional<std::string>;
    const auto look = [&]() -> Result<Text> {
        const auto handle = resolve_linked(path);
        if (!handle && handle.error().sys == EXDEV)
            return Text();
        const auto file = GRAPNEL_TRY(open_handle(handle, path));
        return file ? Text(GRAPNEL_TRY(read_all(file->ref(), limit, quote(path.text())))) : Text();
    };
    return watched(look());
}

Result<FileFacts> RootDir::directory_facts(const InsidePath& path) const {
    const auto look = [&]() -> Result<FileFacts> {
        const auto found = GRAPNEL_TRY(resolve(path, O_PATH | O_DIRECTORY));
        return sys::facts(found.fd.ref(), "");
    };
    return watched(look());
}

Result<std::vector<std::string>> RootDir::list(const InsidePath& path) {
    const auto look = [&]() -> Result<std::vector<std::string>> {
        const auto found = GRAPNEL_TRY(resolve(path, O_RDONLY | O_DIRECTORY));
        return directory_names(found.fd.ref(), quote(path.text()));
    };
    return watched(look());
}

} // namespace grapnel::sys
