// SPDX-License-Identifier: Apache-2.0
#include "apply/claims.hpp"

#include "sys/directory.hpp"
#include "sys/file.hpp"
#include "sys/host_fs.hpp"

#include <cerrno>
#include <utility>

namespace grapnel::apply {

namespace {

/// A claim that names no process counts as living: nothing goes because of a doubt.
bool is_stale(const std::optional<sys::ProcessIdentity>& holder) {
    return holder && sys::has_ended(*holder);
}

Status unless_missing(Status done) {
    return !done && done.error().sys == ENOENT ? Status() : std::move(done);
}

} // namespace

Result<Claims> Claims::open(const RecordStore& store, const HostPath& rootfs) {
    return open(store, number_of(rootfs.text()));
}

Result<Claims> Claims::open(const RecordStore& store, std::uint64_t rootfs_number) {
    auto path = claims_path(rootfs_number);
    auto directory = sys::open_directory_in(store.directory.ref(), path);
    if (!directory && directory.error().sys == ENOENT)
        directory = sys::Fd();
    return Claims(GRAPNEL_TRY(std::move(directory).note(store.path.text())), std::move(path));
}

Result<OtherClaims> Claims::others(const std::string& own) const {
    OtherClaims found;
    if (!directory_.valid())
        return found;
    // from the beginning: a directory that was read to its end has no more names
    const auto again = GRAPNEL_TRY(sys::open_directory_in(directory_.ref(), "."));
    for (auto& key : GRAPNEL_TRY(sys::first_names(again.ref()))) {
        if (key == own)
            continue;
        auto& kind = is_stale(GRAPNEL_TRY(holder(key))) ? found.stale : found.living;
        kind.push_back(std::move(key));
    }
    return found;
}

Result<std::optional<sys::ProcessIdentity>> Claims::holder(const std::string& key) const {
    using Holder = std::optional<sys::ProcessIdentity>;
    if (!directory_.valid())
        return Holder();
    const auto target = sys::read_link_in(directory_.ref(), key);
    if (!target && sys::is_without_answer(target.error()))
        return target.error();
    return target ? sys::parse_process_identity(*target) : Holder();
}

Status Claims::add(const RecordStore& store, const std::string& key,
                   const sys::ProcessIdentity& holder) {
    directory_ = GRAPNEL_TRY(sys::make_directories_in(store.directory.ref(), path_));
    return sys::set_link_in(directory_.ref(), key, sys::to_text(holder));
}

Status Claims::remove(const std::string& key) const {
    return directory_.valid() ? unless_missing(sys::remove_file_in(directory_.ref(), key))
                              : Status();
}

Status Claims::remove_if_empty(const RecordStore& store) const {
    auto removed = sys::remove_directory_in(store.directory.ref(), path_);
    return !removed && removed.error().sys == ENOTEMPTY ? Status()
                                                        : unless_missing(std::move(removed));
}

} // namespace grapnel::apply
