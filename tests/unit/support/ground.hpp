// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sys/fd.hpp"
#include "sys/file.hpp"
#include "sys/host_fs.hpp"
#include "sys/root_dir.hpp"

#include <array>
#include <cstdlib>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace grapnel::test {

using sys::Fd;
using sys::LinuxHostFs;
using sys::RootDir;
using Type = sys::FileFacts::Type;

/// A directory of its own for each test, with a root file system "r" in it and a file "secret"
/// beside that, which nothing inside may reach.
class Ground {
  public:
    Ground() {
        std::string name = "/tmp/grapnel-sys-test-XXXXXX";
        REQUIRE(mkdtemp(name.data()) != nullptr);
        top_ = name;
        REQUIRE(::mkdir(path("r").c_str(), 0755) == 0);
        write("secret", "of the host");
    }
    Ground(const Ground&) = delete;
    Ground& operator=(const Ground&) = delete;
    ~Ground() { clear(top_); }

    [[nodiscard]] std::string path(const std::string& name) const { return top_ + "/" + name; }
    void write(const std::string& name, std::string_view content) const {
        const Fd file(::open(path(name).c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
        REQUIRE(sys::write_all(file.ref(), content, name));
    }
    void directory(const std::string& name) const {
        REQUIRE(::mkdir(path(name).c_str(), 0755) == 0);
    }
    void link(const std::string& name, const std::string& target) const {
        REQUIRE(::symlink(target.c_str(), path(name).c_str()) == 0);
    }
    [[nodiscard]] RootDir root() const {
        const auto base = sys::open_host_path(host_path("/"));
        auto root = RootDir::open(base->ref(), host_path(path("r")));
        REQUIRE(root);
        return std::move(*root);
    }
    [[nodiscard]] Type type(const std::string& name) const {
        struct stat found {};
        if (::lstat(path(name).c_str(), &found) != 0)
            return Type::other;
        return S_ISREG(found.st_mode)   ? Type::regular
               : S_ISDIR(found.st_mode) ? Type::directory
               : S_ISLNK(found.st_mode) ? Type::link
                                        : Type::other;
    }
    [[nodiscard]] bool exists(const std::string& name) const {
        struct stat found {};
        return ::lstat(path(name).c_str(), &found) == 0;
    }
    [[nodiscard]] std::string target(const std::string& name) const {
        std::array<char, 4096> text{};
        const auto length = ::readlink(path(name).c_str(), text.data(), text.size());
        return length < 0 ? "" : std::string(text.data(), static_cast<std::size_t>(length));
    }
    /// Of a file; "?" if it cannot be read.
    [[nodiscard]] std::string text(const std::string& name) const {
        return sys::read_host_file(host_path(path(name)), 1 << 20).value_or("?");
    }
    [[nodiscard]] std::vector<std::string> names(const std::string& name) const {
        return LinuxHostFs().list(host_path(path(name))).value_or(std::vector<std::string>());
    }

  private:
    static void clear(const std::string& directory) {
        const auto names = LinuxHostFs().list(host_path(directory));
        for (const auto& name : names.value_or(std::vector<std::string>())) {
            const auto below = directory + "/" + name;
            if (::unlink(below.c_str()) != 0)
                clear(below);
        }
        ::rmdir(directory.c_str());
    }
    std::string top_;
};

} // namespace grapnel::test
