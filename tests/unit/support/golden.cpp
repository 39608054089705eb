// SPDX-License-Identifier: Apache-2.0
#include "support/golden.hpp"

#include "base/format.hpp"
#include "support/machine_names.hpp"

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string_view>

namespace grapnel::test {

namespace fs = std::filesystem;

namespace {

bool is_same(const fs::path& golden, const std::optional<std::string>& now) {
    const auto then = file_text(golden);
    if (then == now || (then && now && is_same_on_this_machine(*then, *now)))
        return true;
    std::cerr << format_text("{} differs\n--- expected\n{}\n--- found\n{}\n", golden.string(),
                             then.value_or("(no such file)"), now.value_or("(nothing)"));
    return false;
}

void rewrite(const fs::path& golden, const std::optional<std::string>& now) {
    fs::remove(golden);
    if (now)
        std::ofstream(golden, std::ios::binary) << *now;
}

} // namespace

std::optional<std::string> file_text(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file)
        return std::nullopt;
    return with_names_of_this_machine(std::string(std::istreambuf_iterator<char>(file), {}));
}

int compare_golden(const fs::path& directory, const GoldenFiles& found) {
    const char* update = std::getenv("GRAPNEL_UPDATE_GOLDEN");
    bool good = true;
    for (const auto& [name, now] : found) {
        if (update != nullptr && std::string_view(update) == "1")
            rewrite(directory / name, now);
        else
            good = is_same(directory / name, now) && good;
    }
    if (!good)
        std::cerr << "GRAPNEL_UPDATE_GOLDEN=1 takes what was found as expected\n";
    return good ? 0 : 1;
}

} // namespace grapnel::test
