// SPDX-License-Identifier: Apache-2.0
// An answer on D-Bus. Input: its bytes.
#include "fuzz.hpp"
#include "systemd/dbus_message.hpp"

using namespace grapnel;
using namespace grapnel::systemd;
using fuzz::expect;

namespace {

/// The body of a variant that holds these pairs.
std::string rendered(const Pairs& pairs) {
    Writer writer;
    writer.signature("a(ss)");
    const auto array = writer.begin_array(8);
    for (const auto& [first, second] : pairs) {
        writer.structure();
        writer.string(first);
        writer.string(second);
    }
    writer.end_array(array);
    return writer.bytes();
}

void expect_bounded(const Message& message, std::size_t size) {
    expect(message.body.size() + message.error.size() + message.sender.size() < size,
           "a message holds no more than its bytes");
    for (const auto* const text : {&message.error, &message.sender, &message.signature})
        expect(text->find('\0') == std::string::npos, "a string holds no NUL byte");
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto bytes = fuzz::as_text(data, size);
    const auto told = message_size(bytes.substr(0, prefix_size));
    if (told)
        expect(*told >= prefix_size && *told <= message_limit, "a size is bounded");
    else
        fuzz::expect_printable(told.error());
    const auto message = parse_message(bytes);
    if (!message) {
        fuzz::expect_printable(message.error());
        return 0;
    }
    expect(told && *told == size, "a message has the size that its beginning tells");
    expect_bounded(*message, size);
    expect(error_text(*message).size() < size, "a text is no longer than its message");
    if (const auto text = string_in_variant(*message))
        expect(text->find('\0') == std::string::npos, "a string holds no NUL byte");
    if (const auto pairs = pairs_in_variant(*message)) {
        expect(!string_in_variant(*message), "a variant has one type");
        const auto again =
            pairs_in_variant({.type = Type::reply, .signature = "v", .body = rendered(*pairs)});
        expect(again && *again == *pairs, "pairs survive being written");
    }
    return 0;
}
