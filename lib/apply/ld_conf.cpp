// SPDX-License-Identifier: Apache-2.0
#include "apply/ld_conf.hpp"

#include "base/text.hpp"

#include <fnmatch.h>
#include <set>
#include <unordered_set>
#include <utility>

namespace grapnel::apply {

namespace {

constexpr std::size_t most_files = 256;
constexpr std::size_t most_directories = 4096;
constexpr std::size_t file_limit = 65536;
constexpr auto wildcards = "*?[";

class Reader {
  public:
    explicit Reader(sys::RootDir& root) : root_(root) {}

    // a file includes a file: no deeper than there are files
    void file(const InsidePath& path) {
        if (path == compat_file()) {
            found.reads_compat_file = true;
            return;
        }
        if (files_.size() >= most_files || !files_.insert(path).second)
            return;
        const auto text = root_.read_linked(path, file_limit);
        if (!text || !*text)
            return;
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
        if (directory.starts_with('/') && found.directories.size() < most_directories
            && known_.insert(directory).second)
            found.directories.push_back(directory);
    }

    /// A pattern without a slash in front is relative to the file that it stands in. Wildcards
    /// count in the last component alone: in others an image could make them a search without
    /// end, and no distribution uses them.
    void glob(const InsidePath& including, std::string_view pattern) {
        const auto path = InsidePath::make(
            pattern.starts_with('/') ? std::string(pattern)
                                     : including.parent().text() + "/" + std::string(pattern));
        if (!path || path->parent().text().find_first_of(wildcards) != std::string::npos)
            return;
        if (path->name().find_first_of(wildcards) == std::string::npos)
            return file(*path);
        if (++listed_ > most_files)
            return;
        if (matches(*path, compat_file()))
            found.reads_compat_file = true;
        const auto names = root_.list(path->parent());
        if (!names)
            return;
        for (const auto& name : *names)
            if (is_plain_name(name) && matches(*path, path->parent() / name))
                file(path->parent() / name);
    }

    static bool matches(const InsidePath& pattern, const InsidePath& path) {
        const std::string last(pattern.name());
        const std::string name(path.name());
        return pattern.parent() == path.parent()
               && fnmatch(last.c_str(), name.c_str(), FNM_PERIOD) == 0;
    }

    sys::RootDir& root_;
    std::set<InsidePath> files_ = {};
    // of the directories found: an image can name one of them millions of times
    std::unordered_set<std::string> known_ = {};
    std::size_t listed_ = 0; ///< directories
};

} // namespace

const InsidePath& compat_file() {
    static const auto path = inside_path("/etc/ld.so.conf.d/00-grapnel-compat.conf");
    return path;
}

LdConf image_ld_conf(sys::RootDir& root) {
    Reader reader(root);
    reader.file(inside_path("/etc/ld.so.conf"));
    return std::move(reader.found);
}

} // namespace grapnel::apply
