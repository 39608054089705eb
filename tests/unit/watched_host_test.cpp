// SPDX-License-Identifier: Apache-2.0
// A look-up that failed without an answer.
#include "driver/inventory.hpp"
#include "driver/watched_host.hpp"
#include "support/elf_file.hpp"
#include "support/memory_host.hpp"

#include <cerrno>
#include <doctest/doctest.h>

using namespace grapnel;
using test::MemoryHost;

namespace {

const char* const gpu = "/proc/driver/nvidia/gpus/0000:00:06.0/information";

void add_driver(MemoryHost& host) {
    host.file("/proc/driver/nvidia/version",
              "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.159.04  Release\n");
    host.file("/proc/driver/nvidia/params", "ModifyDeviceFiles: 1\n");
    host.file("/proc/devices", "Character devices:\n195 nvidia\n");
    host.file(gpu, "GPU UUID: \t GPU-6df8bb41\nDevice Minor: \t 0\n");
    host.character_device("/dev/nvidiactl", 195, 255);
    host.character_device("/dev/nvidia0", 195, 0);
    host.file("/usr/lib64/libnvidia-ml.so.580.159.04",
              test::elf_file({.soname = "libnvidia-ml.so.1"}));
}

} // namespace

TEST_CASE("a look-up without an answer refuses the inventory") {
    const char* const paths[] = {"/proc/driver/nvidia/version", "/proc/devices", gpu,
                                 "/proc/driver/nvidia/params",
                                 "/usr/lib64/libnvidia-ml.so.580.159.04"};
    const InventoryScope scope{.driver_capabilities = {DriverCapability::utility}};
    for (const auto* const path : paths) {
        for (const int error : {EIO, ENOMEM, EMFILE, EINTR, EPERM}) {
            CAPTURE(path);
            CAPTURE(error);
            MemoryHost host;
            add_driver(host);
            REQUIRE(take_inventory(host, scope));
            if (path == gpu && error == EIO)
                continue; // a sick GPU
            host.unreadable(path, error);
            const auto inventory = take_inventory(host, scope);
            REQUIRE(!inventory);
            CHECK(inventory.error().sys == error);
            CHECK(inventory.error().text().find(path) != std::string::npos);
        }
    }
}

TEST_CASE("a GPU that does not answer is sick") {
    for (const int error : {EIO, ENODEV}) {
        MemoryHost host;
        add_driver(host);
        host.unreadable(gpu, error);
        const auto inventory =
            take_inventory(host, {.driver_capabilities = {DriverCapability::utility}});
        REQUIRE(inventory);
        REQUIRE(inventory->gpus.size() == 1);
        CHECK(inventory->gpus.front().fault.find(gpu) != std::string::npos);
    }
}

TEST_CASE("an absent or forbidden file is an answer") {
    for (const int error : {ENOENT, EACCES, ENODEV, ELOOP}) {
        MemoryHost host;
        host.unreadable("/x", error);
        const driver::WatchedHost watched(host, {});
        CHECK(!watched.read(host_path("/x")));
        CHECK(!watched.failure());
    }
}

TEST_CASE("the first failed look-up is kept") {
    MemoryHost host;
    host.unreadable("/x", EIO);
    host.unreadable("/y", ENOMEM);
    const driver::WatchedHost watched(host, {});
    CHECK(!watched.map(host_path("/x")));
    CHECK(!watched.read(host_path("/y")));
    REQUIRE(watched.failure());
    CHECK(watched.failure()->sys == EIO);
}

TEST_CASE("a file behind Landlock is no answer") {
    MemoryHost host;
    host.file("/srv/nvidia/libcuda.so.1", "");
    host.link("/usr/lib/libcuda.so.1", "/srv/nvidia/libcuda.so.1");
    const ReadablePaths readable{.read = {host_path("/usr")}};
    host.confine_to(readable);
    const driver::WatchedHost watched(host, readable);
    CHECK(!watched.map(host_path("/usr/lib/libcuda.so.1")));
    REQUIRE(watched.failure());
    CHECK(watched.failure()->text()
          == "/usr/lib/libcuda.so.1 leads to /srv/nvidia/libcuda.so.1, which is in no directory "
             "that drivers are read from: name /srv/nvidia in library-search-path of the settings");
}

TEST_CASE("EACCES below Landlock can be an answer") {
    MemoryHost host;
    host.unreadable("/opt/nvidia/x", EACCES);
    const ReadablePaths readable{.read = {host_path("/opt/nvidia")}};
    const driver::WatchedHost watched(host, readable);
    CHECK(!watched.read(host_path("/opt/nvidia/x")));
    CHECK(!watched.failure());
}

TEST_CASE("names of a listed directory can be read") {
    MemoryHost host;
    host.directory("/usr");
    host.file("/srv/parts/libx.so", "");
    const ReadablePaths readable{.read = {host_path("/usr")}, .listed = {host_path("/srv")}};
    host.confine_to(readable);
    const driver::WatchedHost watched(host, readable);
    CHECK(watched.list(host_path("/srv/parts"))->size() == 1);
    CHECK(!watched.failure());
    CHECK(!watched.read(host_path("/srv/parts/libx.so")));
    REQUIRE(watched.failure());
}
