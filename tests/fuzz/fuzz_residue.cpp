// SPDX-License-Identifier: Apache-2.0
// The record of what was made in a root file system. Input: its JSON; the same bytes as the
// target of a link that an image had, and as the text of a file.
#include "apply/residue.hpp"
#include "fuzz.hpp"

using namespace grapnel;
using namespace grapnel::apply;
using fuzz::expect;

namespace {

void expect_recorded(std::string_view target) {
    Residue residue{.rootfs = host_path("/run/rootfs")};
    residue.creations.push_back(
        {.path = inside_path("/usr/lib/libcuda.so"), .former_target = std::string(target)});
    residue.creations.back().former_text = std::string(target);
    residue.creations.back().facts = {.type = sys::FileFacts::Type::link,
                                      .device = 64769,
                                      .inode = ~std::uint64_t{0},
                                      .size = target.size()};
    const auto read = parse_residue(to_json(residue));
    expect(read && read->creations.size() == 1, "a record survives being written");
    expect(read->creations.front().former_target == target, "a link's target is kept byte by byte");
    expect(read->creations.front().former_text == target, "a file's text is kept byte by byte");
    expect(read->creations.front().facts.inode == ~std::uint64_t{0}, "an inode is kept whole");
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto text = fuzz::as_text(data, size);
    // a link's target is neither empty nor holds a NUL byte
    if (!text.empty() && text.find('\0') == std::string_view::npos)
        expect_recorded(text);
    const auto residue = parse_residue(text);
    if (!residue) {
        fuzz::expect_printable(residue.error());
        return 0;
    }
    fuzz::expect_normal(residue->rootfs.text());
    for (const auto& creation : residue->creations) {
        fuzz::expect_normal(creation.path.text());
        expect(creation.facts.type == sys::FileFacts::Type::regular
                   || creation.facts.type == sys::FileFacts::Type::directory || creation.is_link(),
               "a record names files, directories and links alone");
    }
    const auto written = to_json(*residue);
    const auto again = parse_residue(written);
    expect(again && to_json(*again) == written, "a record survives being written");
    return 0;
}
