// SPDX-License-Identifier: Apache-2.0
#include "driver/program_needs.hpp"

#include "base/text.hpp"
#include "driver/readable_paths.hpp"
#include "elf/elf.hpp"

#include <algorithm>
#include <array>
#include <set>

namespace grapnel::driver {

namespace {

/// Libraries that the driver's programs load while they run, by dlopen(3).
constexpr std::array<std::string_view, 2> loaded_later{"libnvidia-ml.so.1", "libcuda.so.1"};
constexpr std::size_t most_files = 256;

/// A loader that an image with glibc has.
bool is_usual_loader(std::string_view path) {
    return path.starts_with("/lib64/ld-") || path.starts_with("/lib/ld-");
}

class Needs {
  public:
    Needs(const sys::HostFs& host, const std::vector<HostPath>& readable, Notices& notices)
        : host_(host), readable_(readable), notices_(notices) {}

    void take(Binary& binary) {
        const auto& program = binary.path;
        const auto file = host_.map(program);
        if (!file)
            return;
        if (file->bytes().starts_with("#!")) {
            notices_.warn(program.text()
                          + ": it is a script, and a container may lack the files it starts: "
                            "name the program's directory in binary-search-path");
            return;
        }
        const auto elf = read_elf(file->bytes());
        if (!elf || elf->interpreter.empty())
            return;
        if (is_usual_loader(elf->interpreter)) {
            binary.loader = elf->interpreter;
            return;
        }
        const auto loader = HostPath::make(elf->interpreter);
        if (!loader || !is_there(*loader)) {
            notices_.warn(program.text() + ": its loader " + elf->interpreter
                          + " is not on this host: it cannot start in a container");
            return;
        }
        add(*loader);
        loader_directory_ = loader->parent();
        own_path_ = directories(elf->run_path, program);
        take_needed(program, *elf);
        for (const auto name : loaded_later)
            if (const auto path = find(std::string(name), own_path_))
                take_library(program, *path);
    }

    std::vector<SamePlace> files = {};

  private:
    [[nodiscard]] bool is_there(const HostPath& path) const {
        const auto facts = host_.stat(path);
        return facts && facts->type == sys::FileFacts::Type::regular;
    }

    /// False if it is among the files already.
    bool add(const HostPath& path) {
        if (files.size() >= most_files || !seen_.insert(path).second)
            return false;
        files.push_back({.kind = SamePlace::Kind::library, .path = path});
        return true;
    }

    /// DT_RUNPATH with $ORIGIN replaced by the directory of its file.
    [[nodiscard]] std::vector<HostPath> directories(const std::string& run_path,
                                                    const HostPath& file) const {
        std::vector<HostPath> out;
        const auto real = host_.resolve(file);
        const auto origin = real ? real->parent().text() : std::string();
        for (const auto part : split(run_path, ':')) {
            auto text = std::string(part);
            for (const std::string_view word : {"${ORIGIN}", "$ORIGIN"})
                if (text.starts_with(word))
                    text.replace(0, word.size(), origin);
            if (auto path = HostPath::make(text))
                out.push_back(std::move(*path));
        }
        return out;
    }

    [[nodiscard]] std::optional<HostPath> find(const std::string& name,
                                               const std::vector<HostPath>& path) const {
        if (!is_plain_name(name))
            return std::nullopt;
        for (const auto& directory : path)
            if (is_there(directory / name))
                return directory / name;
        if (is_there(loader_directory_ / name))
            return loader_directory_ / name;
        return std::nullopt;
    }

    /// The program may be of no use to a container: a warning, not the end of a start.
    [[nodiscard]] bool is_readable(const HostPath& object, const HostPath& path) {
        const auto real = host_.resolve(path);
        if (!real || readable_.empty() || is_among(host_, readable_, *real))
            return true;
        notices_.warn(object.text() + ": it needs " + real->text()
                      + ", which is in no directory that drivers are read from, and may not "
                        "start in a container: name "
                      + real->parent().text() + " in library-search-path of the settings");
        return false;
    }

    void take_library(const HostPath& object, const HostPath& path) {
        if (seen_.contains(path) || !is_readable(object, path) || !add(path))
            return;
        const auto file = host_.map(path);
        const auto elf = file ? read_elf(file->bytes()) : refused("unreadable");
        if (elf)
            take_needed(path, *elf);
    }

    void take_needed(const HostPath& object, const ElfFacts& elf) {
        const auto path = directories(elf.run_path, object);
        for (const auto& name : elf.needed)
            if (const auto found = find(name, path))
                take_library(object, *found);
            else
                notices_.warn(object.text() + ": it needs " + name
                              + ", which is not in its library path: it cannot start in a "
                                "container");
    }

    const sys::HostFs& host_;
    const std::vector<HostPath>& readable_; ///< empty: everything
    Notices& notices_;
    std::set<HostPath> seen_ = {};
    HostPath loader_directory_ = {};
    std::vector<HostPath> own_path_ = {};
};

} // namespace

std::vector<SamePlace> program_needs(const sys::HostFs& host, const std::vector<HostPath>& readable,
                                     std::vector<Binary>& programs, Notices& notices) {
    Needs needs(host, readable, notices);
    for (auto& program : programs)
        needs.take(program);
    std::ranges::sort(needs.files, {}, &SamePlace::path);
    return std::move(needs.files);
}

} // namespace grapnel::driver
