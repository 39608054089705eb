// SPDX-License-Identifier: Apache-2.0
#include "sys/file_rights.hpp"

#include "sys/privilege.hpp"
#include "sys/process.hpp"

#include <cerrno>
#include <cstdlib>
#include <sys/capability.h>
#include <sys/fsuid.h>
#include <unistd.h>

namespace grapnel::sys {

namespace {

struct FreeCaps {
    void operator()(cap_t caps) const { cap_free(caps); }
};
using Caps = std::unique_ptr<std::remove_pointer_t<cap_t>, FreeCaps>;

Result<std::vector<std::uint32_t>> own_groups() {
    const int count = getgroups(0, nullptr);
    if (count < 0)
        return system_error("getgroups");
    std::vector<std::uint32_t> groups(static_cast<std::size_t>(count));
    if (getgroups(count, groups.data()) != count)
        return system_error("getgroups");
    return groups;
}

Status set_owner(const FileOwner& owner) {
    create_files_as(owner);
    if (file_owner() == owner)
        return {};
    errno = EPERM;
    return system_error("act as user " + std::to_string(owner.user) + " and group "
                        + std::to_string(owner.group));
}

/// A lack of memory, which passes, is the only reason why this process could not restore its own
/// IDs. With wrong IDs it must not go on.
template <typename Call>
void insist(const Call& call) {
    constexpr int most = 3;
    for (int i = 0; i < most; ++i)
        if (call())
            return;
    std::abort();
}

} // namespace

/// setfsuid(2) returns the ID before, and an impossible one changes nothing.
FileOwner file_owner() {
    constexpr auto impossible = static_cast<uid_t>(-1);
    return {.user = static_cast<std::uint32_t>(setfsuid(impossible)),
            .group = static_cast<std::uint32_t>(setfsgid(impossible))};
}

struct FileRights::Saved {
    Saved(Caps capabilities, FileOwner present) : caps(std::move(capabilities)), owner(present) {}
    Saved(const Saved&) = delete;
    Saved& operator=(const Saved&) = delete;

    Caps caps;
    FileOwner owner;
    std::optional<std::vector<std::uint32_t>> groups = {}; ///< where they change

    ~Saved() {
        insist([&] { return cap_set_proc(caps.get()) == 0; });
        create_files_as(owner);
        if (groups)
            insist([&] { return set_groups(*groups).has_value(); });
    }
};

FileRights::FileRights(std::unique_ptr<Saved> saved) : saved_(std::move(saved)) {}
FileRights::FileRights(FileRights&&) noexcept = default;
FileRights::~FileRights() = default;

Result<FileRights> FileRights::of(const std::optional<FileUser>& user) {
    Caps caps(cap_get_proc());
    const Caps none(caps ? cap_dup(caps.get()) : nullptr);
    if (!none || cap_clear_flag(none.get(), CAP_EFFECTIVE) != 0)
        return system_error("cap_get_proc");
    FileRights rights(std::make_unique<Saved>(std::move(caps), file_owner()));
    if (user) {
        auto groups = GRAPNEL_TRY(own_groups());
        if (groups != user->groups) {
            GRAPNEL_TRY(set_groups(user->groups));
            rights.saved_->groups = std::move(groups);
        }
        GRAPNEL_TRY(set_owner(user->owner));
    }
    if (cap_set_proc(none.get()) != 0)
        return system_error("cap_set_proc");
    return rights;
}

} // namespace grapnel::sys
