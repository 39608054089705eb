// SPDX-License-Identifier: Apache-2.0
#include "apply/ldcache.hpp"

#include "apply/ld_cache_merge.hpp"
#include "elf/ld_cache.hpp"
#include "sys/host_fs.hpp"

#include <algorithm>
#include <cerrno>
#include <set>

namespace grapnel::apply {

namespace {

using sys::FileFacts;

constexpr std::uint32_t default_mode = 0644;
constexpr std::uint8_t little_endian = 2;

/// A read-only or immutable directory, something mounted on the file, or an image without a
/// directory /etc: the loader finds the libraries in its default directories.
bool keeps_its_cache(int sys) {
    switch (sys) {
    case EROFS:
    case EBUSY:
    case EPERM:
    case EACCES:
    case EISDIR:
    case ENOENT:
    case ENOTDIR:
    case ELOOP:
    case EEXIST: // the temporary name is taken
        return true;
    default:
        return false;
    }
}

std::string stem(const std::string& name) {
    return name.substr(0, name.find(".so"));
}

/// The names in the directory of the image's libcuda: its links, and the files without a link.
std::vector<DriverName> compat_names(const PlannedCompat& compat, sys::RootDir& root) {
    constexpr std::size_t most_names = 1024;
    auto names = root.list(compat.directory).value_or(std::vector<std::string>());
    std::erase_if(names, [](const auto& name) {
        return !name.starts_with("lib") || name.find(".so") == std::string::npos
               || !is_plain_name(name);
    });
    names.resize(std::min(names.size(), most_names));
    std::set<std::string> linked;
    std::vector<std::string> files;
    std::vector<DriverName> out;
    for (const auto& name : names) {
        const auto facts = root.facts(compat.directory / name);
        if (facts && facts->type == FileFacts::Type::regular)
            files.push_back(name);
        if (!facts || facts->type != FileFacts::Type::link)
            continue;
        linked.insert(stem(name));
        out.push_back({compat.directory / name});
    }
    for (const auto& name : files)
        if (!linked.contains(stem(name)))
            out.push_back({compat.directory / name});
    return out;
}

std::vector<DriverName> all_names(const Plan& plan, sys::RootDir& root) {
    std::vector<DriverName> names;
    if (plan.compat)
        names = compat_names(*plan.compat, root);
    std::ranges::move(driver_names(plan), std::back_inserter(names));
    return names;
}

/// The file into which the driver's entries are merged. Without ldconfig's that is the image's.
Result<std::string> base(const Plan& plan, const image::ImageCache& cache, const RunLdconfig& run,
                         Notices& notices) {
    const auto reason = reason_for_ldconfig(plan, cache);
    if (!reason)
        return cache.text;
    auto made = run();
    if (plan.ldcache == LdCache::ldconfig || (!made && sys::is_transient(made.error())))
        return made;
    notices.warn(made ? "ldconfig was run for ld.so.cache: " + *reason
                            + ": run it at the end of the image's build"
                      : "ld.so.cache can lack libraries of the image: " + *reason + ", and "
                            + made.error().text());
    return made ? std::move(made) : cache.text;
}

Result<std::string> merged(const std::string& text, const std::vector<DriverName>& names) {
    const bool counts = is_ld_cache(text);
    const auto parsed =
        counts ? GRAPNEL_TRY(parse_ld_cache(text)) : LdCacheFile{.byte_order = little_endian};
    if (!is_sorted(parsed))
        return refused("it is not sorted");
    return write_ld_cache(merge_driver(parsed, names));
}

Status replace(const image::ImageCache& cache, std::string_view text, sys::RootDir& root) {
    const auto path = inside_path("/etc/ld.so.cache");
    return cache.facts ? root.write_like(path, text, {*cache.facts, cache.file.ref()})
                       : root.write(path, text, default_mode);
}

std::string stays(const std::string& reason) {
    return "ld.so.cache stays as it is: " + reason;
}

} // namespace

bool updates_ldcache(const Plan& plan) {
    return plan.ldcache != LdCache::off && !plan.library_directories.empty();
}

std::optional<std::string> reason_for_ldconfig(const Plan& plan, const image::ImageCache& cache) {
    if (cache.fixed)
        return std::nullopt;
    if (plan.ldcache == LdCache::ldconfig)
        return "the setting ldcache";
    if (!cache.stale && !knows_driver_names(plan))
        return "the SONAMEs of this driver's libraries are not known";
    return cache.stale;
}

Status update_ldcache(const Plan& plan, const image::ImageCache& cache, const RunLdconfig& run,
                      sys::RootDir& root, Notices& notices) {
    if (cache.fixed) {
        notices.warn(*cache.fixed);
        return {};
    }
    const auto text = GRAPNEL_TRY(base(plan, cache, run, notices));
    const auto fresh = merged(text, all_names(plan, root));
    if (!fresh) {
        notices.warn(stays(fresh.error().text()));
        return {};
    }
    GRAPNEL_TRY(root.answers());
    if (*fresh == cache.text)
        return {};
    const auto written = replace(cache, *fresh, root);
    if (!written && !keeps_its_cache(written.error().sys))
        return written.error();
    if (!written)
        notices.warn(stays(written.error().text()));
    return {};
}

} // namespace grapnel::apply
