// SPDX-License-Identifier: Apache-2.0
#include "support/ld_cache_file.hpp"

namespace grapnel::test {

namespace {

void append_number(std::string& file, std::uint64_t number, std::size_t bytes) {
    for (std::size_t i = 0; i < bytes; ++i)
        file += static_cast<char>((number >> (8 * i)) & 0xff); // the machines of the driver
}

std::string new_format(const std::vector<CacheLine>& lines) {
    constexpr std::size_t header_size = 48;
    constexpr std::size_t entry_size = 24;
    std::string strings;
    std::string entries;
    const auto strings_at = header_size + lines.size() * entry_size;
    for (const auto& line : lines) {
        append_number(entries, line.flags, 4);
        append_number(entries, strings_at + strings.size(), 4);
        strings += line.soname + '\0';
        append_number(entries, strings_at + strings.size(), 4);
        strings += line.path + '\0';
        append_number(entries, 0, 4);
        append_number(entries, 0, 8);
    }
    std::string file = "glibc-ld.so.cache1.1";
    append_number(file, lines.size(), 4);
    append_number(file, strings.size(), 4);
    file.resize(header_size, '\0');
    return file + entries + strings;
}

/// One entry of the old format, as "ldconfig -c compat" leaves it in front.
std::string old_entries() {
    std::string file = "ld.so-1.7.0";
    file += '\0';
    append_number(file, 1, 4);
    append_number(file, 3, 4);
    append_number(file, 0, 4);
    append_number(file, 0, 4);
    file.resize((file.size() + 7) / 8 * 8, '\0');
    return file;
}

} // namespace

std::string ld_cache_file(const std::vector<CacheLine>& lines, CacheFormat format) {
    return (format == CacheFormat::glibc ? "" : old_entries()) + new_format(lines);
}

} // namespace grapnel::test
