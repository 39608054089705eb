// SPDX-License-Identifier: Apache-2.0
#include "sys/file_like.hpp"

#include "base/text.hpp"
#include "sys/directory.hpp"
#include "sys/file_rights.hpp"
#include "sys/process.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

namespace grapnel::sys {

namespace {

constexpr const char* attribute = "security.selinux";

/// A regular file need not be open for reading to have its label looked at.
Fd open_handle(FdRef directory, const std::string& name) {
    return Fd(openat(directory.value, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
}

std::string path_of(const Fd& file) {
    return "/proc/self/fd/" + std::to_string(file.ref().value);
}

void copy_label(FdRef directory, const std::string& from, const std::string& to) {
    std::array<char, 4096> label{};
    const auto old = open_handle(directory, from);
    const auto size = getxattr(path_of(old).c_str(), attribute, label.data(), label.size());
    if (size > 0)
        (void)setxattr(path_of(open_handle(directory, to)).c_str(), attribute, label.data(),
                       static_cast<std::size_t>(size), 0);
}

Status make(FdRef directory, const std::string& name, std::string_view data, std::uint32_t mode) {
    unlinkat(directory.value, name.c_str(), 0); // left by a hook that was killed
    return make_file(directory, name, data, mode);
}

/// For as long as it lives, files are created as `owner`.
class CreatingAs {
  public:
    explicit CreatingAs(const FileOwner& owner) { create_files_as(owner); }
    CreatingAs(const CreatingAs&) = delete;
    CreatingAs& operator=(const CreatingAs&) = delete;
    ~CreatingAs() { create_files_as(usual_); }

  private:
    FileOwner usual_ = file_owner();
};

} // namespace

Status replace_file_like(FdRef directory, const std::string& name, std::string_view data,
                         const FileFacts& model) {
    const auto temporary = temporary_name(name);
    const auto mode = model.mode & 0777;
    auto made = [&] {
        const CreatingAs as_owner(model.owner);
        return make(directory, temporary, data, mode);
    }();
    if (!made) // not every file system takes every owner
        made = make(directory, temporary, data, mode);
    if (made)
        copy_label(directory, name, temporary);
    if (made && renameat(directory.value, temporary.c_str(), directory.value, name.c_str()) != 0)
        made = system_error("rename onto " + quote(name));
    if (!made)
        unlinkat(directory.value, temporary.c_str(), 0);
    return made;
}

Status take_rights(FdRef file, const FileFacts& model) {
    constexpr std::uint32_t permissions = 0777;
    const auto own = GRAPNEL_TRY(facts(file, ""));
    // the owner first: a change of it takes bits of the mode away
    if (own.owner != model.owner && fchown(file.value, model.owner.user, model.owner.group) != 0)
        return system_error("chown");
    if (fchmod(file.value, model.mode & permissions) != 0)
        return system_error("chmod");
    return {};
}

void copy_access_attributes(FdRef from, FdRef to) {
    constexpr std::size_t limit = 65536;
    constexpr const char* acl = "system.posix_acl_access";
    for (const auto* const name : {attribute, acl}) {
        std::string value(limit, '\0');
        const auto size = fgetxattr(from.value, name, value.data(), value.size());
        if (size > 0)
            (void)fsetxattr(to.value, name, value.data(), static_cast<std::size_t>(size), 0);
        else if (size < 0 && errno == ENODATA && name == acl)
            (void)fremovexattr(to.value, name); // a default ACL of the directory
    }
}

} // namespace grapnel::sys
