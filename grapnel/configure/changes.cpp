// SPDX-License-Identifier: Apache-2.0
#include "configure/changes.hpp"

#include "base/format.hpp"
#include "engine_config/diff.hpp"

#include <algorithm>
#include <cerrno>

namespace grapnel::configure_command {

namespace {

constexpr int most_backups = 1000;

HostPath backup_path(const HostPath& file, int number) {
    const auto ending = number == 1 ? "" : "." + std::to_string(number);
    return file.parent() / (std::string(file.name()) + ".grapnel-backup" + ending);
}

/// The oldest first; they have the numbers from 1 on.
Result<std::vector<sys::ConfigFile>> find_backups(const HostPath& file) {
    std::vector<sys::ConfigFile> backups;
    for (int number = 1; number < most_backups; ++number) {
        auto one = GRAPNEL_TRY(
            sys::ConfigFile::open(backup_path(file, number), file_limit).note("backup"));
        if (!one.text())
            return backups;
        backups.push_back(std::move(one));
    }
    return refused(file.text() + " has too many backups", "remove some");
}

/// Nothing if there is such a copy already.
Result<std::string> back_up(const sys::ConfigFile& file) {
    const auto backups = GRAPNEL_TRY(find_backups(file.path()));
    if (!backups.empty() && backups.back().text() == file.text())
        return backups.back().path().text();
    const auto path = backup_path(file.path(), static_cast<int>(backups.size()) + 1);
    GRAPNEL_TRY(file.copy_to(std::string(path.name())));
    return path.text();
}

/// Backups to delete once the file equals one of them: that backup and all newer ones. All of them
/// if the file is gone again.
Status drop_backups(const Change& change) {
    auto backups = GRAPNEL_TRY(find_backups(change.file.path()));
    auto first = backups.begin();
    if (change.after) {
        const auto same = std::find_if(backups.rbegin(), backups.rend(),
                                       [&](const auto& one) { return one.text() == change.after; });
        first = same == backups.rend() ? backups.end() : same.base() - 1;
    }
    for (auto one = backups.end(); one != first;)
        GRAPNEL_TRY((--one)->remove()); // the newest first: their numbers have no gap
    return {};
}

Result<std::string> carry_out(const Change& change) {
    const auto& path = change.file.path().text();
    if (!change.after) {
        GRAPNEL_TRY(change.file.remove());
        if (change.drop_back_up)
            GRAPNEL_TRY(drop_backups(change));
        return "removed " + path + "\n";
    }
    std::string copy;
    if (change.back_up && change.file.text())
        copy = GRAPNEL_TRY(back_up(change.file));
    GRAPNEL_TRY(change.file.replace(*change.after, change.like));
    if (change.drop_back_up)
        GRAPNEL_TRY(drop_backups(change));
    return format_text("{} {}{}\n", change.file.text() ? "changed" : "made", path,
                       copy.empty() ? "" : " (as it was: " + copy + ")");
}

bool changes_file(const Change& change) {
    return change.file.text() != change.after;
}

} // namespace

Result<std::vector<engine_config::OtherFile>> backups_of(const HostPath& file) {
    const auto backups = GRAPNEL_TRY(find_backups(file));
    std::vector<engine_config::OtherFile> texts;
    for (const auto& one : backups)
        texts.push_back({.path = one.path().text(), .text = one.text().value_or("")});
    return texts;
}

bool changes_anything(const std::vector<Change>& changes) {
    return std::ranges::any_of(changes, changes_file);
}

std::string shown(const std::vector<Change>& changes) {
    std::string out;
    for (const auto& change : changes)
        out += engine_config::unified_diff(change.file.path().text(), change.file.text(),
                                           change.after);
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
