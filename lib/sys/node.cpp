// SPDX-License-Identifier: Apache-2.0
#include "sys/node.hpp"

#include "base/text.hpp"
#include "sys/capabilities.hpp"
#include "sys/file.hpp"
#include "sys/process.hpp"

#include <cerrno>
#include <fcntl.h>
#include <sys/capability.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

namespace grapnel::sys {

namespace {

constexpr mode_t directory_mode = 0755;

/// The directory and its parents are made if missing; others may make them at the same time.
Result<Fd> directory_for_nodes(const HostPath& path) {
    auto fd = open_host_directory(path);
    if (fd || fd.error().sys != ENOENT || path.text() == "/")
        return fd;
    const auto parent = GRAPNEL_TRY(directory_for_nodes(path.parent()));
    const std::string name(path.name());
    if (mkdirat(parent.ref().value, name.c_str(), directory_mode) != 0 && errno != EEXIST)
        return system_error("mkdir " + path.text());
    Fd made(
        openat(parent.ref().value, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!made.valid())
        return system_error("open " + path.text());
    return made;
}

bool is_device(const FileFacts& found, DeviceNumber number) {
    return found.type == FileFacts::Type::character_device
           && DeviceNumber{found.major, found.minor} == number;
}

/// The node under a temporary name, with mode and owner. mknod(2) sets the mode, not a second call:
/// that could follow a link put in its place.
Status make_complete(FdRef directory, const std::string& name, DeviceNumber number,
                     const NodeMaker& maker) {
    const auto mask = umask(0);
    const int made = mknodat(directory.value, name.c_str(), S_IFCHR | maker.mode,
                             makedev(number.major, number.minor));
    umask(mask);
    if (made != 0)
        return system_error("mknod");
    if ((maker.user != 0 || maker.group != 0)
        && fchownat(directory.value, name.c_str(), maker.user, maker.group, AT_SYMLINK_NOFOLLOW)
               != 0)
        return system_error("chown");
    return {};
}

HostPath number_link(DeviceNumber number, const HostPath& directory) {
    return directory / (std::to_string(number.major) + ":" + std::to_string(number.minor));
}

} // namespace

Status make_node(const HostPath& path, DeviceNumber number, const NodeMaker& maker) {
    const auto directory = GRAPNEL_TRY(directory_for_nodes(path.parent()));
    const std::string name(path.name());
    const auto temporary = "." + name + ".grapnel-" + std::to_string(getpid());
    const int fd = directory.ref().value;
    unlinkat(fd, temporary.c_str(), 0); // left by a hook that was killed
    auto made = make_complete(directory.ref(), temporary, number, maker).note(path.text());
    if (made && renameat2(fd, temporary.c_str(), fd, name.c_str(), RENAME_NOREPLACE) != 0)
        made = system_error("name the node " + path.text());
    if (made)
        return {};
    unlinkat(fd, temporary.c_str(), 0);
    if (made.error().sys != EEXIST)
        return made;
    const auto found = GRAPNEL_TRY(facts(directory.ref(), name.c_str()));
    if (!is_device(found, number))
        return refused(path.text() + " was made by another program as something else",
                       "remove it and start the container again");
    return {};
}

Status make_number_link(const HostPath& node, DeviceNumber number, const HostPath& directory) {
    constexpr std::string_view devices = "/dev/";
    const auto link = number_link(number, directory);
    const auto opened = GRAPNEL_TRY(directory_for_nodes(directory));
    const bool is_relative =
        directory == host_path("/dev/char") && node.text().starts_with(devices);
    const auto target = is_relative ? "../" + node.text().substr(devices.size()) : node.text();
    const std::string name(link.name());
    if (symlinkat(target.c_str(), opened.ref().value, name.c_str()) != 0 && errno != EEXIST)
        return system_error("make " + link.text());
    if (!has_number_link(number, directory))
        return refused(link.text() + " leads to something else than " + node.text(),
                       "remove it: systemd and runc find the device by it");
    return {};
}

bool has_number_link(DeviceNumber number, const HostPath& directory) {
    const auto found = host_facts(number_link(number, directory));
    return found && is_device(*found, number);
}

bool may_make_nodes() {
    return in_initial_user_namespace() && is_permitted(CAP_MKNOD);
}

} // namespace grapnel::sys
