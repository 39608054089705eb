// SPDX-License-Identifier: Apache-2.0
#include "apply/old_records.hpp"

#include "apply/claims.hpp"
#include "apply/cleanup.hpp"
#include "apply/cleanup_record.hpp"
#include "sys/file.hpp"

#include <cerrno>
#include <string_view>
#include <utility>

namespace grapnel::apply {

namespace {

constexpr std::string_view old_ending = ".json";

std::string old_name(const State& state) {
    return record_key(state) + std::string(old_ending);
}

Result<CleanupRecord> read_old_record(const RecordStore& store, const std::string& name) {
    constexpr std::size_t limit = std::size_t{16} << 20;
    const auto path = (store.path / "containers" / name).text();
    const auto text = GRAPNEL_TRY(sys::read_file_in(store.records.ref(), name, limit).note(path));
    return parse_old_record(text).note(path);
}

/// Only here all records are listed: old ones have no claims.
std::optional<std::pair<std::string, CleanupRecord>>
other_old_record(const RecordStore& store, const std::string& own, const HostPath& rootfs) {
    const auto names = sys::directory_names(store.records.ref(), "the records");
    if (!names)
        return std::nullopt;
    for (const auto& name : *names) {
        if (name == own || !name.ends_with(old_ending))
            continue;
        auto other = read_old_record(store, name);
        if (other && other->rootfs == rootfs)
            return std::pair(name, std::move(*other));
    }
    return std::nullopt;
}

Status undo_or_hand_over(const RecordStore& store, const std::string& name,
                         const CleanupRecord& record) {
    const auto claims = GRAPNEL_TRY(Claims::open(store, record.rootfs));
    const auto others = GRAPNEL_TRY(claims.others(""));
    if (others.in_use())
        return hand_over(store, others.living.front(), record.creations);
    if (auto other = other_old_record(store, name, record.rootfs)) {
        for (const auto& creation : record.creations)
            add_creation(other->second.creations, creation);
        return sys::replace_file(store.records.ref(), other->first, old_record_text(other->second),
                                 0600);
    }
    auto root = GRAPNEL_TRY(recorded_root(record));
    return root ? undo(*root, record.creations).status : Status();
}

} // namespace

Result<std::vector<sys::Creation>>
creations_of_old_record(const RecordStore& store, const State& state, const HostPath& rootfs) {
    auto record = read_old_record(store, old_name(state));
    if (!record && record.error().sys != 0 && record.error().sys != ENOENT)
        return record.error();
    return record && record->rootfs == rootfs ? std::move(record->creations)
                                              : std::vector<sys::Creation>();
}

void drop_old_record(const RecordStore& store, const State& state) {
    (void)sys::remove_file_in(store.records.ref(), old_name(state));
}

Status clean_up_old_record(const RecordStore& store, const State& state) {
    const auto name = old_name(state);
    const auto found = read_old_record(store, name);
    if (!found)
        return found.error().sys == ENOENT ? Status() : Status(found.error());
    const auto locked = GRAPNEL_TRY(lock_rootfs(store, found->rootfs));
    const auto record = read_old_record(store, name); // another's end may have added to it
    if (!record)
        return record.error().sys == ENOENT ? Status() : Status(record.error());
    GRAPNEL_TRY(undo_or_hand_over(store, name, *record));
    return sys::remove_file_in(store.records.ref(), name);
}

} // namespace grapnel::apply
