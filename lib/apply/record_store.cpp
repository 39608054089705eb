// SPDX-License-Identifier: Apache-2.0
#include "apply/record_store.hpp"

#include "base/format.hpp"
#include "sys/directory.hpp"
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
constexpr const char* records_name = "containers";

/// File systems in memory or on a disk of this machine.
constexpr std::array<std::string_view, 12> local_types{"bcachefs", "btrfs", "ext2",    "ext3",
                                                       "ext4",     "f2fs",  "overlay", "ramfs",
                                                       "rootfs",   "tmpfs", "xfs",     "zfs"};

bool holds(std::string_view mount_point, const HostPath& path) {
    const std::string_view text = path.text();
    return mount_point == "/"
           || (text.starts_with(mount_point) && text.substr(mount_point.size()).starts_with('/'));
}

} // namespace

HostPath RecordStore::lock_path() const {
    return path / lock_name;
}

HostPath RecordStore::record_path(const std::string& key) const {
    return path / records_name / record_name(key);
}

void restrict_files(confine::FileRules& rules, const RecordStore* store,
                    const AllowLog& allow_log) {
    rules.allow(host_path("/proc"), confine::FileAccess::read);
    if (store != nullptr)
        rules.allow(store->directory.ref(), confine::FileAccess::change);
    allow_log(rules);
    static_cast<void>(rules.enforce());
}

std::vector<HostPath> store_paths() {
    std::vector<HostPath> paths{host_path("/run/grapnel")};
    if (const auto own = sys::own_run_directory())
        paths.push_back(*own / "grapnel");
    return paths;
}

Result<RecordStore> open_record_store(const HostPath& path) {
    auto directory = GRAPNEL_TRY(sys::open_host_directory(path));
    auto records = GRAPNEL_TRY(sys::open_directory_in(directory.ref(), records_name));
    return RecordStore{
        .path = path, .directory = std::move(directory), .records = std::move(records)};
}

Result<RecordStore> make_record_store() {
    const auto make = [](const HostPath& path) -> Result<RecordStore> {
        auto directory = GRAPNEL_TRY(sys::make_host_directory(path));
        auto records =
            GRAPNEL_TRY(sys::make_directories_in(directory.ref(), records_name).note(path.text()));
        return RecordStore{
            .path = path, .directory = std::move(directory), .records = std::move(records)};
    };
    const auto paths = store_paths();
    auto made = make(paths.front());
    return made || paths.size() == 1 ? std::move(made) : make(paths.back());
}

std::string record_key(const State& state) {
    constexpr std::size_t longest = 200; // of a file name's 255 bytes
    const auto id =
        state.id.size() <= longest ? state.id : format_text("{:016x}", number_of(state.id));
    return format_text("{}-{:016x}", id, number_of(state.bundle.text()));
}

std::string record_name(const std::string& key) {
    return key + ".jsonl";
}

std::string claims_path(std::uint64_t rootfs_number) {
    const auto name = format_text("{:016x}", rootfs_number);
    return "roots/" + name.substr(0, 2) + "/" + name;
}

Result<sys::Fd> lock_rootfs(const RecordStore& store, const HostPath& rootfs, int time_limit_ms) {
    auto locked = GRAPNEL_TRY(
        sys::lock_part(store.directory.ref(), lock_name, number_of(rootfs.text()), time_limit_ms)
            .note(store.lock_path().text()));
    if (!locked)
        return Error{.kind = Error::Kind::system,
                     .what = "lock " + store.lock_path().text() + " for " + rootfs.text(),
                     .sys = EBUSY,
                     .cure =
                         "'fuser -v " + store.lock_path().text()
                         + "' names the processes that have it open; one of them holds the lock"};
    return std::move(*locked);
}

bool concerns(std::string_view mount_point, const HostPath& rootfs) {
    return mount_point == rootfs.text() || holds(mount_point, rootfs);
}

bool is_gone(const HostPath& rootfs, const std::vector<MountInfo>& mounts) {
    const bool can_tell = std::ranges::all_of(mounts, [&](const auto& mount) {
        if (mount.point == rootfs.text()) // in use
            return false;
        return !holds(mount.point, rootfs)
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
