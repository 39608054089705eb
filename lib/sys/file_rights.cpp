// SPDX-License-Identifier: Apache-2.0
#include "sys/file_rights.hpp"

#include "sys/capabilities.hpp"
#include "sys/privilege.hpp"
#include "sys/process.hpp"

#include <cerrno>
#include <cstdlib>
#include <sys/fsuid.h>
#include <unistd.h>

namespace grapnel::sys {

namespace {

Result<std::vector<std::uint32_t>> own_groups() {
    const int count = getgroups(0, nullptr);
    if (count < 0)
        return system_error("getgroups");
    std::vector<std::uint32_t> groups(static_cast<std::size_t>(count));
    if (count > 0 && getgroups(count, groups.data()) != count)
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
    Saved() = default;
    Saved(const Saved&) = delete;
    Saved& operator=(const Saved&) = delete;

    // each where it changes
    std::optional<EffectiveSet> effective = {};
    std::optional<FileOwner> owner = {};
    std::optional<std::vector<std::uint32_t>> groups = {};

    ~Saved() {
        if (effective)
            insist([&] { return exchange_effective(*effective).has_value(); });
        if (owner)
            create_files_as(*owner);
        if (groups)
            insist([&] { return set_groups(*groups).has_value(); });
    }
};

FileRights::FileRights(std::unique_ptr<Saved> saved) : saved_(std::move(saved)) {}
FileRights::FileRights(FileRights&&) noexcept = default;
FileRights::~FileRights() = default;

Result<FileRights> FileRights::of(const std::optional<FileUser>& user) {
    FileRights rights(std::make_unique<Saved>());
    auto& saved = *rights.saved_;
    if (user) {
        auto groups = GRAPNEL_TRY(own_groups());
        if (groups != user->groups) {
            GRAPNEL_TRY(set_groups(user->groups));
            saved.groups = std::move(groups);
        }
        const auto owner = file_owner();
        if (owner != user->owner) {
            saved.owner = owner;
            GRAPNEL_TRY(set_owner(user->owner));
        }
    }
    saved.effective = GRAPNEL_TRY(exchange_effective({}));
    return rights;
}

} // namespace grapnel::sys
