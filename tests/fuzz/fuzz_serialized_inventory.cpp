// SPDX-License-Identifier: Apache-2.0
// The output of the process that looks at the host, which can have been taken over. Input: the
// bytes.
#include "driver/serialized_inventory.hpp"
#include "fuzz.hpp"

using namespace grapnel;
using fuzz::expect;

namespace {

void expect_path(const HostPath& path) {
    if (!path.empty())
        fuzz::expect_normal(path.text());
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto bytes = fuzz::as_text(data, size);
    const auto inventory = parse_serialized_inventory(bytes);
    if (!inventory && inventory.error().text().find("not of the form") != std::string::npos)
        return 0;
    expect(size <= serialized_inventory_limit, "an inventory has a bound");
    expect(serialize(inventory) == bytes, "an inventory has one form");
    if (!inventory) {
        expect(inventory.error().text().find('\n') == std::string::npos, "an error is one line");
        return 0;
    }
    const auto& found = inventory->inventory;
    for (std::size_t i = 0; i < found.gpus.size(); ++i)
        expect(found.gpus[i].index == i, "a GPU's index is its place");
    for (const auto& library : found.libraries)
        expect_path(library.path);
    for (const auto& file : found.config_files)
        expect_path(file.path);
    for (const auto& node : found.control_nodes)
        expect_path(node.path);
    for (const auto& one : inventory->observations.value_or(driver::Observations()))
        expect_path(one.path);
    return 0;
}
