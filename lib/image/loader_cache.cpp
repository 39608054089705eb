// SPDX-License-Identifier: Apache-2.0
#include "image/loader_cache.hpp"

#include "base/text.hpp"
#include "elf/ld_cache.hpp"
#include "sys/host_fs.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <set>
#include <string_view>
#include <utility>

namespace grapnel::image {

namespace {

using Reason = std::optional<std::string>;

constexpr std::size_t cache_limit = std::size_t{64} << 20;
constexpr std::size_t most_directories = 4096;
constexpr std::size_t most_lists = 8;
constexpr std::size_t most_hwcaps = 64;
constexpr std::int64_t second = 1'000'000'000;
constexpr std::array trusted_directories{"/lib", "/usr/lib", "/lib64", "/usr/lib64"};

std::string_view directory_of(std::string_view path) {
    return path.substr(0, path.rfind('/'));
}

/// Layers of images keep whole seconds.
bool is_newer(std::int64_t one, std::int64_t other) {
    return one % second == 0 || other % second == 0 ? one / second > other / second : one > other;
}

/// A name that ldconfig looks at.
bool is_library_name(std::string_view name) {
    return (name.starts_with("lib") || name.starts_with("ld-"))
           && name.find(".so") != std::string_view::npos;
}

class Judge {
  public:
    Judge(sys::RootDir& root, std::uint64_t root_mount, std::optional<std::int64_t> made)
        : root_(root), mount_(root_mount), made_(made) {}

    /// `named` are the directories of the cache's entries.
    Reason judge(const LdConf& conf, const std::set<std::string_view>& named) {
        if (named.size() > most_directories)
            return "it names too many directories";
        if (made_)
            for (const auto* const directory : trusted_directories)
                if (auto reason = changed(directory))
                    return reason;
        // ld.so.conf can name the same directories by way of other links
        std::set<std::pair<std::uint64_t, std::uint64_t>> known;
        for (const auto directory : named) {
            if (auto reason = changed(directory))
                return reason;
            if (const auto& facts = facts_of(directory); facts && *facts)
                known.emplace((*facts)->device, (*facts)->inode);
        }
        for (const auto& directory : conf.directories) {
            const auto& facts = facts_of(directory);
            if (facts && *facts && known.contains({(*facts)->device, (*facts)->inode}))
                continue;
            if (auto reason = unnamed(directory))
                return reason;
        }
        return {};
    }

  private:
    using Facts = Result<std::optional<sys::FileFacts>>; ///< nothing: there is no such directory

    const Facts& facts_of(std::string_view text) {
        const auto known = facts_.find(text);
        return known != facts_.end() ? known->second
                                     : facts_.emplace(text, look_at(text)).first->second;
    }

    [[nodiscard]] Facts look_at(std::string_view text) const {
        const auto facts = root_.directory_facts(GRAPNEL_TRY(InsidePath::make(text)));
        if (!facts && (facts.error().sys == ENOENT || facts.error().sys == ENOTDIR))
            return std::optional<sys::FileFacts>(); // a loader passes over it
        return GRAPNEL_TRY(facts);
    }

    Reason changed(std::string_view text) {
        const auto& facts = facts_of(text);
        if (!facts)
            return facts.error().text();
        if (!*facts)
            return {};
        if ((*facts)->mount != mount_)
            return quote(text) + " is a volume";
        if (made_ && is_newer((*facts)->modified_ns, *made_))
            return quote(text) + " is newer";
        return changed_hwcaps(std::string(text));
    }

    Reason changed_hwcaps(const std::string& directory) {
        constexpr std::string_view ending = "/glibc-hwcaps";
        const auto hwcaps = directory + std::string(ending);
        if (directory.find(ending) != std::string::npos)
            return {};
        if (auto reason = changed(hwcaps))
            return reason;
        const auto& facts = facts_of(hwcaps);
        if (!facts || !*facts)
            return {};
        const auto names = list(hwcaps);
        if (names.size() > most_hwcaps)
            return quote(hwcaps) + " holds too many names";
        for (const auto& name : names)
            if (is_plain_name(name))
                if (auto reason = changed(hwcaps + "/" + name))
                    return reason;
        return {};
    }

    /// ld.so.conf can have got it after the cache was made.
    Reason unnamed(const std::string& text) {
        if (auto reason = changed(text))
            return reason;
        const auto& facts = facts_of(text);
        if (!facts || !*facts)
            return {};
        if (lists_ == most_lists)
            return "it does not name many directories of ld.so.conf";
        if (std::ranges::any_of(list(text), is_library_name))
            return "it lacks the libraries in " + quote(text);
        return {};
    }

    std::vector<std::string> list(const std::string& directory) {
        const auto path = InsidePath::make(directory);
        if (lists_ == most_lists || !path)
            return {};
        ++lists_;
        return root_.list(*path).value_or(std::vector<std::string>());
    }

    sys::RootDir& root_;
    std::uint64_t mount_;
    std::optional<std::int64_t> made_; ///< when the cache was written
    std::size_t lists_ = 0;
    std::map<std::string, Facts, std::less<>> facts_ = {};
};

Reason judge(const ImageCache& cache, const LdConf& conf, sys::RootDir& root, std::uint64_t mount) {
    if (!cache.facts)
        return Judge(root, mount, {}).judge(conf, {});
    const auto parsed = parse_ld_cache(cache.text);
    if (!parsed)
        return parsed.error().text();
    if (!is_sorted(*parsed))
        return "it is not sorted";
    std::set<std::string_view> named;
    std::string_view last;
    for (const auto& entry : parsed->entries)
        if (const auto directory = directory_of(entry.path); directory != last) {
            named.insert(directory);
            last = directory;
        }
    return Judge(root, mount, cache.facts->modified_ns).judge(conf, named);
}

std::string on_volume(const InsidePath& path) {
    return "ld.so.cache stays as it is: " + quote(path.text()) + " lies on a volume";
}

Result<ImageCache> read_cache(sys::RootDir& root, const InsidePath& path, std::uint64_t mount) {
    ImageCache cache;
    auto file = GRAPNEL_TRY(root.open_file(path));
    if (!file)
        return cache;
    cache.file = std::move(*file);
    cache.facts = GRAPNEL_TRY(sys::facts(cache.file.ref(), ""));
    if (cache.facts->mount != mount)
        cache.fixed = on_volume(path);
    else
        cache.text = GRAPNEL_TRY(sys::read_all(cache.file.ref(), cache_limit, quote(path.text())));
    return cache;
}

} // namespace

Result<ImageCache> look_at_cache(const LdConf& conf, sys::RootDir& root) {
    const auto path = inside_path("/etc/ld.so.cache");
    const auto own = GRAPNEL_TRY(sys::facts(root.ref(), ""));
    const auto etc = root.directory_facts(path.parent());
    GRAPNEL_TRY(root.answers());
    if (!etc)
        return ImageCache{.fixed = "the image has no /etc: no ld.so.cache is made"};
    if (etc->mount != own.mount)
        return ImageCache{.fixed = on_volume(path.parent())};
    auto cache = read_cache(root, path, own.mount);
    if (!cache && sys::is_without_answer(cache.error()))
        return cache;
    if (!cache)
        return ImageCache{.stale = cache.error().text()};
    if (!cache->fixed)
        cache->stale = judge(*cache, conf, root, own.mount);
    GRAPNEL_TRY(root.answers());
    return cache;
}

} // namespace grapnel::image
