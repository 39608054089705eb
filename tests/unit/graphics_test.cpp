// SPDX-License-Identifier: Apache-2.0
#include "driver/driver_libraries.hpp"
#include "driver/graphics.hpp"
#include "driver/inventory.hpp"
#include "driver/library_paths.hpp"
#include "driver/nodes.hpp"
#include "support/memory_host.hpp"

#include <doctest/doctest.h>

namespace {

using namespace grapnel;
using test::MemoryHost;
using enum DriverCapability;

std::string changed(std::string_view text) {
    return driver::without_library_paths(text).value_or("(as it is)");
}

} // namespace

TEST_CASE("a library's path becomes its file name") {
    CHECK(changed(R"({"ICD": {"library_path": "/opt/lib/libGLX.so.0", "x": "/y/z"}})")
          == R"({"ICD": {"library_path": "libGLX.so.0", "x": "/y/z"}})");
    CHECK(changed("{\"library_path\"\n\t : \"../lib/a.so\"}")
          == "{\"library_path\"\n\t : \"a.so\"}");
    CHECK(changed(R"([{"library_path": "/a/b.so"}, {"library_path": "c.so"},
                     {"library_path": "/d/e.so"}])")
          == R"([{"library_path": "b.so"}, {"library_path": "c.so"},
                     {"library_path": "e.so"}])");
    CHECK(changed("/opt/lib/libnvidia-opencl.so.1\n") == "libnvidia-opencl.so.1\n");
}

TEST_CASE("text without a library's path stays") {
    for (const auto* const text :
         {"", "\n", "libnvidia-opencl.so.1\n", "/", "/opt/..", "{}", R"({"library_path": "a.so"})",
          R"({"library_path": "/"})", R"({"library_path": "/a/.."})", R"({"library_path")",
          R"({"library_path":)", R"({"library_path": ")", R"({"library_path": "/a)",
          R"({"library_path": 5, "x": "/a/b"})", R"({"other_path": "/a/b.so"})"}) {
        CAPTURE(text);
        CHECK(changed(text) == "(as it is)");
    }
}

TEST_CASE("libraries of other versions are known by name") {
    const auto version = [](std::string_view name) {
        const auto own = driver::own_version(name);
        return own ? std::string(own->stem) + " " + std::to_string(own->version.parts.size()) : "";
    };
    CHECK(version("libnvidia-egl-gbm.so.1.1.2") == "libnvidia-egl-gbm 3");
    CHECK(version("libnvidia-egl-wayland2.so.1.0") == "libnvidia-egl-wayland2 2");
    CHECK(version("libnvidia-nvvm70.so.4") == "libnvidia-nvvm70 1");
    CHECK(version("libnvidia-api.so.1") == "libnvidia-api 1");
    for (const auto* const name : {"libnvidia-egl-gbm.so.1", "libnvidia-egl-gbm.so",
                                   "libnvidia-egl-gbm.so.1.x", "libnvidia-egl-other.so.1.1",
                                   "libnvidia-api.so.", "libnvidia-ml.so.1", "libc.so.6", ""}) {
        CAPTURE(name);
        CHECK(version(name).empty());
    }
}

TEST_CASE("DRM nodes are the kernel's for the GPU") {
    MemoryHost host;
    for (const auto* const name : {"card1", "renderD129", "controlD65", "cardX", "card", "version"})
        host.directory(std::string("/sys/bus/pci/devices/0000:01:00.0/drm/") + name);
    host.directory("/sys/bus/pci/devices/0000:02:00.0/drm/card0");
    host.character_device("/dev/dri/card0", 226, 0);
    host.character_device("/dev/dri/card1", 226, 1);
    host.character_device("/dev/dri/renderD129", 226, 129);
    Notices notices;
    const auto names = [&](const driver::Majors& majors, const char* pci) {
        std::string text;
        for (const auto& node : driver::drm_nodes(host, majors, pci, notices))
            text += std::string(node.path.name()) + " ";
        return text;
    };
    CHECK(names({{"drm", 226}}, "0000:01:00.0") == "card1 renderD129 ");
    CHECK(names({{"drm", 226}}, "0000:02:00.0") == "card0 ");
    CHECK(names({{"drm", 226}}, "0000:03:00.0").empty());
    CHECK(names({}, "0000:01:00.0").empty());
    CHECK(notices.list.empty());
    CHECK(names({{"drm", 227}}, "0000:02:00.0").empty());
    CHECK(texts(notices)
          == std::vector<std::string>{
              "/dev/dri/card0 is not the node of GPU 0000:02:00.0, and is not given"});
    host.remove("/dev/dri/card1");
    host.file("/dev/dri/card1", "");
    CHECK(names({{"drm", 226}}, "0000:01:00.0") == "renderD129 ");
    CHECK(notices.list.size() == 2);
}

TEST_CASE("loader files are found in the usual places") {
    MemoryHost host;
    const char* const name = "/vulkan/icd.d/nvidia_icd.json";
    const auto found = [&](InventoryScope scope = {.driver_capabilities = {graphics}}) {
        Notices notices;
        const auto files = driver::config_files(
            host, scope,
            {{.path = host_path("/opt/nvidia/lib64")}, {.path = host_path("/usr/lib64")}}, notices);
        return files.empty() ? "" : files.front().path.text();
    };
    CHECK(found().empty());
    // from the last place to the first
    for (const auto* const directory :
         {"/usr/share", "/usr/local/share", "/opt/nvidia", "/opt/nvidia/share", "/etc"}) {
        host.file(std::string(directory) + name, "{}");
        CHECK(found() == std::string(directory) + name);
    }
    host.file(std::string("/srv") + name, "{}");
    CHECK(found() == std::string("/etc") + name);
    CHECK(found({.driver_capabilities = {display}, .config_search_path = {host_path("/srv")}})
          == std::string("/srv") + name);
    CHECK(found({.driver_capabilities = {compute, utility, video, ngx, compat32}}).empty());
}
