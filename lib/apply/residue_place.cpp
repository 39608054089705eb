// SPDX-License-Identifier: Apache-2.0
#include "apply/residue_place.hpp"

#include "sys/file.hpp"
#include "sys/lock.hpp"
#include "sys/process.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace grapnel::apply {

namespace {

constexpr const char* lock_name = "containers.lock";

/// Those that answer out of memory or from a disk of this machine.
constexpr std::array<std::string_view, 12> local_types{"bcachefs", "btrfs", "ext2",    "ext3",
                                                       "ext4",     "f2fs",  "overlay", "ramfs",
                                                       "rootfs",   "tmpfs", "xfs",     "zfs"};

bool holds(const MountInfo& mount, const HostPath& path) {
    return mount.point == "/" || path.text().starts_with(mount.point + "/");
}

} // namespace

HostPath ResiduePlace::lock_path() const {
    return path.parent() / lock_name;
}

std::vector<HostPath> residue_paths() {
    std::vector<HostPath> paths{host_path("/run/grapnel/containers")};
    if (const auto own = sys::own_run_directory())
        paths.push_back(*own / "grapnel" / "containers");
    return paths;
}

Result<ResiduePlace> open_residue_place(const HostPath& path) {
    auto records = GRAPNEL_TRY(sys::open_host_directory(path));
    auto parent = GRAPNEL_TRY(sys::open_host_directory(path.parent()));
    return ResiduePlace{.path = path, .records = std::move(records), .parent = std::move(parent)};
}

Result<ResiduePlace> make_residue_place() {
    const auto make = [](const HostPath& path) -> Result<ResiduePlace> {
        if (auto records = sys::make_host_directory(path); !records)
            return std::move(records).error();
        return open_residue_place(path);
    };
    const auto paths = residue_paths();
    auto made = make(paths.front());
    return made || paths.size() == 1 ? std::move(made) : make(paths.back());
}

Result<sys::Fd> lock_rootfs(const ResiduePlace& place, const HostPath& rootfs, int time_limit_ms) {
    auto locked = GRAPNEL_TRY(
        sys::lock_part(place.parent.ref(), lock_name, number_of(rootfs.text()), time_limit_ms)
            .note(place.lock_path().text()));
    if (!locked)
        return Error{.kind = Error::Kind::system,
                     .what = "lock " + place.lock_path().text() + " for " + rootfs.text(),
                     .sys = EBUSY,
                     .cure = "'fuser -v " + place.lock_path().text()
                             + "' names the processes that have it open, of which one keeps it"};
    return std::move(*locked);
}

bool is_gone(const HostPath& rootfs, const std::vector<MountInfo>& mounts) {
    const bool can_tell = std::ranges::all_of(mounts, [&](const auto& mount) {
        if (mount.point == rootfs.text()) // in use
            return false;
        return !holds(mount, rootfs)
               || std::ranges::find(local_types, mount.type) != local_types.end();
    });
    return can_tell && sys::is_missing(rootfs);
}

std::uint64_t number_of(std::string_view text) {
    std::uint64_t hash = 14695981039346656037U;
    for (const char c : text)
        hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
    return hash;
}

} // namespace grapnel::apply
