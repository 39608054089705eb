// SPDX-License-Identifier: Apache-2.0
#include "image/ld_conf.hpp"

#include "base/text.hpp"
#include "image/glob.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_set>
#include <utility>

namespace grapnel::image {

namespace {

constexpr std::size_t file_limit = 65536;
constexpr std::size_t pattern_limit = 1024;
constexpr auto wildcards = "*?[";

/// For everything that is read on behalf of one /etc/ld.so.conf.
struct Budget {
    std::size_t files = 256;
    std::size_t bytes = std::size_t{1} << 20;
    std::size_t names = 65536;
    std::size_t directories = 4096;
    std::size_t steps = std::size_t{1} << 24;
};

/// Takes as much as there is.
void spend(std::size_t& left, std::size_t amount) {
    left -= std::min(left, amount);
}

class Reader {
  public:
    explicit Reader(sys::RootDir& root) : root_(root) {}

    // a file includes a file: no deeper than there are files
    void file(const InsidePath& path) {
        if (path == compat_file()) {
            found.reads_compat_file = true;
            return;
        }
        if (left_.files == 0 || left_.bytes == 0 || !files_.insert(path).second)
            return;
        spend(left_.files, 1);
        const auto text = root_.read_linked(path, std::min(file_limit, left_.bytes));
        if (!text || !*text)
            return;
        spend(left_.bytes, (*text)->size());
        for (const auto whole : split(**text, '\n'))
            line(path, trim(whole.substr(0, whole.find('#'))));
    }

    LdConf found = {};

  private:
    void line(const InsidePath& path, std::string_view text) {
        constexpr std::string_view include = "include";
        if (text.starts_with(include) && text.size() > include.size()
            && (text[include.size()] == ' ' || text[include.size()] == '\t')) {
            for (const auto pattern : split(text.substr(include.size()), ' '))
                if (const auto name = trim(pattern); !name.empty())
                    glob(path, name);
            return;
        }
        // "directory=TYPE" is of libc5's time; "hwcap ..." is no directory
        const auto directory = std::string(trim(text.substr(0, text.find('='))));
        if (directory.starts_with('/') && left_.directories != 0
            && known_.insert(directory).second) {
            spend(left_.directories, 1);
            found.directories.push_back(directory);
        }
    }

    /// A pattern without a slash in front is relative to the file that it stands in. Wildcards
    /// count in the last component alone: in others an image could make them a search without
    /// end, and no distribution uses them.
    void glob(const InsidePath& including, std::string_view pattern) {
        if (pattern.size() > pattern_limit || left_.steps == 0)
            return;
        spend(left_.steps, pattern.size());
        const auto path = InsidePath::make(
            pattern.starts_with('/') ? std::string(pattern)
                                     : including.parent().text() + "/" + std::string(pattern));
        if (!path || path->parent().text().find_first_of(wildcards) != std::string::npos)
            return;
        if (path->name().find_first_of(wildcards) == std::string::npos)
            return file(*path);
        const auto directory = path->parent();
        if (directory == compat_file().parent()
            && fits_pattern(path->name(), compat_file().name(), left_.steps))
            found.reads_compat_file = true;
        for (const auto& name : names_in(directory))
            if (fits_pattern(path->name(), name, left_.steps) && is_plain_name(name))
                file(directory / name);
    }

    const std::vector<std::string>& names_in(const InsidePath& directory) {
        const auto [at, is_new] = lists_.try_emplace(directory);
        if (!is_new || left_.names == 0)
            return at->second;
        if (auto names = root_.list(directory))
            at->second = std::move(*names);
        spend(left_.names, std::max<std::size_t>(at->second.size(), 1));
        return at->second;
    }

    sys::RootDir& root_;
    Budget left_ = {};
    std::set<InsidePath> files_ = {};
    std::map<InsidePath, std::vector<std::string>> lists_ = {};
    // of the directories found: an image can name one of them millions of times
    std::unordered_set<std::string> known_ = {};
};

} // namespace

const InsidePath& compat_file() {
    static const auto path = inside_path("/etc/ld.so.conf.d/00-grapnel-compat.conf");
    return path;
}

LdConf read_ld_conf(sys::RootDir& root) {
    Reader reader(root);
    reader.file(inside_path("/etc/ld.so.conf"));
    return std::move(reader.found);
}

} // namespace grapnel::image
