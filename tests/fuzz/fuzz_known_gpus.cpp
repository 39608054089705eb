// SPDX-License-Identifier: Apache-2.0
// What is known of the GPUs from an earlier run. Input: the file that keeps it.
#include "driver/known_gpus.hpp"
#include "fuzz.hpp"

using namespace grapnel;
using fuzz::expect;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto text = fuzz::as_text(data, size);
    const auto gpus = parse_known_gpus(text);
    expect(gpus.size() * 7 <= size + 1, "what is known stands in the file");
    for (const auto& gpu : gpus)
        for (const auto* const word : {&gpu.pci, &gpu.uuid, &gpu.model})
            expect(word->find_first_of("\t\n") == std::string::npos, "a word holds no separator");
    expect(parse_known_gpus(to_text(gpus)) == gpus, "what is known survives being written");
    return 0;
}
