// SPDX-License-Identifier: Apache-2.0
// Look-ups and reads.
#include "sys/root_dir.hpp"

#include "base/text.hpp"
#include "sys/kernel.hpp"

#include <cerrno>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace grapnel::sys {

namespace {

Result<Fd> open_in_root(FdRef root, const std::string& path, std::uint64_t flags,
                        std::uint64_t more_rules = 0) {
    struct open_how how {};
    how.flags = flags | O_CLOEXEC;
    how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | more_rules;
    // EAGAIN: a rename somewhere kept the kernel from being sure of a ".." (openat2(2))
    for (int attempt = 0; attempt < 64; ++attempt) {
        Fd fd(static_cast<int>(syscall(SYS_openat2, root.value, path.c_str(), &how, sizeof how)));
        if (fd.valid())
            return fd;
        if (errno != EAGAIN)
            break;
    }
    return call_error("openat2", quote(path));
}

/// The inode is known to be a regular file: opening it anew cannot block.
Result<Fd> open_regular(FdRef handle, const InsidePath& path) {
    const auto again = "/proc/self/fd/" + std::to_string(handle.value);
    Fd file(::open(again.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!file.valid())
        return system_error("open " + quote(path.text()) + " in the root file system");
    return file;
}

bool is_absent(const Error& error) {
    return error.sys == ENOENT || error.sys == ENOTDIR;
}

} // namespace

Result<RootDir> RootDir::open(FdRef base, const HostPath& path) {
    auto fd = GRAPNEL_TRY(open_in_root(base, path.text(), O_PATH | O_DIRECTORY));
    const auto found = GRAPNEL_TRY(sys::facts(fd.ref(), ""));
    return RootDir(std::move(fd), found.mount);
}

Result<Fd> RootDir::resolve(const InsidePath& path, std::uint64_t flags) const {
    return open_in_root(fd_.ref(), path.text(), flags);
}

Result<FdRef> RootDir::directory(const InsidePath& path) {
    if (const auto known = directories_.find(path); known != directories_.end())
        return known->second.ref();
    auto fd = GRAPNEL_TRY(resolve(path, O_PATH | O_DIRECTORY));
    return directories_.emplace(path, std::move(fd)).first->second.ref();
}

void RootDir::is_covered(const InsidePath& path) {
    std::erase_if(directories_, [&](const auto& known) {
        return known.first == path || known.first.text().starts_with(path.text() + "/");
    });
}

Result<FileFacts> RootDir::facts(const InsidePath& path) {
    const auto parent = GRAPNEL_TRY(directory(path.parent()));
    return sys::facts(parent, std::string(path.name()).c_str());
}

Result<std::optional<Fd>> RootDir::open_handle(const Result<Fd>& handle, const InsidePath& path) {
    using File = std::optional<Fd>;
    if (!handle && is_absent(handle.error()))
        return File();
    if (!handle)
        return handle.error();
    const auto found = GRAPNEL_TRY(sys::facts(handle->ref(), ""));
    if (found.type != FileFacts::Type::regular)
        return File();
    return File(GRAPNEL_TRY(open_regular(handle->ref(), path)));
}

Result<std::optional<Fd>> RootDir::open_file(const InsidePath& path) {
    return open_handle(resolve(path, O_PATH | O_NOFOLLOW), path);
}

Result<std::optional<std::string>> RootDir::read(const InsidePath& path, std::size_t limit) {
    using Text = std::optional<std::string>;
    const auto file = GRAPNEL_TRY(open_file(path));
    return file ? Text(GRAPNEL_TRY(read_all(file->ref(), limit, quote(path.text())))) : Text();
}

Result<std::optional<std::string>> RootDir::read_linked(const InsidePath& path, std::size_t limit) {
    using Text = std::optional<std::string>;
    auto handle = resolve(path, O_PATH | O_NOFOLLOW);
    if (handle && GRAPNEL_TRY(sys::facts(handle->ref(), "")).type == FileFacts::Type::link)
        handle = open_in_root(fd_.ref(), path.text(), O_PATH, RESOLVE_NO_XDEV);
    if (!handle && handle.error().sys == EXDEV)
        return Text();
    const auto file = GRAPNEL_TRY(open_handle(handle, path));
    return file ? Text(GRAPNEL_TRY(read_all(file->ref(), limit, quote(path.text())))) : Text();
}

Result<std::vector<std::string>> RootDir::list(const InsidePath& path) {
    const auto fd = GRAPNEL_TRY(resolve(path, O_RDONLY | O_DIRECTORY));
    return directory_names(fd.ref(), quote(path.text()));
}

} // namespace grapnel::sys
