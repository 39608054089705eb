// SPDX-License-Identifier: Apache-2.0
#include "sys/host_fs.hpp"

#include "sys/retry.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace grapnel::sys {

bool is_missing(const Error& error) {
    return error.sys == ENOENT || error.sys == ENOTDIR;
}

bool is_transient(const Error& error) {
    constexpr std::array causes{EAGAIN, EDQUOT,  EINTR,  EIO,   EMFILE,
                                ENFILE, ENOBUFS, ENOMEM, ENOSPC};
    return std::ranges::find(causes, error.sys) != causes.end();
}

bool is_without_answer(const Error& error) {
    return is_transient(error) || error.sys == EPERM;
}

Result<std::vector<std::string>> HostFs::list_matching(const HostPath& path,
                                                       const NameFilter& keep) const {
    auto names = GRAPNEL_TRY(list(path));
    std::erase_if(names, [&](const auto& name) { return !keep(name); });
    return names;
}

Result<std::string> LinuxHostFs::read(const HostPath& path) const {
    return read_host_file(path, std::size_t{1} << 20);
}

Result<FileView> LinuxHostFs::map(const HostPath& path) const {
    const auto file = GRAPNEL_TRY(open_sized_host_file(path));
    const auto size = static_cast<std::size_t>(file.size);
    if (size == 0)
        return FileView(nullptr, {}, file.id);
    void* const start = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.fd.ref().value, 0);
    if (start == MAP_FAILED)
        return system_error("mmap " + path.text());
    const auto unmap = [size](const void* address) { munmap(const_cast<void*>(address), size); };
    return FileView(std::shared_ptr<const void>(start, unmap),
                    {static_cast<const char*>(start), size}, file.id);
}

Result<std::vector<std::string>> LinuxHostFs::list(const HostPath& path) const {
    const auto fd = GRAPNEL_TRY(open_host_directory(path));
    return directory_names(fd.ref(), path.text());
}

Result<std::vector<std::string>> LinuxHostFs::list_matching(const HostPath& path,
                                                            const NameFilter& keep) const {
    const auto fd = GRAPNEL_TRY(open_host_directory(path));
    return directory_names(fd.ref(), path.text(), keep);
}

Result<FileFacts> LinuxHostFs::stat(const HostPath& path) const {
    return host_facts(path);
}

Result<FileFacts> LinuxHostFs::stat_link(const HostPath& path) const {
    return facts({AT_FDCWD}, path.text().c_str());
}

Result<std::string> LinuxHostFs::read_link(const HostPath& path) const {
    std::array<char, PATH_MAX> target{};
    const auto length =
        retried([&] { return readlink(path.text().c_str(), target.data(), target.size()); });
    if (length < 0)
        return system_error("readlink " + path.text());
    return std::string(target.data(), static_cast<std::size_t>(length));
}

Result<HostPath> LinuxHostFs::resolve(const HostPath& path) const {
    const auto fd = GRAPNEL_TRY(open_host_path(path));
    std::array<char, PATH_MAX> target{};
    const auto link = "/proc/self/fd/" + std::to_string(fd.ref().value);
    const auto length =
        retried([&] { return readlink(link.c_str(), target.data(), target.size()); });
    if (length < 0)
        return system_error("readlink " + link);
    return HostPath::make({target.data(), static_cast<std::size_t>(length)});
}

} // namespace grapnel::sys
