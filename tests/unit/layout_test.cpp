// SPDX-License-Identifier: Apache-2.0
#include "image/layout.hpp"

#include "image/musl.hpp"
#include "support/ground.hpp"

#include <doctest/doctest.h>
#include <string>
#include <vector>

namespace {

using namespace grapnel;
using test::Ground;

#if defined(__x86_64__)
constexpr auto glibc_loader = "r/lib64/ld-linux-x86-64.so.2";
#else
constexpr auto glibc_loader = "r/lib/ld-linux-aarch64.so.1";
#endif
/// The directories that are built into a loader, as they lie in the file.
std::string loader(const std::vector<std::string>& directories) {
    std::string text = "ELF";
    for (const auto& directory : directories)
        text += '\0' + directory;
    return text + '\0' + "more";
}

const auto of_lib64 = loader({"/lib64/", "/usr/lib64/"});
const auto of_debian =
    loader({"/lib/some-linux-gnu/", "/usr/lib/some-linux-gnu/", "/lib/", "/usr/lib/"});
const auto of_nix = loader({"/nix/store/x-glibc/lib/"});

std::string libraries(const Ground& ground) {
    auto root = ground.root();
    return image::image_layout(root)->libraries.text();
}

/// /usr/lib, and a loader of glibc with that content.
std::string with_loader(const std::string& content) {
    const Ground ground;
    for (const auto* const directory : {"r/usr", "r/usr/lib", "r/lib64", "r/lib"})
        ground.directory(directory);
    if (!content.empty())
        ground.write(glibc_loader, content);
    return libraries(ground);
}

std::string with_musl(const char* path_file) {
    const Ground ground;
    for (const auto* const directory : {"r/usr", "r/usr/lib", "r/lib64", "r/lib", "r/etc"})
        ground.directory(directory);
    ground.write("r" + image::musl_loader().text(), "");
    ground.write(glibc_loader, of_lib64); // gcompat's has the same name
    if (path_file != nullptr)
        ground.write("r" + image::musl_path_file().text(), path_file);
    return libraries(ground);
}

} // namespace

TEST_CASE("glibc's loader reads the library directory") {
    CHECK(with_loader(of_lib64) == "/usr/lib64");
    CHECK(with_loader(of_debian) == "/usr/lib");
    CHECK(with_loader(of_nix) == "/usr/lib64");
    CHECK(with_loader("") == "/usr/lib64");
}

TEST_CASE("musl's loader reads the library directory") {
    CHECK(with_musl(nullptr) == "/usr/lib");
    CHECK(with_musl("/lib:/usr/lib\n") == "/usr/lib");
    CHECK(with_musl("/usr/lib\n/usr/lib64\n") == "/usr/lib64");
    CHECK(with_musl("/opt\n") == "/usr/lib64");
}

TEST_CASE("/usr/lib64 as a link is /usr/lib") {
    const Ground ground;
    ground.directory("r/usr");
    ground.directory("r/usr/lib");
    ground.link("r/usr/lib64", "lib");
    CHECK(libraries(ground) == "/usr/lib");
}
