// SPDX-License-Identifier: Apache-2.0
#include "sys/proc_file.hpp"

#include "sys/fd.hpp"
#include "sys/retry.hpp"

#include <array>
#include <climits>
#include <fcntl.h>
#include <memory>
#include <unistd.h>

namespace grapnel::sys {

namespace {

/// A read(2) of fewer bytes has reached the end, because no line of these files is longer (seq_file
/// in the kernel). mountinfo has longer lines: mount_list.hpp.
constexpr std::size_t certain_end = 2048;
constexpr std::size_t chunk = 16384;
constexpr std::size_t most = std::size_t{1} << 20;

} // namespace

Result<std::string> read_kernel_file(const std::string& path) {
    return read_kernel_file_in(FdRef{AT_FDCWD}, path);
}

Result<std::string> read_kernel_file_in(FdRef directory, const std::string& path) {
    const Fd fd(retried([&] {
        return ::openat(directory.value, path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    }));
    if (!fd.valid())
        return system_error("open " + path);
    const auto part = std::make_unique_for_overwrite<char[]>(chunk);
    std::string text;
    while (text.size() < most) {
        const auto size = retried([&] { return ::read(fd.ref().value, part.get(), chunk); });
        if (size < 0)
            return system_error("read " + path);
        text.append(part.get(), static_cast<std::size_t>(size));
        if (static_cast<std::size_t>(size) < certain_end)
            break;
    }
    return text;
}

Result<std::string> read_kernel_link(const std::string& path) {
    std::array<char, PATH_MAX> target{};
    const auto length =
        retried([&] { return ::readlink(path.c_str(), target.data(), target.size()); });
    if (length < 0)
        return system_error("readlink " + path);
    return std::string(target.data(), static_cast<std::size_t>(length));
}

} // namespace grapnel::sys
