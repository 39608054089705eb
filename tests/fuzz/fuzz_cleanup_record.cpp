// SPDX-License-Identifier: Apache-2.0
// The cleanup record. Input: its lines, or the JSON of version 1; the same bytes as the target of
// a link that an image had, as the text of a file, and as a planned link's target.
#include "apply/record_header.hpp"
#include "fuzz.hpp"

using namespace grapnel;
using namespace grapnel::apply;
using fuzz::expect;

namespace {

const std::string header = header_line(host_path("/run/rootfs"), {});

void expect_recorded(std::string_view target) {
    sys::Creation made{.path = inside_path("/usr/lib/libcuda.so"),
                       .facts = {.type = sys::FileFacts::Type::link,
                                 .inode = ~std::uint64_t{0},
                                 .size = target.size()},
                       .former_target = std::string(target)};
    made.former_text = std::string(target);
    sys::Creation plan{.path = inside_path("/usr/lib/x"),
                       .facts = {.type = sys::FileFacts::Type::link}};
    plan.planned = std::string(target);
    const auto read = parse_cleanup_record(header + creation_lines({made, plan}));
    expect(read && read->creations.size() == 2, "a record survives being written");
    expect(read->creations[0].former_target == target, "a link's target is kept byte by byte");
    expect(read->creations[0].former_text == target, "a file's text is kept byte by byte");
    expect(read->creations[0].facts.inode == ~std::uint64_t{0}, "an inode is kept whole");
    expect(read->creations[1].planned == target, "a planned target is kept byte by byte");
}

void expect_sound(const Result<CleanupRecord>& record) {
    if (!record) {
        fuzz::expect_printable(record.error());
        return;
    }
    fuzz::expect_normal(record->rootfs.text());
    for (const auto& creation : record->creations) {
        fuzz::expect_normal(creation.path.text());
        expect(creation.planned || creation.facts.type == sys::FileFacts::Type::regular
                   || creation.facts.type == sys::FileFacts::Type::directory || creation.is_link(),
               "a record names files, directories and links alone");
    }
    const auto written = header + creation_lines(record->creations);
    const auto again = parse_cleanup_record(written);
    expect(again && header + creation_lines(again->creations) == written,
           "a record survives being written");
}

/// The header is read as it is parsed.
void expect_same_header(std::string_view text) {
    const auto read = read_record_header(text);
    if (!read)
        return;
    const auto record = parse_cleanup_record(text);
    expect(!record || read->start == record->start, "a header is read as it is parsed");
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto text = fuzz::as_text(data, size);
    // a link's target is neither empty nor holds a NUL byte
    if (!text.empty() && text.find('\0') == std::string_view::npos)
        expect_recorded(text);
    expect_sound(parse_cleanup_record(text));
    expect_sound(parse_old_record(text));
    expect_same_header(text);
    return 0;
}
