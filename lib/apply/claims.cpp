// SPDX-License-Identifier: Apache-2.0
#include "apply/claims.hpp"

#include "sys/directory.hpp"
#include "sys/file.hpp"

namespace grapnel::apply {

namespace {

/// A claim that cannot be read counts as living: nothing goes because of a doubt.
bool is_stale(const std::optional<sys::ProcessIdentity>& holder) {
    return holder && sys::has_ended(*holder);
}

} // namespace

Result<Claims> Claims::make(const RecordStore& store, const HostPath& rootfs) {
    auto path = claims_path(number_of(rootfs.text()));
    auto directory =
        GRAPNEL_TRY(sys::make_directories_in(store.directory.ref(), path).note(store.path.text()));
    return Claims(std::move(directory), std::move(path));
}

Result<Claims> Claims::open(const RecordStore& store, std::uint64_t rootfs_number) {
    auto path = claims_path(rootfs_number);
    auto directory =
        GRAPNEL_TRY(sys::open_directory_in(store.directory.ref(), path).note(store.path.text()));
    return Claims(std::move(directory), std::move(path));
}

Result<OtherClaims> Claims::others(const std::string& own) const {
    OtherClaims found;
    // from the beginning: a directory that was read to its end has no more names
    const auto again = GRAPNEL_TRY(sys::open_directory_in(directory_.ref(), "."));
    for (auto& key : GRAPNEL_TRY(sys::first_names(again.ref()))) {
        if (key == own)
            continue;
        auto& kind = is_stale(holder(key)) ? found.stale : found.living;
        kind.push_back(std::move(key));
    }
    return found;
}

std::optional<sys::ProcessIdentity> Claims::holder(const std::string& key) const {
    const auto target = sys::read_link_in(directory_.ref(), key);
    return target ? sys::parse_process_identity(*target) : std::nullopt;
}

Status Claims::add(const std::string& key, const sys::ProcessIdentity& holder) const {
    return sys::set_link_in(directory_.ref(), key, sys::to_text(holder));
}

void Claims::remove(const std::string& key) const {
    (void)sys::remove_file_in(directory_.ref(), key);
}

void Claims::remove_if_empty(const RecordStore& store) const {
    sys::remove_directory_in(store.directory.ref(), path_);
}

} // namespace grapnel::apply
