// SPDX-License-Identifier: Apache-2.0
// Mounts and cgroups. Input: a line with the container's ID, a line with linux.cgroupsPath, the
// lines of /proc/PID/cgroup, an empty line, the lines of /proc/PID/mountinfo.
#include "base/mountinfo.hpp"
#include "base/text.hpp"
#include "devices/cgroup_path.hpp"
#include "fuzz.hpp"

using namespace grapnel;
using namespace grapnel::devices;
using fuzz::expect;

namespace {

/// Everything but letters and slashes as \ooo.
std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if ((c >= 'a' && c <= 'z') || c == '/') {
            out += c;
            continue;
        }
        const auto byte = static_cast<unsigned char>(c);
        for (const int shift : {6, 3, 0})
            out += shift == 6 ? "\\" + std::to_string(byte >> shift)
                              : std::to_string((byte >> shift) & 7);
    }
    return out;
}

std::string rendered(const std::vector<MountInfo>& mounts) {
    std::string out;
    for (const auto& mount : mounts) {
        out += std::to_string(mount.id) + " 1 " + std::to_string(mount.device.major) + ':'
               + std::to_string(mount.device.minor) + ' ' + escaped(mount.root) + ' '
               + escaped(mount.point) + " ";
        for (const auto& option : mount.options)
            out += option + ",";
        out.back() = ' ';
        if (mount.peer_group)
            out += "shared:" + std::to_string(*mount.peer_group) + " ";
        if (mount.master)
            out += "master:" + std::to_string(*mount.master) + " ";
        out += "- " + mount.type + " none ";
        for (const auto& option : mount.super_options)
            out += option + ",";
        out.back() = '\n';
    }
    return out;
}

void expect_sound(const DeviceCgroup& found, const std::vector<MountInfo>& mounts) {
    expect(found.version == 1 || found.version == 2, "there are two versions of cgroups");
    for (std::size_t i = 0; i < found.levels.size(); ++i) {
        const auto& level = found.levels[i];
        fuzz::expect_normal(level.directory.text());
        if (i == 0)
            continue;
        expect(found.levels[i - 1].directory.parent() == level.directory,
               "each level is the parent of the one before");
        expect(found.levels[i - 1].own || !level.own, "below the container's own lies its own");
    }
    if (found.levels.empty())
        return;
    const auto top = found.levels.back().directory.parent();
    expect(std::ranges::any_of(mounts,
                               [&](const auto& mount) {
                                   const auto point = HostPath::make(mount.point);
                                   return point && *point == top;
                               }),
           "the highest level lies in the root of a mounted hierarchy");
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    auto text = fuzz::as_text(data, size);
    const auto id = fuzz::take_line(text);
    Spec spec;
    spec.cgroups_path = fuzz::take_line(text);
    std::string membership;
    while (!text.empty()) {
        const auto line = fuzz::take_line(text);
        if (line.empty())
            break;
        membership += std::string(line) + "\n";
    }
    const auto mounts = parse_mountinfo(text);
    expect(mounts.size() <= split(text, '\n').size(), "a line gives one mount at most");
    for (const auto& mount : mounts)
        expect(!mount.super_options.empty(), "a mount has options");
    expect(parse_mountinfo(rendered(mounts)) == mounts, "mounts survive being written");
    if (const auto scope = own_scope(membership, cgroup_owner(spec, id))) {
        expect(scope->unit.ends_with(".scope"), "only a scope is the container's own");
        expect(scope->unit.find('/') == std::string::npos, "a unit's name has no slash");
        expect(scope->cgroup.ends_with("/" + scope->unit), "a scope's cgroup has its name");
        expect(!spec.cgroups_path.starts_with('/'), "a path names no unit");
    }
    if (const auto found = locate_device_cgroup(membership, mounts, cgroup_owner(spec, id))) {
        expect_sound(*found, mounts);
        const auto nameless = locate_device_cgroup(membership, mounts, CgroupOwner{});
        expect(nameless && nameless->version == found->version,
               "the name decides what is own alone");
        for (const auto& level : nameless->levels)
            expect(!level.own, "without a name nothing is the container's own");
        const auto shared =
            locate_device_cgroup(membership, mounts, {.reference_cgroup = membership});
        for (const auto& level : shared->levels)
            expect(!level.own, "a cgroup that others are in is not the container's own");
    }
    return 0;
}
