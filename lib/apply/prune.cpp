// SPDX-License-Identifier: Apache-2.0
#include "apply/prune.hpp"

#include "apply/claims.hpp"
#include "apply/cleanup.hpp"
#include "base/text.hpp"
#include "sys/directory.hpp"
#include "sys/mount_list.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

namespace grapnel::apply {

namespace {

/// A root file system with stale claims alone.
struct Candidate {
    std::uint64_t number = 0;
    HostPath rootfs = {};
};

std::optional<Candidate> candidate(const RecordStore& store, std::uint64_t number) {
    const auto claims = Claims::open(store, number);
    const auto others = claims ? claims->others("") : Result<OtherClaims>(claims.error());
    if (!others || others->in_use() || others->stale.empty())
        return std::nullopt;
    const auto record = read_record(store, others->stale.front());
    if (!record || number_of(record->rootfs.text()) != number)
        return std::nullopt;
    return Candidate{.number = number, .rootfs = record->rootfs};
}

/// The claims on it, if it is gone.
void prune(const RecordStore& store, const Candidate& one, const std::vector<MountInfo>& mounts) {
    if (!is_gone(one.rootfs, mounts))
        return;
    const auto claims = Claims::open(store, one.number);
    const auto locked = lock_rootfs(store, one.rootfs, 0);
    // no container has started there since
    const auto now = claims && locked && is_gone(one.rootfs, mounts) ? claims->others("")
                                                                     : Result<OtherClaims>(Error{});
    if (!now || now->in_use())
        return;
    for (const auto& key : now->stale)
        (void)remove_record(store, *claims,
                            key); // as long as the claim is there, a later start can
    (void)claims->remove_if_empty(store);
}

} // namespace

void prune_stale_records(const RecordStore& store, const HostPath& rootfs) {
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
    std::vector<Candidate> candidates;
    for (const auto& name : *names)
        if (const auto number = parse_number<std::uint64_t>(name, 16); number && *number != own)
            if (auto one = candidate(store, *number))
                candidates.push_back(std::move(*one));
    if (candidates.empty())
        return;
    std::vector<MountInfo> mounts;
    const auto listed = sys::visit_own_mounts([&](const MountLine& mount) {
        const auto point = mount.point();
        if (std::ranges::any_of(candidates,
                                [&](const auto& one) { return concerns(point, one.rootfs); }))
            mounts.push_back(mount.info());
    });
    if (!listed)
        return;
    for (const auto& one : candidates)
        prune(store, one, mounts);
}

} // namespace grapnel::apply
