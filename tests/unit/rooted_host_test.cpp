// SPDX-License-Identifier: Apache-2.0
#include "driver/rooted_host.hpp"

#include "support/memory_host.hpp"

#include <cerrno>
#include <doctest/doctest.h>

using namespace grapnel;
using test::MemoryHost;

namespace {

const HostPath top = host_path("/");

/// A driver root /r with its own nodes' root /d.
struct Ground {
    MemoryHost host;
    RootedHost rooted{host, host_path("/r"), host_path("/d")};

    std::string resolved(std::string_view path) const {
        const auto found = rooted.resolve(host_path(path));
        return found ? found->text() : found.error().text();
    }
    std::string placed(std::string_view path, bool follow = true) const {
        const auto found = rooted.place(host_path(path), follow);
        return found ? found->text() : found.error().text();
    }
};

} // namespace

TEST_CASE("files are those of the root") {
    Ground ground;
    ground.host.file("/r/usr/lib/a", "inside");
    ground.host.file("/usr/lib/a", "outside");
    ground.host.file("/usr/lib/b", "outside");
    CHECK(*ground.rooted.read(host_path("/usr/lib/a")) == "inside");
    CHECK(ground.rooted.map(host_path("/usr/lib/a"))->bytes() == "inside");
    CHECK(*ground.rooted.list(host_path("/usr/lib")) == std::vector<std::string>{"a"});
    CHECK(ground.rooted.stat(host_path("/usr/lib/b")).error().sys == ENOENT);
    CHECK(ground.resolved("/usr/lib/a") == "/usr/lib/a");
    CHECK(ground.placed("/usr/lib/a") == "/r/usr/lib/a");
    CHECK(ground.placed("/") == "/r");
}

TEST_CASE("/proc is the host's, /dev the device root's") {
    Ground ground;
    ground.host.file("/proc/driver/nvidia/version", "host");
    ground.host.file("/r/proc/driver/nvidia/version", "root");
    ground.host.file("/sys/x", "host");
    ground.host.character_device("/d/dev/nvidia0", 195, 0);
    ground.host.character_device("/r/dev/nvidia0", 1, 1);
    CHECK(*ground.rooted.read(host_path("/proc/driver/nvidia/version")) == "host");
    CHECK(*ground.rooted.read(host_path("/sys/x")) == "host");
    CHECK(ground.rooted.stat(host_path("/dev/nvidia0"))->major == 195);
    CHECK(ground.placed("/dev/nvidia0") == "/d/dev/nvidia0");
    CHECK(ground.placed("/proc/driver/nvidia/gpus") == "/proc/driver/nvidia/gpus");
    CHECK(ground.placed("/device") == "/r/device");
}

TEST_CASE("links are followed as below chroot") {
    Ground ground;
    ground.host.file("/r/opt/real", "inside");
    ground.host.file("/opt/real", "outside");
    ground.host.link("/r/etc/alternatives/x", "/opt/real");
    ground.host.link("/r/usr/lib", "/etc/alternatives/../../opt");
    ground.host.link("/r/up", "../../../../../opt/real");
    ground.host.link("/r/loop", "/loop");
    ground.host.link("/r/to-proc", "/proc/text");
    ground.host.file("/proc/text", "kernel");
    CHECK(ground.placed("/etc/alternatives/x") == "/r/opt/real");
    CHECK(ground.placed("/usr/lib/real") == "/r/opt/real");
    CHECK(ground.resolved("/usr/lib/real") == "/opt/real");
    CHECK(ground.placed("/up") == "/r/opt/real");
    CHECK(*ground.rooted.read(host_path("/up")) == "inside");
    CHECK(ground.rooted.stat(host_path("/loop")).error().sys == ELOOP);
    CHECK(ground.rooted.stat(host_path("/opt/real/x")).error().sys == ENOTDIR);
    CHECK(*ground.rooted.read(host_path("/to-proc")) == "kernel");
}

TEST_CASE("a link itself is seen on request") {
    Ground ground;
    ground.host.link("/r/a/link", "/b");
    ground.host.directory("/r/b");
    CHECK(*ground.rooted.read_link(host_path("/a/link")) == "/b");
    CHECK(ground.rooted.stat_link(host_path("/a/link"))->type == sys::FileFacts::Type::link);
    CHECK(ground.rooted.stat(host_path("/a/link"))->type == sys::FileFacts::Type::directory);
    CHECK(ground.placed("/a/link", false) == "/r/a/link");
    CHECK(ground.placed("/a/link") == "/r/b");
}

TEST_CASE("a missing last component keeps its name") {
    Ground ground;
    ground.host.link("/r/run", "/var/run");
    ground.host.directory("/r/var/run");
    CHECK(ground.placed("/run/daemon/socket") == "/r/var/run/daemon/socket");
    CHECK(ground.placed("/dev/nvidia-caps/nvidia-cap1") == "/d/dev/nvidia-caps/nvidia-cap1");
}

TEST_CASE("the root's own path is left out") {
    Ground ground;
    ground.host.file("/r/firmware/a", "inside");
    ground.host.file("/rx/firmware/a", "another");
    ground.host.file("/r/rx/b", "inside");
    CHECK(ground.placed("/r/firmware/a") == "/r/firmware/a");
    CHECK(ground.resolved("/r/firmware/a") == "/firmware/a");
    CHECK(ground.placed("/r") == "/r");
    CHECK(ground.placed("/rx/b") == "/r/rx/b");
}

TEST_CASE("the roots are found once") {
    MemoryHost host;
    CHECK(*rooted_host(host, top, {}) == nullptr);
    CHECK(*rooted_host(host, top, top) == nullptr);
    const auto missing = rooted_host(host, host_path("/run/nvidia/driver"), {});
    REQUIRE_FALSE(missing);
    CHECK(missing.error().what == "nvidia-container-cli.root = '/run/nvidia/driver' is not there");
    host.directory("/srv/driver/dev");
    host.link("/run/nvidia/driver", "/srv/driver");
    const auto node = host_path("/dev/nvidia0");
    const auto placed = [&](const HostPath& device_root) {
        const auto rooted = rooted_host(host, host_path("/run/nvidia/driver"), device_root);
        return rooted ? (*rooted)->place(node, true)->text() : rooted.error().what;
    };
    CHECK(placed({}) == "/dev/nvidia0");
    CHECK(placed(host_path("/srv/driver")) == "/srv/driver/dev/nvidia0");
    CHECK(placed(host_path("/nowhere")) == "device-root = '/nowhere' is not there");
    host.character_device("/srv/driver/dev/nvidiactl", 195, 255);
    CHECK(placed({}) == "/srv/driver/dev/nvidia0");
    CHECK(placed(top) == "/dev/nvidia0");
}
