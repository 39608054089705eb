// SPDX-License-Identifier: Apache-2.0
#include "apply/cleanup.hpp"

#include "apply/container.hpp"
#include "apply/old_records.hpp"
#include "confine/phase.hpp"
#include "sys/directory.hpp"
#include "sys/file.hpp"
#include "sys/host_fs.hpp"
#include "sys/process.hpp"
#include "sys/process_identity.hpp"

#include <algorithm>
#include <cerrno>
#include <optional>

namespace grapnel::apply {

namespace {

using Creations = std::vector<sys::Creation>;

/// The path leads to nothing, or to something else.
bool leads_nowhere(const Error& error) {
    return error.sys == 0 || error.sys == ENOENT || error.sys == ENOTDIR || error.sys == ELOOP;
}

/// Unless the record is of an earlier root file system at the same path.
Creations creations_in(const CleanupRecord& record, const RootIdentity& root) {
    return record.root && !record.root->is(root) ? Creations() : record.creations;
}

void add_all(Creations& creations, const Creations& more) {
    for (const auto& creation : more)
        add_creation(creations, creation);
}

/// No record, or a damaged one: of such nothing is known. Any other error may be so for a moment
/// only.
bool says_nothing(const Error& error) {
    return error.sys == 0 || error.sys == ENOENT;
}

Result<Creations> creations_of(const RecordStore& store, const std::vector<std::string>& keys,
                               const RootIdentity& root) {
    Creations creations;
    for (const auto& key : keys) {
        const auto record = read_record(store, key);
        if (!record && !says_nothing(record.error()))
            return record.error();
        if (record)
            add_all(creations, creations_in(*record, root));
    }
    return creations;
}

/// A container that is about to claim a root file system.
struct Claimant {
    std::string key = {};
    sys::ProcessIdentity process = {};
    HostPath rootfs = {};
    RootIdentity root = {};
    StartFacts start = {};
};

/// The records that earlier starts left for a root file system.
struct Former {
    bool in_use = false;                 ///< by another container, or by this one already
    bool own_goes_on = false;            ///< the container's own record is added to
    std::vector<std::string> stale = {}; ///< keys of the records of others that end here
    Creations creations = {};            ///< in these records and in this container's former one
};

Result<Former> find_former(const RecordStore& store, const Claims& claims, const State& state,
                           const Claimant& claimant) {
    const auto holder = GRAPNEL_TRY(claims.holder(claimant.key));
    auto others = GRAPNEL_TRY(claims.others(claimant.key));
    const bool own_lives = holder && (*holder == claimant.process || !sys::has_ended(*holder));
    Former former{.in_use = others.in_use() || own_lives, .stale = std::move(others.stale)};
    former.creations = GRAPNEL_TRY(creations_of(store, former.stale, claimant.root));
    const auto own = read_record(store, claimant.key);
    if (!own && !says_nothing(own.error()))
        return own.error();
    former.own_goes_on = own && former.in_use && own->root && own->root->is(claimant.root);
    if (own && !former.own_goes_on)
        add_all(former.creations, creations_in(*own, claimant.root));
    const auto old = GRAPNEL_TRY(creations_of_old_record(store, state, claimant.rootfs));
    former.in_use = former.in_use || !old.empty(); // that version knew no claims
    add_all(former.creations, old);
    return former;
}

/// Restoring a file uses a temporary name, which is recorded: this process can be killed as well.
void announce_to_record(const RecordStore& store, const std::string& key, sys::RootDir& root) {
    root.announce_to(
        [&store, key](const sys::Creation& planned) { return hand_over(store, key, {planned}); });
}

/// Returns the creations that stay on record: all of them where the root file system is in use,
/// else the ones that could not be removed.
Result<Creations> undo_unless_used(const RecordStore& store, const std::string& own,
                                   const Former& former, sys::RootDir& root) {
    if (former.in_use || former.creations.empty())
        return former.creations;
    GRAPNEL_TRY(confine::enter_phase(confine::Phase::clean_up));
    announce_to_record(store, former.stale.empty() ? own : former.stale.front(), root);
    auto undone = undo(root, former.creations);
    root.announce_to({});
    GRAPNEL_TRY(confine::enter_phase(confine::Phase::clone_sources));
    // a removal that fails now is for this container's end, and must not keep it from starting
    add_all(undone.skipped, undone.failed);
    return undone.skipped;
}

/// The record becomes one of these creations alone.
Status keep_on_record(const RecordStore& store, const std::string& key, const HostPath& rootfs,
                      const RootIdentity& root, const Creations& creations) {
    constexpr std::uint32_t owner_alone = 0600;
    return sys::replace_file(store.records.ref(), record_name(key),
                             header_line(rootfs, root) + creation_lines(creations), owner_alone);
}

/// The record goes last: poststop finds all else by it.
Status give_up(const RecordStore& store, const Claims& claims, const std::string& key) {
    GRAPNEL_TRY(claims.remove(key));
    GRAPNEL_TRY(claims.remove_if_empty(store));
    return remove_record(store, claims, key);
}

/// Removes stale records of other containers as well. The record stays, with the creations that
/// could not be removed.
Status undo_record(const RecordStore& store, const Claims& claims, const std::string& key,
                   const CleanupRecord& record, const OtherClaims& others) {
    auto root = GRAPNEL_TRY(recorded_root(record));
    Undone undone;
    if (root) {
        const auto identity = GRAPNEL_TRY(identity_of(*root));
        auto creations = GRAPNEL_TRY(creations_of(store, others.stale, identity));
        add_all(creations, record.creations);
        announce_to_record(store, key, *root);
        undone = undo(*root, creations); // a file that somebody else changed stays
        if (!undone.failed.empty())
            GRAPNEL_TRY(keep_on_record(store, key, record.rootfs, identity, undone.failed));
        for (const auto& stale : others.stale)
            GRAPNEL_TRY(remove_record(store, claims, stale));
    }
    if (undone.status)
        GRAPNEL_TRY(give_up(store, claims, key));
    return undone.status;
}

Status undo_or_hand_over(const RecordStore& store, const Claims& claims, const std::string& key,
                         const CleanupRecord& record) {
    const auto others = GRAPNEL_TRY(claims.others(key));
    if (!others.in_use())
        return undo_record(store, claims, key, record, others);
    GRAPNEL_TRY(hand_over(store, others.living.front(), record.creations));
    return give_up(store, claims, key);
}

/// Writes the container's record and claims the root file system, in this order: poststop finds a
/// claim by its record. Returns the record, open for later creations.
Result<sys::Fd> enter(const RecordStore& store, Claims& claims, const Claimant& claimant,
                      const Former& former, const Creations& kept) {
    const auto name = record_name(claimant.key);
    const auto path = store.record_path(claimant.key).text();
    auto start = claimant.start;
    if (start != StartFacts{})
        start.process = claimant.process;
    if (!former.own_goes_on)
        GRAPNEL_TRY(sys::overwrite(store.records.ref(), name,
                                   header_line(claimant.rootfs, claimant.root, start)
                                       + creation_lines(kept))
                        .note(path));
    auto record = GRAPNEL_TRY(sys::open_to_append(store.records.ref(), name).note(path));
    if (former.own_goes_on)
        GRAPNEL_TRY(sys::write_all(record.ref(), "\n" + creation_lines(kept), path));
    GRAPNEL_TRY(claims.add(store, claimant.key, claimant.process).note(store.path.text()));
    return record;
}

/// The root file system may never answer, so nobody is kept from the records of others meanwhile.
Status clean_up_in(const RecordStore& store, const State& state, const AllowLog& allow_log) {
    const auto key = record_key(state);
    const auto found = read_record(store, key, RecordPart::header);
    if (!found)
        return found.error().sys == ENOENT ? clean_up_old_record(store, state)
                                           : Status(found.error());
    confine::FileRules rules;
    rules.allow(found->rootfs, confine::FileAccess::change);
    restrict_files(rules, &store, allow_log);
    const auto locked = GRAPNEL_TRY(lock_rootfs(store, found->rootfs));
    // while this waited, another's end may have added to it
    const auto record = read_record(store, key);
    if (!record)
        return record.error().sys == ENOENT ? Status() : Status(record.error());
    if (record->rootfs != found->rootfs)
        return {}; // a later start's root file system, with another lock
    const auto claims = GRAPNEL_TRY(Claims::open(store, record->rootfs));
    GRAPNEL_TRY(undo_or_hand_over(store, claims, key, *record));
    return claims.remove_if_empty(store);
}

/// Whether a creation that could not be removed lies below that directory, which is not empty then.
bool holds_any(const InsidePath& directory, const std::vector<sys::Creation>& failed) {
    return std::ranges::any_of(failed, [&](const auto& creation) {
        return creation.path.text().starts_with(directory.text() + "/");
    });
}

/// Whether the former file of a creation that could not be removed has that name.
bool is_former_of_any(const InsidePath& path, const std::vector<sys::Creation>& failed) {
    return std::ranges::any_of(failed, [&](const auto& creation) {
        return creation.former_name == path.name() && creation.path.parent() == path.parent();
    });
}

/// With its newline. Empty lines before it are a part of it.
std::string_view first_line(std::string_view text) {
    const auto start = std::min(text.find_first_not_of('\n'), text.size());
    return text.substr(0, text.find('\n', start) + 1);
}

} // namespace

Undone undo(sys::RootDir& root, const std::vector<sys::Creation>& creations) {
    Undone undone;
    for (auto made = creations.rbegin(); made != creations.rend(); ++made) {
        const bool is_needed = is_former_of_any(made->path, undone.failed);
        auto removed = is_needed ? Result<bool>(false) : root.remove(*made);
        if (removed && *removed)
            continue;
        const bool is_ours = is_needed || !removed || holds_any(made->path, undone.failed);
        auto& left = is_ours ? undone.failed : undone.skipped;
        left.insert(left.begin(), *made);
        if (!removed && undone.status)
            undone.status = std::move(removed).error();
    }
    return undone;
}

Result<std::optional<sys::RootDir>> recorded_root(const CleanupRecord& record) {
    using Root = std::optional<sys::RootDir>;
    auto root = open_rootfs(record.rootfs);
    if (!root && leads_nowhere(root.error()))
        return Root();
    if (!root)
        return root.error();
    if (record.root && !GRAPNEL_TRY(identity_of(*root)).is(*record.root))
        return Root();
    return Root(std::move(*root));
}

Result<CleanupRecord> read_record(const RecordStore& store, const std::string& key,
                                  RecordPart part) {
    constexpr std::size_t limit = std::size_t{16} << 20;
    const auto path = store.record_path(key).text();
    const auto text =
        GRAPNEL_TRY(sys::read_file_in(store.records.ref(), record_name(key), limit).note(path));
    return parse_cleanup_record(part == RecordPart::header ? first_line(text) : text).note(path);
}

Status hand_over(const RecordStore& store, const std::string& heir,
                 const std::vector<sys::Creation>& creations) {
    if (creations.empty())
        return {};
    const auto path = store.record_path(heir).text();
    const auto record =
        GRAPNEL_TRY(sys::open_to_append(store.records.ref(), record_name(heir)).note(path));
    return sys::write_all(record.ref(), "\n" + creation_lines(creations), path);
}

Status remove_record(const RecordStore& store, const Claims& claims, const std::string& key) {
    auto removed = sys::remove_file_in(store.records.ref(), record_name(key));
    if (!removed && removed.error().sys != ENOENT)
        return removed;
    return claims.remove(key); // last: the next start finds a record by its claim
}

Result<Claim> Claim::make(const RecordStore& store, const State& state,
                          const sys::ProcessIdentity& process, const StartFacts& start,
                          const HostPath& rootfs, sys::RootDir& root) {
    const auto locked = GRAPNEL_TRY(lock_rootfs(store, rootfs));
    auto claims = GRAPNEL_TRY(Claims::open(store, rootfs));
    const Claimant claimant{.key = record_key(state),
                            .process = process,
                            .rootfs = rootfs,
                            .root = GRAPNEL_TRY(identity_of(root)),
                            .start = start};
    const auto former = GRAPNEL_TRY(find_former(store, claims, state, claimant));
    const auto kept = GRAPNEL_TRY(undo_unless_used(store, claimant.key, former, root));
    auto record = enter(store, claims, claimant, former, kept);
    if (!record && !former.own_goes_on && kept.empty())
        (void)give_up(store, claims, claimant.key); // the failure is the one to tell
    auto opened = GRAPNEL_TRY(std::move(record));
    for (const auto& key : former.stale)
        (void)remove_record(store, claims, key); // the next start finds it
    drop_old_record(store, state);
    return Claim(claimant.key, rootfs, std::move(opened));
}

Status Claim::note(const sys::Creation& planned) const {
    return sys::write_all(record_.ref(), creation_line(planned), "the cleanup record of " + key_);
}

void Claim::complete(const std::vector<sys::Creation>& made) const {
    if (!made.empty())
        (void)sys::write_all(record_.ref(), "\n" + creation_lines(made), key_);
}

Status Claim::release(const RecordStore& store) const {
    const auto locked = GRAPNEL_TRY(lock_rootfs(store, rootfs_));
    const auto claims = GRAPNEL_TRY(Claims::open(store, rootfs_));
    const auto record = GRAPNEL_TRY(read_record(store, key_));
    if (!record.creations.empty())
        return {};
    return give_up(store, claims, key_);
}

Status clean_up(const State& state, const AllowLog& allow_log) {
    for (const auto& path : store_paths()) {
        const auto store = open_record_store(path);
        if (store) {
            GRAPNEL_TRY(clean_up_in(*store, state, allow_log));
            continue;
        }
        const bool roots = store.error().sys == EACCES && sys::unprivileged_user();
        if (store.error().sys != ENOENT && !roots)
            return store.error();
    }
    return {};
}

} // namespace grapnel::apply
