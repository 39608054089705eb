// SPDX-License-Identifier: Apache-2.0
#include "sys/log_places.hpp"

#include "sys/file.hpp"
#include "sys/lock.hpp"

#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>

namespace grapnel::sys {

Result<Fd> connect_datagrams(const HostPath& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.text().size() >= sizeof address.sun_path)
        return refused(path.text() + " is too long for a socket");
    std::memcpy(address.sun_path, path.text().c_str(), path.text().size() + 1);
    Fd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd.valid())
        return system_error("socket");
    if (connect(fd.ref().value, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        return system_error("connect to " + path.text());
    return fd;
}

void rotate_file(const HostPath& path, std::uint64_t longest) {
    const auto directory = open_host_directory(path.parent());
    if (!directory)
        return;
    const std::string name(path.name());
    const auto locked = lock_part(directory->ref(), name, 0, 0);
    const auto now = facts(directory->ref(), name.c_str());
    if (locked && *locked && now && now->size > longest)
        (void)renameat(directory->ref().value, name.c_str(), directory->ref().value,
                       (name + ".1").c_str());
}

} // namespace grapnel::sys
