// SPDX-License-Identifier: Apache-2.0
#include "apply/peer_groups.hpp"

#include "base/text.hpp"
#include "sys/mount_list.hpp"
#include "sys/propagation.hpp"

#include <algorithm>
#include <utility>

namespace grapnel::apply {

namespace {

using sys::Propagation;

/// Such a place is not a volume: a runtime that binds the host's /proc does not share its mounts.
bool is_below_proc(const InsidePath& path) {
    return path.text().starts_with("/proc/");
}

Error shared_with_host(const InsidePath& inside, bool on_rootfs) {
    const auto leak = quote(inside.text()) + ": mounts there would be mounted on the host as well";
    if (on_rootfs)
        return refused(leak, "the root file system is shared with the host: make it private or "
                             "slave, as 'mount --make-rslave' does");
    return refused(leak, "the volume there is shared with the host: mount it private or slave");
}

} // namespace

PeerGroups::PeerGroups(const std::vector<std::uint64_t>& host, sys::RootDir& root)
    : host_groups_(host) {
    if (const auto facts = sys::facts(root.ref(), ""))
        root_mount_ = facts->mount;
    if (sys::mount_group(root.ref()))
        return;
    // most targets lie on one of these: pinned together, their mounts are listed once
    for (const auto* const path : {"/", "/dev", "/proc"}) {
        const auto directory = root.directory(inside_path(path));
        const auto facts =
            directory ? sys::facts(*directory, "") : Result<sys::FileFacts>(directory.error());
        if (facts)
            static_cast<void>(pin(*directory, facts->mount)); // else pinned when it is needed
    }
}

PeerGroups::~PeerGroups() {
    for (const auto& root : left_) // the runtime sets its own when the hooks have run
        static_cast<void>(sys::set_propagation(root.ref(), Propagation::shared));
}

Status PeerGroups::contain(sys::FdRef target, const sys::FileFacts& facts, sys::FdRef directory,
                           const InsidePath& inside) {
    if (contained_.contains(facts.mount))
        return {};
    if (const auto group = GRAPNEL_TRY(peer_group(target, facts.mount).note(inside.text()))) {
        if (std::ranges::binary_search(host_groups_, *group) && !is_below_proc(inside))
            return shared_with_host(inside, facts.mount == root_mount_);
        auto root =
            facts.mount_root ? sys::duplicate(target) : sys::mount_root(directory, facts.mount);
        left_.push_back(GRAPNEL_TRY(std::move(root).note(inside.text())));
        GRAPNEL_TRY(
            sys::set_propagation(left_.back().ref(), Propagation::slave).note(inside.text()));
    }
    contained_.insert(facts.mount);
    return {};
}

Status PeerGroups::pin(sys::FdRef fd, std::uint64_t mount) {
    if (!pins_.contains(mount))
        pins_.emplace(mount, GRAPNEL_TRY(sys::duplicate(fd)));
    return {};
}

Result<std::optional<std::uint64_t>> PeerGroups::peer_group(sys::FdRef target,
                                                            std::uint64_t mount) {
    if (const auto group = sys::mount_group(target))
        return group->id;
    if (!pins_.contains(mount)) {
        GRAPNEL_TRY(pin(target, mount));
        groups_.clear(); // this ID can have been another mount's then
    }
    if (groups_.empty())
        GRAPNEL_TRY(sys::visit_own_mounts([&](const MountLine& found) {
            if (pins_.contains(found.id))
                groups_.emplace(found.id, found.peer_group);
        }));
    const auto found = groups_.find(mount);
    if (found == groups_.end())
        return refused("its mount was taken away meanwhile", "start the container again");
    return found->second;
}

} // namespace grapnel::apply
