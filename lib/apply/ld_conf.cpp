// SPDX-License-Identifier: Apache-2.0
#include "apply/ld_conf.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <fnmatch.h>
#include <set>

namespace grapnel::apply {

namespace {

constexpr std::size_t most_files = 256;
constexpr std::size_t most_directories = 4096;
constexpr std::size_t file_limit = 65536;

class Reader {
  public:
    explicit Reader(sys::RootDir& root) : root_(root) {}

    void file(const InsidePath& path) {
        if (files_.size() >= most_files || !files_.insert(path).second)
            return;
        const auto text = root_.read(path, file_limit);
        if (!text || !*text)
            return;
        for (const auto whole : split(**text, '\n'))
            line(path, trim(whole.substr(0, whole.find('#'))));
    }

    std::vector<std::string> directories = {};

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
        if (directory.starts_with('/') && directories.size() < most_directories
            && std::ranges::find(directories, directory) == directories.end())
            directories.push_back(directory);
    }

    /// A pattern without a slash in front is relative to the file that it stands in.
    void glob(const InsidePath& including, std::string_view pattern) {
        const auto absolute = pattern.starts_with('/')
                                  ? std::string(pattern)
                                  : including.parent().text() + "/" + std::string(pattern);
        const auto parts = split(std::string_view(absolute).substr(1), '/');
        matches(inside_path("/"), parts, 0);
    }

    void matches(const InsidePath& directory, const std::vector<std::string_view>& parts,
                 std::size_t at) {
        const std::string part(parts[at]);
        const bool last = at + 1 == parts.size();
        std::vector<std::string> names;
        if (part.find_first_of("*?[") == std::string::npos) {
            names.push_back(part);
        } else if (auto listed = root_.list(directory)) {
            names = std::move(*listed);
            std::erase_if(names, [&](const auto& name) {
                return fnmatch(part.c_str(), name.c_str(), FNM_PERIOD) != 0;
            });
        }
        for (const auto& name : names) {
            if (!is_plain_name(name) || files_.size() >= most_files)
                continue;
            if (last)
                file(directory / name);
            else
                matches(directory / name, parts, at + 1);
        }
    }

    sys::RootDir& root_;
    std::set<InsidePath> files_ = {};
};

} // namespace

std::vector<std::string> image_library_directories(sys::RootDir& root) {
    Reader reader(root);
    reader.file(inside_path("/etc/ld.so.conf"));
    return reader.directories;
}

} // namespace grapnel::apply
