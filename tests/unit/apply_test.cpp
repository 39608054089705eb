// SPDX-License-Identifier: Apache-2.0
#include "apply/mounts.hpp"
#include "base/mountinfo.hpp"
#include "devices/cgroup_path.hpp"
#include "support/outcome.hpp"

#include <algorithm>
#include <cstdint>
#include <doctest/doctest.h>
#include <string>
#include <vector>

namespace {

using namespace grapnel;
using namespace grapnel::apply;
using namespace grapnel::devices;
using test::contains;
using test::error_of;

constexpr auto mountinfo_text = R"(22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate
31 22 0:27 /docker/c1 /mnt/with\040blank\134 rw shared:7 master:3 - cgroup none rw,devices
)";

MountInfo v1_mount(std::string root = "/") {
    return {.id = 1,
            .root = std::move(root),
            .point = "/sys/fs/cgroup/devices",
            .type = "cgroup",
            .super_options = {"rw", "devices"}};
}

MountInfo v2_mount(std::string root = "/") {
    return {.id = 2, .root = std::move(root), .point = "/sys/fs/cgroup", .type = "cgroup2"};
}

/// "VERSION: DIRECTORY[*] ...", from the process's cgroup up; a star marks the container's own.
std::string levels_text(const std::optional<DeviceCgroup>& cgroup) {
    if (!cgroup)
        return "nothing";
    std::string text = std::to_string(cgroup->version) + ":";
    for (const auto& level : cgroup->levels)
        text += " " + level.directory.text() + (level.own ? "*" : "");
    return text;
}

} // namespace

// --- mountinfo ---

TEST_CASE("mountinfo is read line by line, escapes decoded") {
    const auto mounts = parse_mountinfo(mountinfo_text);
    REQUIRE(mounts.size() == 3);
    CHECK(mounts[0]
          == MountInfo{.id = 22,
                       .device = {8, 1},
                       .root = "/",
                       .point = "/",
                       .options = {"rw", "relatime"},
                       .peer_group = 1,
                       .type = "ext4",
                       .super_options = {"rw"}});
    CHECK(mounts[1]
          == MountInfo{.id = 30,
                       .device = {0, 26},
                       .root = "/",
                       .point = "/sys/fs/cgroup",
                       .options = {"rw", "nosuid"},
                       .type = "cgroup2",
                       .super_options = {"rw", "nsdelegate"}});
    CHECK(mounts[2]
          == MountInfo{.id = 31,
                       .device = {0, 27},
                       .root = "/docker/c1",
                       .point = "/mnt/with blank\\",
                       .options = {"rw"},
                       .peer_group = 7,
                       .master = 3,
                       .type = "cgroup",
                       .super_options = {"rw", "devices"}});
}

TEST_CASE("an unreadable line of mountinfo is skipped") {
    const std::string good = "22 1 8:1 / /x rw - ext4 /dev/sda1 rw";
    for (const auto* const line :
         {"", "-", "x 1 8:1 / / rw - ext4 /dev/sda1 rw", "22 1 8:1 / / - ext4 /dev/sda1 rw",
          "22 1 8:1 / / rw - ext4 /dev/sda1", "22 1 8:1 / / rw shared:1 ext4 /dev/sda1 rw",
          "99999999999999999999 1 8:1 / / rw - ext4 /dev/sda1 rw"}) {
        CAPTURE(line);
        const auto mounts = parse_mountinfo(std::string(line) + "\n" + good + "\n");
        REQUIRE(mounts.size() == 1);
        CHECK(mounts.front().point == "/x");
    }
    CHECK(parse_mountinfo("").empty());
}

TEST_CASE("an unknown escape stays as it is") {
    struct Row {
        const char* written;
        const char* point;
    };
    const Row rows[] = {
        {R"(/a\040b)", "/a b"},   {R"(/a\011b)", "/a\tb"},    {R"(/a\012b)", "/a\nb"},
        {R"(/a\134b)", "/a\\b"},  {R"(/a\9b)", R"(/a\9b)"},   {R"(/a\)", R"(/a\)"},
        {R"(/a\04)", R"(/a\04)"}, {R"(/a\777)", R"(/a\777)"}, {R"(/a\040)", "/a "},
    };
    for (const auto& row : rows) {
        CAPTURE(row.written);
        const auto mounts =
            parse_mountinfo("1 1 8:1 / " + std::string(row.written) + " rw - ext4 x rw");
        REQUIRE(mounts.size() == 1);
        CHECK(mounts.front().point == row.point);
    }
}

// --- cgroups ---

TEST_CASE("the deciding cgroup is found in each layout") {
    struct Row {
        const char* what;
        const char* membership;
        std::vector<MountInfo> mounts;
        std::string cgroups_path;
        const char* levels;
    };
    const Row rows[] = {
        {"version 2, docker with cgroupfs",
         "0::/docker/c1\n",
         {v2_mount()},
         "/docker/c1",
         "2: /sys/fs/cgroup/docker/c1* /sys/fs/cgroup/docker"},
        {"version 2, systemd",
         "0::/system.slice/docker-c1.scope\n",
         {v2_mount()},
         "system.slice:docker:c1",
         "2: /sys/fs/cgroup/system.slice/docker-c1.scope* /sys/fs/cgroup/system.slice"},
        {"version 2, systemd, nested slices",
         "0::/a.slice/a-b.slice/cri-c1.scope\n",
         {v2_mount()},
         "a-b.slice:cri:c1",
         "2: /sys/fs/cgroup/a.slice/a-b.slice/cri-c1.scope* /sys/fs/cgroup/a.slice/a-b.slice "
         "/sys/fs/cgroup/a.slice"},
        {"version 2, crun has a level of its own below",
         "0::/machine.slice/libpod-c1.scope/container\n",
         {v2_mount()},
         "machine.slice:libpod:c1",
         "2: /sys/fs/cgroup/machine.slice/libpod-c1.scope/container* "
         "/sys/fs/cgroup/machine.slice/libpod-c1.scope* /sys/fs/cgroup/machine.slice"},
        {"version 2, systemd, a slice as unit",
         "0::/a.slice/b.slice\n",
         {v2_mount()},
         "a.slice::b.slice",
         "2: /sys/fs/cgroup/a.slice/b.slice* /sys/fs/cgroup/a.slice"},
        {"no cgroupsPath: the container's ID",
         "0::/user.slice/c1\n",
         {v2_mount()},
         "",
         "2: /sys/fs/cgroup/user.slice/c1* /sys/fs/cgroup/user.slice"},
        {"no cgroupsPath, systemd's prefix",
         "0::/user.slice/runc-c1.scope\n",
         {v2_mount()},
         "",
         "2: /sys/fs/cgroup/user.slice/runc-c1.scope* /sys/fs/cgroup/user.slice"},
        {"systemd without a prefix, as runc and crun name it",
         "0::/a.slice/-c1.scope\n",
         {v2_mount()},
         "a.slice::c1",
         "2: /sys/fs/cgroup/a.slice/-c1.scope* /sys/fs/cgroup/a.slice"},
        {"a slash at the end",
         "0::/docker/c1\n",
         {v2_mount()},
         "/docker/c1/",
         "2: /sys/fs/cgroup/docker/c1* /sys/fs/cgroup/docker"},
        {"a cgroup that is shared",
         "0::/shared\n",
         {v2_mount()},
         "/docker/c1",
         "2: /sys/fs/cgroup/shared"},
        {"a name that only ends so",
         "0::/docker/xc1\n",
         {v2_mount()},
         "/docker/c1",
         "2: /sys/fs/cgroup/docker/xc1 /sys/fs/cgroup/docker"},
        {"version 1",
         "12:pids:/x\n5:cpu,devices:/docker/c1\n1:name=systemd:/s\n0::/s\n",
         {v1_mount()},
         "/docker/c1",
         "1: /sys/fs/cgroup/devices/docker/c1* /sys/fs/cgroup/devices/docker"},
        {"both: version 1 has the devices",
         "5:devices:/a/c1\n0::/b/c1\n",
         {v2_mount(), v1_mount()},
         "/a/c1",
         "1: /sys/fs/cgroup/devices/a/c1* /sys/fs/cgroup/devices/a"},
        {"both, version 1 without devices",
         "5:cpu:/a/c1\n0::/b/c1\n",
         {{.id = 3,
           .root = "/",
           .point = "/sys/fs/cgroup/cpu",
           .type = "cgroup",
           .super_options = {"rw", "cpu"}},
          v2_mount()},
         "/b/c1",
         "2: /sys/fs/cgroup/b/c1* /sys/fs/cgroup/b"},
        {"a part of the hierarchy is mounted",
         "0::/outer/docker/c1\n",
         {v2_mount("/outer")},
         "/docker/c1",
         "2: /sys/fs/cgroup/docker/c1* /sys/fs/cgroup/docker"},
        {"the mounted part itself", "0::/outer\n", {v2_mount("/outer")}, "/outer", "2:"},
        {"another part is mounted",
         "0::/docker/c1\n",
         {v2_mount("/dock")},
         "/docker/c1",
         "nothing"},
        {"the second mount shows it",
         "0::/docker/c1\n",
         {v2_mount("/other"), v2_mount()},
         "/docker/c1",
         "2: /sys/fs/cgroup/docker/c1* /sys/fs/cgroup/docker"},
        {"the root cgroup", "0::/\n", {v2_mount()}, "/docker/c1", "2:"},
        {"outside the cgroup namespace", "0::/../c1\n", {v2_mount()}, "/c1", "nothing"},
        {"no cgroup file system", "0::/docker/c1\n", {}, "/docker/c1", "nothing"},
        {"not a member", "", {v2_mount()}, "/docker/c1", "nothing"},
        {"unreadable lines", "nonsense\n0\n0:\n", {v2_mount()}, "/docker/c1", "nothing"},
        {"a colon in the path",
         "0::/docker/a:b\n",
         {v2_mount()},
         "/docker/a:b",
         "2: /sys/fs/cgroup/docker/a:b* /sys/fs/cgroup/docker"},
    };
    for (const auto& row : rows) {
        CAPTURE(row.what);
        const Spec spec{.root_path = "r", .cgroups_path = row.cgroups_path};
        CHECK(
            levels_text(locate_device_cgroup(row.membership, row.mounts, cgroup_owner(spec, "c1")))
            == row.levels);
    }
}

TEST_CASE("without a name the lowest cgroup counts") {
    const struct {
        const char* what;
        std::string membership;
        std::string reference_cgroup;
        std::vector<MountInfo> mounts;
        std::string levels;
    } rows[] = {
        {"beside it",
         "0::/default/c1\n",
         "0::/system.slice/containerd.service\n",
         {v2_mount()},
         "2: /sys/fs/cgroup/default/c1* /sys/fs/cgroup/default"},
        {"above it",
         "0::/default/c1\n",
         "0::/default\n",
         {v2_mount()},
         "2: /sys/fs/cgroup/default/c1* /sys/fs/cgroup/default"},
        {"in it",
         "0::/a/c1\n",
         "0::/a/c1\n",
         {v2_mount()},
         "2: /sys/fs/cgroup/a/c1 /sys/fs/cgroup/a"},
        {"below it", "0::/a\n", "0::/a/b\n", {v2_mount()}, "2: /sys/fs/cgroup/a"},
        {"a name that begins alike",
         "0::/a/c1\n",
         "0::/a/c12\n",
         {v2_mount()},
         "2: /sys/fs/cgroup/a/c1* /sys/fs/cgroup/a"},
        {"the scope around what crun makes",
         "0::/s.slice/c-1.scope/container\n",
         "0::/x\n",
         {v2_mount()},
         "2: /sys/fs/cgroup/s.slice/c-1.scope/container* /sys/fs/cgroup/s.slice/c-1.scope* "
         "/sys/fs/cgroup/s.slice"},
        {"a scope that this program is in",
         "0::/c-1.scope/container\n",
         "0::/c-1.scope/engine\n",
         {v2_mount()},
         "2: /sys/fs/cgroup/c-1.scope/container* /sys/fs/cgroup/c-1.scope"},
        {"no scope",
         "0::/shared/container\n",
         "0::/x\n",
         {v2_mount()},
         "2: /sys/fs/cgroup/shared/container* /sys/fs/cgroup/shared"},
        {"version 1",
         "5:cpu,devices:/k/c1\n0::/k/c1\n",
         "5:cpu,devices:/\n0::/k/c1\n",
         {v1_mount()},
         "1: /sys/fs/cgroup/devices/k/c1* /sys/fs/cgroup/devices/k"},
        {"nothing is known of this program",
         "0::/a/c1\n",
         "",
         {v2_mount()},
         "2: /sys/fs/cgroup/a/c1 /sys/fs/cgroup/a"},
    };
    for (const auto& row : rows) {
        CAPTURE(row.what);
        CHECK(levels_text(locate_device_cgroup(row.membership, row.mounts,
                                               {.reference_cgroup = row.reference_cgroup}))
              == row.levels);
    }
}

// --- scopes ---

TEST_CASE("systemd's scope of that name is the container's") {
    struct Row {
        const char* what;
        const char* membership;
        const char* cgroups_path;
        const char* scope; ///< the cgroup's path
    };
    const Row rows[] = {
        {"docker, version 2", "0::/system.slice/docker-c1.scope\n", "system.slice:docker:c1",
         "/system.slice/docker-c1.scope"},
        {"crun's level below", "0::/a.slice/libpod-c1.scope/container\n", "a.slice:libpod:c1",
         "/a.slice/libpod-c1.scope"},
        {"version 1 goes by name=systemd",
         "5:devices:/x\n1:name=systemd:/system.slice/docker-c1.scope\n0::/\n",
         "system.slice:docker:c1", "/system.slice/docker-c1.scope"},
        {"a stray hierarchy of version 1 beside version 2",
         "1:name=systemd:/\n0::/system.slice/docker-c1.scope\n", "system.slice:docker:c1",
         "/system.slice/docker-c1.scope"},
        {"no cgroupsPath, runc", "0::/user.slice/runc-c1.scope\n", "", "/user.slice/runc-c1.scope"},
        {"no cgroupsPath, crun", "0::/user.slice/crun-c1.scope/container\n", "",
         "/user.slice/crun-c1.scope"},
        {"no prefix", "0::/a.slice/-c1.scope\n", "a.slice::c1", "/a.slice/-c1.scope"},
        {"no prefix and no dash", "0::/a.slice/c1.scope\n", "a.slice::c1", "/a.slice/c1.scope"},
        {"no slice", "0::/system.slice/docker-c1.scope\n", ":docker:c1",
         "/system.slice/docker-c1.scope"},
        {"the lowest of that name", "0::/oci-c1.scope/a/oci-c1.scope\n", ":oci:c1",
         "/oci-c1.scope/a/oci-c1.scope"},
        {"below another unit, by cgroupfs", "0::/system.slice/docker.service/c1\n",
         "/system.slice/docker.service/c1", "none"},
        {"a scope of somebody else", "0::/user.slice/session-c1.scope\n", "", "none"},
        {"a scope that a path names", "0::/user.slice/session-3.scope\n",
         "/user.slice/session-3.scope", "none"},
        {"below a scope that is not its own", "0::/session-3.scope/c1\n", "/c1", "none"},
        {"another container's", "0::/system.slice/docker-c2.scope\n", "system.slice:docker:c1",
         "none"},
        {"a longer name", "0::/system.slice/x-docker-c1.scope\n", "system.slice:docker:c1", "none"},
        {"a slice, which others can be put into", "0::/a.slice/b.slice\n", "a.slice:p:b.slice",
         "none"},
        {"colons without systemd", "0::/a:b:c1\n", "a:b:c1", "none"},
        {"no name", "0::/a.slice/oci-.scope\n", "a.slice:oci:", "none"},
        {"only in a hierarchy that systemd does not go by", "5:devices:/oci-c1.scope\n0::/\n",
         ":oci:c1", "none"},
        {"not a member", "", ":oci:c1", "none"},
    };
    for (const auto& row : rows) {
        CAPTURE(row.what);
        const Spec spec{.root_path = "r", .cgroups_path = row.cgroups_path};
        const auto found = own_scope(row.membership, cgroup_owner(spec, "c1"));
        CHECK((found ? found->cgroup : "none") == row.scope);
        if (found)
            CHECK(found->cgroup.ends_with("/" + found->unit));
    }
}

TEST_CASE("without a name the lowest scope counts") {
    struct Row {
        const char* membership;
        const char* reference_cgroup;
        const char* unit; ///< nothing: none is the container's own
    };
    const Row rows[] = {
        {"0::/system.slice/x.scope\n", "0::/system.slice/containerd.service\n", "x.scope"},
        {"0::/system.slice/x.scope/container\n", "0::/system.slice/containerd.service\n",
         "x.scope"},
        {"4:devices:/default/c1\n1:name=systemd:/system.slice/x.scope\n",
         "4:devices:/user.slice\n1:name=systemd:/user.slice\n", "x.scope"},
        {"0::/system.slice/x.scope\n", "0::/system.slice/x.scope\n", nullptr},
        {"0::/system.slice/x.scope/container\n", "0::/system.slice/x.scope/other\n", nullptr},
        {"0::/default/c1\n", "0::/system.slice/containerd.service\n", nullptr},
        {"0::/system.slice/a.service\n", "0::/user.slice\n", nullptr},
    };
    for (const auto& row : rows) {
        CAPTURE(row.membership);
        CAPTURE(row.reference_cgroup);
        const auto found = own_scope(row.membership, {.reference_cgroup = row.reference_cgroup});
        CHECK(found.has_value() == (row.unit != nullptr));
        if (found && row.unit != nullptr)
            CHECK(found->unit == row.unit);
    }
}
