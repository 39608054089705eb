// SPDX-License-Identifier: Apache-2.0
#include "sys/root_dir.hpp"

#include "base/text.hpp"
#include "sys/kernel.hpp"
#include "sys/process.hpp"

#include <array>
#include <cerrno>
#include <climits>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace grapnel::sys {

namespace {

constexpr const char* read_only_cure =
    "give the container a writable root file system, or make these files and directories in the "
    "image beforehand";
/// EOVERFLOW: an overlay first copies the directory with its owner, who has no ID here.
constexpr const char* other_owner_cure =
    "where its directory is another user's, give the image to the user who starts the container";

Result<Fd> open_in_root(FdRef root, const std::string& path, std::uint64_t flags) {
    struct open_how how {};
    how.flags = flags | O_CLOEXEC;
    how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
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

std::optional<std::string> read_link(FdRef parent, const std::string& name) {
    std::array<char, PATH_MAX> target{};
    const auto length = readlinkat(parent.value, name.c_str(), target.data(), target.size());
    if (length < 0)
        return std::nullopt;
    return std::string(target.data(), static_cast<std::size_t>(length));
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

/// A link in the place of what is there, in one step.
Status replace_link(FdRef parent, const std::string& name, const std::string& target) {
    const auto temporary = "." + name + ".grapnel-" + std::to_string(getpid());
    unlinkat(parent.value, temporary.c_str(), 0); // left by a hook that was killed
    if (symlinkat(target.c_str(), parent.value, temporary.c_str()) != 0)
        return system_error("symlinkat");
    if (renameat(parent.value, temporary.c_str(), parent.value, name.c_str()) != 0) {
        auto failed = system_error("renameat");
        unlinkat(parent.value, temporary.c_str(), 0);
        return failed;
    }
    return {};
}

/// What was there before, in the place of what is: where it cannot be made, that stays.
bool put_back(FdRef parent, const std::string& name, const Creation& creation) {
    const auto make = [&]() -> Status {
        return creation.former_text
                   ? replace_file(parent, name, *creation.former_text, creation.former.mode & 0777)
                   : replace_link(parent, name, *creation.former_target);
    };
    create_files_as(creation.former.owner);
    const auto made = make();
    create_files_as({});
    return made || make(); // not every file system takes every owner
}

/// A mount point is empty, and what is mounted on it can be used. What has content is
/// somebody else's once it was written to.
bool is_as_made(const FileFacts& now, const FileFacts& then) {
    if (now.type != then.type || now.inode != then.inode || now.device != then.device)
        return false;
    if (then.type == FileFacts::Type::directory)
        return true;
    const bool has_time = then.type == FileFacts::Type::regular && then.size != 0;
    return now.size == then.size && (!has_time || now.modified_ns == then.modified_ns);
}

Error create_error(const InsidePath& path) {
    auto error = system_error("create " + quote(path.text()) + " in the root file system");
    if (error.sys == EROFS)
        error.cure = read_only_cure;
    if (error.sys == EACCES || error.sys == EOVERFLOW)
        error.cure = other_owner_cure;
    return error;
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

Status RootDir::record(FdRef parent, Creation made) {
    const std::string name(made.path.name());
    made.facts = GRAPNEL_TRY(sys::facts(parent, name.c_str()));
    if (made.facts.mount == mount_)
        creations_.push_back(std::move(made));
    return {};
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

Result<FdRef> RootDir::make_directory(const InsidePath& path) {
    auto existing = directory(path);
    if (existing || existing.error().sys != ENOENT)
        return existing;
    const auto parent = GRAPNEL_TRY(make_directory(path.parent()));
    const std::string name(path.name());
    if (mkdirat(parent.value, name.c_str(), 0755) != 0)
        return create_error(path); // EEXIST is a link to nowhere, or a rival in the container
    GRAPNEL_TRY(record(parent, {.path = path}));
    Fd fd(openat(parent.value, name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd.valid())
        return create_error(path);
    return directories_.emplace(path, std::move(fd)).first->second.ref();
}

Result<FileFacts> RootDir::facts(const InsidePath& path) {
    const auto parent = GRAPNEL_TRY(directory(path.parent()));
    return sys::facts(parent, std::string(path.name()).c_str());
}

Result<Fd> RootDir::make_mount_point(FdRef parent, const Creation& made, bool directory) {
    const auto& path = made.path;
    const std::string name(path.name());
    if (directory && mkdirat(parent.value, name.c_str(), 0755) != 0)
        return create_error(path);
    const int flags = directory ? O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
                                : O_CREAT | O_EXCL | O_RDONLY | O_NOFOLLOW | O_CLOEXEC;
    Fd fd(openat(parent.value, name.c_str(), flags, 0644));
    if (!fd.valid())
        return create_error(path);
    GRAPNEL_TRY(record(parent, made));
    return fd;
}

Result<Fd> RootDir::mount_point(const InsidePath& path, bool directory) {
    const auto parent = GRAPNEL_TRY(make_directory(path.parent()));
    const std::string name(path.name());
    auto made = make_mount_point(parent, {.path = path}, directory);
    if (made || (made.error().sys != EEXIST && made.error().sys != EROFS))
        return made;
    Fd fd(openat(parent.value, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!fd.valid())
        return made; // nothing there, and nothing can be made
    const auto found = GRAPNEL_TRY(sys::facts(fd.ref(), ""));
    if (found.type == FileFacts::Type::link && found.mount != mount_)
        return fd;
    if (found.type == FileFacts::Type::link) {
        auto former = read_link(parent, name);
        if (unlinkat(parent.value, name.c_str(), 0) != 0)
            return system_error("replace the link " + quote(path.text())
                                + " in the root file system");
        return make_mount_point(
            parent, {.path = path, .former_target = std::move(former), .former = found}, directory);
    }
    if ((found.type == FileFacts::Type::directory) != directory)
        return refused(quote(path.text()) + " in the root file system is "
                           + (directory ? "no directory" : "a directory"),
                       "the driver puts its own there: remove it from the image");
    return fd;
}

Result<bool> RootDir::link(const InsidePath& path, const std::string& target) {
    const auto parent = GRAPNEL_TRY(make_directory(path.parent()));
    const std::string name(path.name());
    if (symlinkat(target.c_str(), parent.value, name.c_str()) == 0) {
        GRAPNEL_TRY(record(parent, {.path = path}));
        return true;
    }
    if (errno != EEXIST && errno != EROFS)
        return create_error(path);
    const auto error = create_error(path);
    auto former = read_link(parent, name);
    if (!former)
        return error.sys == EROFS ? Result<bool>(error) : Result<bool>(false);
    if (*former == target)
        return true;
    if (GRAPNEL_TRY(sys::facts(parent, "")).mount != mount_)
        return false;
    const auto replaced = GRAPNEL_TRY(sys::facts(parent, name.c_str()));
    if (const auto done = replace_link(parent, name, target); !done) {
        errno = done.error().sys;
        return create_error(path);
    }
    GRAPNEL_TRY(
        record(parent, {.path = path, .former_target = std::move(former), .former = replaced}));
    return true;
}

Result<std::optional<std::string>> RootDir::read(const InsidePath& path, std::size_t limit) {
    using Text = std::optional<std::string>;
    auto handle = resolve(path, O_PATH);
    if (!handle && is_absent(handle.error()))
        return Text();
    if (!handle)
        return handle.error();
    const auto found = GRAPNEL_TRY(sys::facts(handle->ref(), ""));
    if (found.type != FileFacts::Type::regular)
        return Text();
    const auto file = GRAPNEL_TRY(open_regular(handle->ref(), path));
    return Text(GRAPNEL_TRY(read_all(file.ref(), limit, quote(path.text()))));
}

Result<std::optional<Fd>> RootDir::open_file(const InsidePath& path) {
    using File = std::optional<Fd>;
    const auto handle = resolve(path, O_PATH | O_NOFOLLOW);
    if (!handle && is_absent(handle.error()))
        return File();
    if (!handle)
        return handle.error();
    const auto found = GRAPNEL_TRY(sys::facts(handle->ref(), ""));
    if (found.type != FileFacts::Type::regular)
        return File();
    return File(GRAPNEL_TRY(open_regular(handle->ref(), path)));
}

Result<std::vector<std::string>> RootDir::list(const InsidePath& path) {
    const auto fd = GRAPNEL_TRY(resolve(path, O_RDONLY | O_DIRECTORY));
    return directory_names(fd.ref(), quote(path.text()));
}

Status RootDir::write(const InsidePath& path, std::string_view data, std::uint32_t mode) {
    const auto parent = GRAPNEL_TRY(directory(path.parent()));
    return replace_file(parent, std::string(path.name()), data, mode);
}

Status RootDir::put_file(const InsidePath& path, const std::string& text) {
    constexpr std::size_t former_limit = 65536;
    const auto parent = GRAPNEL_TRY(make_directory(path.parent()));
    if (GRAPNEL_TRY(sys::facts(parent, "")).mount != mount_)
        return refused(quote(path.text()) + " lies on a volume");
    Creation made{.path = path};
    // read by one descriptor: a link in its place would be followed to another file
    if (const auto there = GRAPNEL_TRY(open_file(path))) {
        made.former = GRAPNEL_TRY(sys::facts(there->ref(), ""));
        made.former_text = GRAPNEL_TRY(read_all(there->ref(), former_limit, quote(path.text())));
    }
    if (made.former_text ? made.former.mount != mount_ : facts(path).has_value())
        return refused(quote(path.text()) + " in the root file system is no regular file");
    if (made.former_text == text)
        return {};
    auto written = write(path, text, 0644);
    if (!written && written.error().sys == EROFS)
        return refused(quote(path.text()) + " cannot be written: the root file system is read-only",
                       read_only_cure);
    if (!written)
        return written;
    return record(parent, std::move(made));
}

bool RootDir::remove(const Creation& creation) {
    const auto parent = directory(creation.path.parent());
    if (!parent)
        return false;
    const std::string name(creation.path.name());
    const auto now = sys::facts(*parent, name.c_str());
    if (!now || !is_as_made(*now, creation.facts))
        return false;
    const bool directory = now->type == FileFacts::Type::directory;
    // a directory goes only if it is empty: the kernel sees to that
    if ((directory || !creation.has_former())
        && unlinkat(parent->value, name.c_str(), directory ? AT_REMOVEDIR : 0) != 0)
        return false;
    directories_.erase(creation.path);
    return !creation.has_former() || put_back(*parent, name, creation);
}

} // namespace grapnel::sys
