// SPDX-License-Identifier: Apache-2.0
// What grapnel-probe printed, a process that ran the driver's code. Input: its output.
#include "base/version.hpp"
#include "driver/probe_answer.hpp"
#include "fuzz.hpp"

#include <algorithm>

using namespace grapnel;
using fuzz::expect;

namespace {

void expect_word(const std::string& word) {
    expect(word.size() <= 96, "a word has a bound");
    expect(std::ranges::all_of(word, [](char c) { return c > ' ' && c < 0x7f; }),
           "a word can be printed");
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto text = fuzz::as_text(data, size);
    const auto answer = parse_probe_answer(text);
    if (!answer)
        return 0;
    expect(size <= probe_answer_limit, "an answer has a bound");
    for (const auto& gpu : answer->gpus) {
        for (const auto* const word : {&gpu.pci, &gpu.uuid, &gpu.brand, &gpu.arch})
            expect_word(*word);
        expect(gpu.arch.empty() || Version::parse(gpu.arch), "arch is a version");
        expect(gpu.pci.find("..") == std::string::npos && gpu.pci.find('/') == std::string::npos,
               "an address can be a file's name");
    }
    for (const auto& mig : answer->migs)
        expect_word(mig.uuid);
    const auto again = parse_probe_answer(to_text(*answer));
    expect(again && *again == *answer, "an answer survives being written");
    const std::string key = "boot\ndriver\t1\n";
    const auto kept = parse_kept_answer(kept_answer(key, *answer), key);
    expect(kept && *kept == *answer, "an answer survives being kept");
    return 0;
}
