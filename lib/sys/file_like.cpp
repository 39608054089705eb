// SPDX-License-Identifier: Apache-2.0
#include "sys/file_like.hpp"

#include "base/text.hpp"
#include "sys/directory.hpp"
#include "sys/file_rights.hpp"
#include "sys/process.hpp"

#include <algorithm>
#include <cstdio>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace grapnel::sys {

namespace {

constexpr std::uint32_t permissions = 0777; // no setuid bit for another content
constexpr std::string_view access_acl = "system.posix_acl_access";

bool is_copied(std::string_view attribute) {
    return attribute == "security.selinux" || attribute == access_acl
           || attribute.starts_with("user.");
}

/// The names of a file's attributes that are copied. Work is bounded: no more than 64 of them.
std::vector<std::string> copied_attributes(FdRef file) {
    constexpr std::size_t limit = 65536; // XATTR_LIST_MAX
    constexpr std::size_t most = 64;
    std::string list(limit, '\0');
    const auto size = flistxattr(file.value, list.data(), list.size());
    list.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
    std::vector<std::string> names;
    for (std::size_t at = 0, end = 0; names.size() < most; at = end + 1) {
        end = list.find('\0', at);
        if (end == std::string::npos)
            break;
        if (auto name = list.substr(at, end - at); is_copied(name))
            names.push_back(std::move(name));
    }
    return names;
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

Status make_like(FdRef directory, const std::string& name, std::string_view data,
                 const FileModel& model) {
    unlinkat(directory.value, name.c_str(), 0); // left by a hook that was killed
    const Fd file(openat(directory.value, name.c_str(),
                         O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!file.valid())
        return system_error("create " + quote(name));
    GRAPNEL_TRY(write_all(file.ref(), data, quote(name)));
    copy_attributes(model.file, file.ref());
    // last: an ACL changes the mode, and who may not write cannot set attributes
    if (fchmod(file.ref().value, model.facts.mode & permissions) != 0)
        return system_error("chmod " + quote(name));
    return {};
}

} // namespace

Status put_in_place(FdRef directory, const std::string& name, Former former) {
    const auto temporary = temporary_name(name);
    const auto at = directory.value;
    if (former == Former::aside
        && renameat2(at, temporary.c_str(), at, name.c_str(), RENAME_EXCHANGE) == 0)
        return {};
    if (renameat(at, temporary.c_str(), at, name.c_str()) == 0)
        return {};
    auto failed = system_error("rename onto " + quote(name));
    unlinkat(at, temporary.c_str(), 0);
    return failed;
}

Status replace_file_like(FdRef directory, const std::string& name, std::string_view data,
                         const FileModel& model, Former former) {
    const auto temporary = temporary_name(name);
    auto made = [&] {
        const CreatingAs as_owner(model.facts.owner);
        return make_like(directory, temporary, data, model);
    }();
    if (!made) // not every file system takes every owner
        made = make_like(directory, temporary, data, model);
    if (made)
        return put_in_place(directory, name, former);
    unlinkat(directory.value, temporary.c_str(), 0);
    return made;
}

Status take_rights(FdRef file, const FileFacts& model) {
    const auto own = GRAPNEL_TRY(facts(file, ""));
    // the owner first: a change of it takes bits of the mode away
    if (own.owner != model.owner && fchown(file.value, model.owner.user, model.owner.group) != 0)
        return system_error("chown");
    if (fchmod(file.value, model.mode & permissions) != 0)
        return system_error("chmod");
    return {};
}

void copy_attributes(FdRef from, FdRef to) {
    constexpr std::size_t limit = 65536; // XATTR_SIZE_MAX
    const auto names = copied_attributes(from);
    for (const auto& name : names) {
        std::string value(limit, '\0');
        const auto size = fgetxattr(from.value, name.c_str(), value.data(), value.size());
        if (size >= 0)
            (void)fsetxattr(to.value, name.c_str(), value.data(), static_cast<std::size_t>(size),
                            0);
    }
    if (std::ranges::find(names, access_acl) == names.end())
        (void)fremovexattr(to.value, access_acl.data()); // a default ACL of the directory
}

} // namespace grapnel::sys
