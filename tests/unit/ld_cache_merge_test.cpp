// SPDX-License-Identifier: Apache-2.0
#include "apply/ld_cache_merge.hpp"

#include <doctest/doctest.h>

namespace {

using namespace grapnel;
using apply::DriverName;
using apply::merge_driver;

const std::uint32_t native = ld_cache_flags(LdCacheEntry::Machine::native);
const std::uint32_t native32 = ld_cache_flags(LdCacheEntry::Machine::native32);
constexpr std::uint64_t of_some_cpus = (std::uint64_t{1} << 62) + 1;

DriverName driver(const std::string& path, bool is_32bit = false) {
    return {inside_path(path), is_32bit};
}

std::string merged(const std::vector<LdCacheEntry>& image, const std::vector<DriverName>& names) {
    const auto cache = merge_driver({.entries = image}, names);
    CHECK(is_sorted(cache));
    std::string text;
    for (const auto& entry : cache.entries)
        text += std::string(entry.path) + " ";
    return text;
}

} // namespace

TEST_CASE("the driver precedes entries of its name") {
    const auto names = std::vector{driver("/d/libcuda.so.1"), driver("/d/libcuda.so")};
    struct Row {
        const char* what;
        std::vector<LdCacheEntry> image;
        const char* paths;
    };
    const Row rows[] = {
        {"an empty cache", {}, "/d/libcuda.so.1 /d/libcuda.so "},
        {"other names keep their order",
         {{native, "libz.so.1", "/z/libz.so.1"},
          {native, "libz.so.1", "/y/libz.so.1"},
          {native, "liba.so.1", "/a/liba.so.1"}},
         "/z/libz.so.1 /y/libz.so.1 /d/libcuda.so.1 /d/libcuda.so /a/liba.so.1 "},
        {"a stub comes second",
         {{native, "libcuda.so.1", "/stubs/libcuda.so.1"}},
         "/d/libcuda.so.1 /stubs/libcuda.so.1 /d/libcuda.so "},
        {"the same path is named once",
         {{native, "libcuda.so.1", "/opt/libcuda.so.1"},
          {native, "libcuda.so.1", "/d/libcuda.so.1"}},
         "/d/libcuda.so.1 /opt/libcuda.so.1 /d/libcuda.so "},
        {"an entry for some CPUs would be preferred, and goes",
         {{native, "libcuda.so.1", "/v3/libcuda.so.1", 0, of_some_cpus},
          {native, "libb.so.1", "/v3/libb.so.1", 0, of_some_cpus}},
         "/d/libcuda.so.1 /d/libcuda.so /v3/libb.so.1 "},
        {"other ABIs stand where ldconfig puts them",
         {{0x7f03, "libcuda.so.1", "/x/libcuda.so.1"},
          {native32, "libcuda.so.1", "/32/libcuda.so.1"}},
         "/x/libcuda.so.1 /d/libcuda.so.1 /32/libcuda.so.1 /d/libcuda.so "},
        {"a longer name comes first",
         {{native, "libcuda.so.10", "/o/libcuda.so.10"},
          {native, "libcuda.so.0", "/o/libcuda.so.0"}},
         "/o/libcuda.so.10 /d/libcuda.so.1 /o/libcuda.so.0 /d/libcuda.so "},
    };
    for (const auto& row : rows) {
        CAPTURE(row.what);
        CHECK(merged(row.image, names) == row.paths);
    }
}

TEST_CASE("the compat library precedes, by word size") {
    CHECK(merged({{native, "libcuda.so.1", "/stubs/libcuda.so.1"}},
                 {driver("/compat/libcuda.so.1"), driver("/d/libcuda.so.1"),
                  driver("/32/libcuda.so.1", true)})
          == "/compat/libcuda.so.1 /d/libcuda.so.1 /stubs/libcuda.so.1 /32/libcuda.so.1 ");
}

TEST_CASE("planned libraries have ldconfig's names") {
    using Kind = Mount::Kind;
    const auto library = [](const char* inside, const char* soname, Kind kind = Kind::library) {
        return Mount{.kind = kind, .inside = inside_path(inside), .soname = soname};
    };
    const Plan plan{.mounts = {library("/d/libcuda.so.580.1", "libcuda.so.1"),
                               library("/d/libnvidia-tls.so.580.1", "libnvidia-tls.so.580.1"),
                               library("/d/libGLX_nvidia.so.580.1", "libGLX_nvidia.so.0"),
                               library("/d/vdpau/libvdpau_nvidia.so.580.1", "libvdpau_nvidia.so.1"),
                               library("/d/unknown.so", ""),
                               library("/e/libcuda.so.580.1", "libcuda.so.1", Kind::library32),
                               {.kind = Kind::binary, .inside = inside_path("/d/nvidia-smi")}},
                    .links = {{inside_path("/d/libcuda.so.1"), "libcuda.so.580.1"},
                              {inside_path("/d/libcuda.so"), "libcuda.so.1"},
                              {inside_path("/d/libGLX_nvidia.so.0"), "libGLX_nvidia.so.580.1"},
                              {inside_path("/d/libGLX_indirect.so.0"), "libGLX_nvidia.so.580.1"},
                              {inside_path("/d/gbm/nvidia-drm_gbm.so"), "../libcuda.so.1"},
                              {inside_path("/d/elsewhere.so"), "/opt/elsewhere.so"}},
                    .library_directories = {inside_path("/d"), inside_path("/e")}};
    std::string text;
    for (const auto& name : apply::driver_names(plan))
        text += name.path.text() + (name.is_32bit ? " (32) " : " ");
    CHECK(text
          == "/d/libGLX_nvidia.so.0 /d/libcuda.so /d/libcuda.so.1 /d/libnvidia-tls.so.580.1 "
             "/e/libcuda.so.1 (32) ");
}
