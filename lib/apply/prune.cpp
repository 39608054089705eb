// SPDX-License-Identifier: Apache-2.0
#include "apply/prune.hpp"

#include "apply/claims.hpp"
#include "apply/cleanup.hpp"
#include "base/text.hpp"
#include "sys/directory.hpp"

#include <algorithm>
#include <string>

namespace grapnel::apply {

namespace {

/// The claims on one root file system, if all of them are stale and it is gone.
void prune(const RecordStore& store, std::uint64_t number, const std::vector<MountInfo>& mounts) {
    const auto claims = Claims::open(store, number);
    const auto others = claims ? claims->others("") : Result<OtherClaims>(claims.error());
    if (!others || others->in_use() || others->stale.empty())
        return;
    const auto record = read_record(store, others->stale.front());
    if (!record || number_of(record->rootfs.text()) != number || !is_gone(record->rootfs, mounts))
        return;
    const auto locked = lock_rootfs(store, record->rootfs, 0);
    // no container has started there since
    const auto now = locked && is_gone(record->rootfs, mounts) ? claims->others("")
                                                               : Result<OtherClaims>(Error{});
    if (!now || now->in_use())
        return;
    for (const auto& key : now->stale)
        remove_record(store, *claims, key);
    claims->remove_if_empty(store);
}

} // namespace

void prune_stale_records(const RecordStore& store, const HostPath& rootfs,
                         const std::vector<MountInfo>& mounts) {
    constexpr std::size_t most = 4;
    const auto own = number_of(rootfs.text());
    const auto path = claims_path(own);
    const auto beside =
        sys::open_directory_in(store.directory.ref(), path.substr(0, path.rfind('/')));
    auto names =
        beside ? sys::first_names(beside->ref()) : Result<std::vector<std::string>>(Error{});
    if (!names || names->empty())
        return;
    std::rotate(names->begin(), names->begin() + static_cast<long>(own / 256 % names->size()),
                names->end());
    names->resize(std::min(most, names->size()));
    for (const auto& name : *names)
        if (const auto number = parse_number<std::uint64_t>(name, 16); number && *number != own)
            prune(store, *number, mounts);
}

} // namespace grapnel::apply
