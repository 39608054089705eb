// SPDX-License-Identifier: Apache-2.0
// What an image says of its libcuda. Input: a line with the name of the file, a line with the
// driver's version, a line with its CUDA version, and the note.
#include "base/version.hpp"
#include "fuzz.hpp"
#include "plan/forward_compat.hpp"

using namespace grapnel;
using fuzz::expect;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    auto rest = fuzz::as_text(data, size);
    CompatLibrary library{.name = std::string(fuzz::take_line(rest))};
    const auto driver = Version::parse(fuzz::take_line(rest));
    const auto cuda = Version::parse(fuzz::take_line(rest));
    const auto without_note = use_compat(library, driver, cuda);
    library.note = std::string(rest);
    const auto used = use_compat(library, driver, cuda);
    for (const auto& one : {without_note, used}) {
        if (!one)
            continue;
        expect(one->library == library.name && library.name.starts_with("libcuda.so."),
               "what is used is the library that was found");
        expect(Version::parse(library.name.substr(11)).has_value(), "it has a version");
        expect(!one->cuda || Version::parse(*one->cuda), "a CUDA version is one");
        expect(driver || cuda, "nothing is used on a host of which nothing is known");
    }
    expect(!without_note || driver, "without a note the driver's version decides");
    expect(!used || used->cuda, "a note that counts names a CUDA version");
    if (used && driver)
        expect(*Version::parse(library.name.substr(11)) > *driver, "it is newer than the driver");
    return 0;
}
