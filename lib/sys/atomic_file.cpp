// SPDX-License-Identifier: Apache-2.0
#include "sys/atomic_file.hpp"

#include "base/text.hpp"
#include "sys/file_like.hpp"

#include <cerrno>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace grapnel::sys {

namespace {

Result<bool> is_named(FdRef directory, const std::string& name, FdRef fd) {
    const auto held = GRAPNEL_TRY(facts(fd, ""));
    const auto named = facts(directory, name.c_str());
    if (!named && named.error().sys != ENOENT)
        return named.error();
    return named && named->id() == held.id();
}

/// Whoever makes a temporary file has a lock on it: without one it was left. A link is not
/// followed: it goes.
Status remove_left(FdRef directory, const std::string& name, const std::string& path) {
    const Fd left(
        openat(directory.value, name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
    if (!left.valid() && errno == ENOENT)
        return {};
    const bool is_link = !left.valid() && errno == ELOOP;
    if (!left.valid() && !is_link)
        return system_error("open " + quote(name) + " beside " + path, "remove it");
    if (left.valid() && flock(left.ref().value, LOCK_EX | LOCK_NB) != 0)
        return changed_meanwhile(path);
    if (is_link || GRAPNEL_TRY(is_named(directory, name, left.ref())))
        unlinkat(directory.value, name.c_str(), 0);
    return {};
}

/// A new file of that name that no other process takes away, as long as it is open.
Result<Fd> make_locked(FdRef directory, const std::string& name, const std::string& doing,
                       const std::string& path) {
    GRAPNEL_TRY(remove_left(directory, name, path));
    Fd fd(openat(directory.value, name.c_str(),
                 O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd.valid() && errno == EEXIST)
        return changed_meanwhile(path);
    if (!fd.valid())
        return system_error(doing + path, cure_for_writing(errno));
    // another process can have found it before it had its lock
    const bool locked = flock(fd.ref().value, LOCK_EX | LOCK_NB) == 0;
    if (!locked && errno == EWOULDBLOCK)
        return changed_meanwhile(path);
    const auto named =
        locked ? is_named(directory, name, fd.ref()) : Result<bool>(system_error("flock " + path));
    if (named && !*named)
        return changed_meanwhile(path);
    if (named)
        return fd;
    unlinkat(directory.value, name.c_str(), 0);
    return named.error();
}

Status fill(FdRef file, std::string_view text, const FileFacts& model, FdRef attributes,
            const std::string& path) {
    GRAPNEL_TRY(write_all(file, text, path));
    GRAPNEL_TRY(
        take_rights(file, model).note(path).cure("run this as the file's owner or as root"));
    if (attributes.value >= 0)
        copy_attributes(attributes, file);
    return {};
}

} // namespace

Error changed_meanwhile(const std::string& path) {
    return refused(path + " was changed by somebody else just now", "try again");
}

Result<AtomicFile> AtomicFile::write(FdRef directory, const std::string& name,
                                     std::string_view text, const FileFacts& model,
                                     FdRef attributes, const std::string& path, bool name_is_free) {
    const auto temporary = "." + name + ".grapnel-new";
    AtomicFile file(directory, temporary, path,
                    GRAPNEL_TRY(make_locked(directory, temporary,
                                            name_is_free ? "create " : "replace ", path)));
    auto filled = fill(file.file_.ref(), text, model, attributes, path);
    if (!filled) {
        const auto cure = cure_for_writing(filled.error().sys);
        return std::move(filled).cure(cure).error();
    }
    return file;
}

AtomicFile::~AtomicFile() {
    if (file_.valid())
        unlinkat(directory_.value, temporary_.c_str(), 0);
}

Status AtomicFile::flush() const {
    if (fsync(file_.ref().value) != 0)
        return system_error("fsync " + path_);
    return {};
}

Status AtomicFile::replace(const std::string& name) {
    if (renameat(directory_.value, temporary_.c_str(), directory_.value, name.c_str()) != 0)
        return system_error("replace " + path_, cure_for_writing(errno));
    file_ = Fd();
    return {};
}

Status AtomicFile::add(const std::string& name) const {
    if (linkat(directory_.value, temporary_.c_str(), directory_.value, name.c_str(), 0) == 0)
        return {}; // the destructor removes the temporary name
    return errno == EEXIST ? changed_meanwhile(path_) : system_error("create " + path_);
}

} // namespace grapnel::sys
