// SPDX-License-Identifier: Apache-2.0
// A list of files as JetPack has them.
#include "driver/tegra/csv_list.hpp"
#include "fuzz.hpp"

using namespace grapnel;
using fuzz::expect;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto list = parse_csv_list(fuzz::as_text(data, size));
    for (const auto& entry : list.entries) {
        const auto& path = entry.path.text();
        fuzz::expect_normal(path);
        const bool is_device = entry.type == CsvEntry::Type::device;
        const bool is_directory = entry.type == CsvEntry::Type::directory;
        expect(path.starts_with("/dev/") ? is_device || is_directory : !is_device,
               "devices lie below /dev, and nothing else but directories does");
        expect(path != "/proc" && !path.starts_with("/proc/") && path != "/sys"
                   && !path.starts_with("/sys/") && path != "/" && path != "/dev",
               "the kernel's file systems are the container's own");
    }
    for (const auto& line : list.bad_lines)
        for (const char c : line)
            expect(c >= 0x20 && c < 0x7f, "a line is fit to be printed");
    return 0;
}
