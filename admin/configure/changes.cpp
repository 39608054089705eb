// SPDX-License-Identifier: Apache-2.0
#include "configure/changes.hpp"

#include "engines/diff.hpp"

#include <algorithm>
#include <cerrno>
#include <fmt/format.h>

namespace grapnel::configure_command {

namespace {

constexpr int most_backups = 1000;

HostPath backup_path(const HostPath& file, int number) {
    const auto ending = number == 1 ? "" : "." + std::to_string(number);
    return file.parent() / (std::string(file.name()) + ".grapnel-backup" + ending);
}

/// The newest, and the number that is free behind it.
struct Backups {
    std::optional<sys::ConfigFile> newest = {};
    int free = 1;
};

Result<Backups> find_backups(const HostPath& file) {
    Backups backups;
    for (; backups.free < most_backups; ++backups.free) {
        auto one = GRAPNEL_TRY(
            sys::ConfigFile::open(backup_path(file, backups.free), file_limit).note("backup"));
        if (!one.text())
            return backups;
        backups.newest = std::move(one);
    }
    return refused(file.text() + " has too many backups", "remove some");
}

/// Nothing if there is such a copy already.
Result<std::string> back_up(const sys::ConfigFile& file) {
    const auto backups = GRAPNEL_TRY(find_backups(file.path()));
    if (backups.newest && backups.newest->text() == file.text())
        return backups.newest->path().text();
    const auto path = backup_path(file.path(), backups.free);
    GRAPNEL_TRY(file.copy_to(std::string(path.name())));
    return path.text();
}

Result<std::string> carry_out(const Change& change) {
    const auto& path = change.file.path().text();
    if (!change.after) {
        GRAPNEL_TRY(change.file.remove());
        return "removed " + path + "\n";
    }
    std::string copy;
    if (change.back_up && change.file.text())
        copy = GRAPNEL_TRY(back_up(change.file));
    GRAPNEL_TRY(change.file.replace(*change.after, change.like));
    if (change.drop_back_up) {
        const auto backups = GRAPNEL_TRY(find_backups(change.file.path()));
        if (backups.newest && backups.newest->text() == change.after)
            GRAPNEL_TRY(backups.newest->remove());
    }
    return fmt::format("{} {}{}\n", change.file.text() ? "changed" : "made", path,
                       copy.empty() ? "" : " (as it was: " + copy + ")");
}

bool changes_file(const Change& change) {
    return change.file.text() != change.after;
}

} // namespace

Result<engines::Text> newest_backup(const HostPath& file) {
    const auto backups = GRAPNEL_TRY(find_backups(file));
    return backups.newest ? backups.newest->text() : engines::Text();
}

bool changes_anything(const std::vector<Change>& changes) {
    return std::ranges::any_of(changes, changes_file);
}

std::string shown(const std::vector<Change>& changes) {
    std::string out;
    for (const auto& change : changes)
        out += engines::unified_diff(change.file.path().text(), change.file.text(), change.after);
    return out;
}

Result<std::string> carry_out(const std::vector<Change>& changes) {
    std::string out;
    for (const auto& change : changes) {
        if (!changes_file(change))
            continue;
        auto done = carry_out(change);
        if (!done && (done.error().sys == EACCES || done.error().sys == EPERM))
            return std::move(done).cure("run this as root, or as the owner of the file");
        out += GRAPNEL_TRY(std::move(done));
    }
    return out;
}

} // namespace grapnel::configure_command
