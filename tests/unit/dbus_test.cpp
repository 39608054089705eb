// SPDX-License-Identifier: Apache-2.0
// Messages of D-Bus against the bytes that the D-Bus Specification prescribes for them.
#include "systemd/dbus_message.hpp"
#include "systemd/manager.hpp"

#include <doctest/doctest.h>
#include <initializer_list>

namespace {

using namespace grapnel;
using namespace grapnel::systemd;
using std::string_literals::operator""s;

/// "Marshalling", "Message Format": four bytes of numbers are little-endian.
std::string u32(std::uint32_t value) {
    std::string out;
    for (int shift = 0; shift < 32; shift += 8)
        out += static_cast<char>(value >> shift & 0xff);
    return out;
}

/// An answer with these header fields (marshalled, behind the first 12 bytes) and this body.
std::string answer(char type, const std::string& fields, const std::string& body) {
    auto out = "l"s + type + "\1\1"s + u32(static_cast<std::uint32_t>(body.size())) + u32(7)
               + u32(static_cast<std::uint32_t>(fields.size())) + fields;
    out.resize((out.size() + 7) / 8 * 8, '\0');
    return out + body;
}

const auto reply_to_1 = "\5\1u\0\1\0\0\0"s;
const auto holds_variant = "\10\1g\0\1v\0"s;

Message variant(const std::string& body) {
    return {.type = Type::reply, .reply_to = 1, .signature = "v", .body = body};
}

std::string first_error(const std::string& bytes) {
    const auto size = message_size(bytes.substr(0, prefix_size));
    if (!size)
        return size.error().what;
    const auto message = parse_message(bytes);
    return message ? "" : message.error().what;
}

} // namespace

TEST_CASE("values are marshalled with their alignment") {
    Writer writer;
    writer.string("foo"); // the specification's own example of strings: "foo", "+", "bar"
    writer.string("+");
    writer.string("bar");
    CHECK(writer.bytes() == "\3\0\0\0foo\0\1\0\0\0+\0\0\0\3\0\0\0bar\0"s);

    Writer mixed;
    mixed.byte(7);
    mixed.number(1);
    mixed.signature("a(ss)");
    CHECK(mixed.bytes() == "\7\0\0\0\1\0\0\0\5a(ss)\0"s);
}

TEST_CASE("an array's size leaves out the first padding") {
    Writer writer;
    const auto array = writer.begin_array(8);
    writer.structure();
    writer.string("a");
    writer.string("b");
    writer.structure();
    writer.string("c");
    writer.string("d");
    writer.end_array(array);
    CHECK(writer.bytes()
          == "\36\0\0\0\0\0\0\0"s + "\1\0\0\0a\0\0\0\1\0\0\0b\0\0\0"s
                 + "\1\0\0\0c\0\0\0\1\0\0\0d\0"s);

    Writer empty;
    empty.end_array(empty.begin_array(8));
    CHECK(empty.bytes() == "\0\0\0\0\0\0\0\0"s);
}

TEST_CASE("a nested array has its own size") {
    Writer writer;
    const auto outer = writer.begin_array(8);
    writer.structure();
    const auto inner = writer.begin_array(8);
    writer.structure();
    writer.string("x");
    writer.end_array(inner);
    writer.end_array(outer);
    CHECK(writer.bytes() == "\16\0\0\0\0\0\0\0"s + "\6\0\0\0\0\0\0\0"s + "\1\0\0\0x\0"s);
}

TEST_CASE("a call is marshalled as the specification says") {
    Writer arguments;
    arguments.string("ab");
    const Call call{.destination = "d.e",
                    .path = "/p",
                    .interface = "i.f",
                    .member = "M",
                    .signature = "s",
                    .arguments = arguments.bytes()};
    CHECK(marshalled(call, 0x102)
          == "l\1\0\1\7\0\0\0\2\1\0\0\107\0\0\0"s    // call, no flags, version 1, sizes, serial
                 + "\1\1o\0\2\0\0\0/p\0\0\0\0\0\0"s  // PATH
                 + "\2\1s\0\3\0\0\0i.f\0\0\0\0\0"s   // INTERFACE
                 + "\3\1s\0\1\0\0\0M\0\0\0\0\0\0\0"s // MEMBER
                 + "\6\1s\0\3\0\0\0d.e\0\0\0\0\0"s   // DESTINATION
                 + "\10\1g\0\1s\0\0"s                // SIGNATURE, padding
                 + "\2\0\0\0ab\0"s);
}

TEST_CASE("an answer has serial number, sender and body") {
    const auto bytes = answer(2, reply_to_1 + "\7\1s\0\1\0\0\0x\0\0\0\0\0\0\0"s + holds_variant,
                              "\1s\0\0\4\0\0\0auto\0"s);
    const auto size = message_size(bytes.substr(0, prefix_size));
    REQUIRE(size);
    CHECK(*size == bytes.size());
    const auto message = parse_message(bytes);
    REQUIRE(message);
    CHECK(message->type == Type::reply);
    CHECK(message->reply_to == 1);
    CHECK(message->sender == "x");
    CHECK(message->signature == "v");
    const auto value = string_in_variant(*message);
    REQUIRE(value);
    CHECK(*value == "auto");
}

TEST_CASE("an error has a name and a text") {
    const auto bytes =
        answer(3, reply_to_1 + "\4\1s\0\3\0\0\0a.b\0\0\0\0\0"s + "\10\1g\0\1s\0"s, "\2\0\0\0no\0"s);
    const auto message = parse_message(bytes);
    REQUIRE(message);
    CHECK(message->type == Type::error);
    CHECK(message->error == "a.b");
    CHECK(error_text(*message) == "no");
    CHECK(error_text(variant("\1s\0\0\4\0\0\0auto\0"s)).empty());
    CHECK(error_text({.signature = "s", .body = "\377\0\0\0x"s}).empty());
}

TEST_CASE("an unknown header field is skipped") {
    for (const auto& value : {"y\0\1"s, "b\0\1\0\0\0"s, "n\0\1\0"s, "x\0\0\0\0\0\1\0\0\0\0\0\0\0"s,
                              "g\0\3ayy\0"s, "o\0\1\0\0\0/\0"s}) {
        CAPTURE(value);
        auto fields = "\147\1"s + value;
        fields.resize((fields.size() + 7) / 8 * 8, '\0');
        const auto message = parse_message(answer(2, fields + reply_to_1, ""));
        REQUIRE(message);
        CHECK(message->reply_to == 1);
    }
}

TEST_CASE("a damaged message is refused within its bounds") {
    const auto good = answer(2, reply_to_1 + holds_variant, "\1s\0\0\1\0\0\0a\0"s);
    CHECK(first_error(good).empty());
    const auto changed = [&](std::size_t at, const std::string& bytes) {
        auto out = good;
        out.replace(at, bytes.size(), bytes);
        return first_error(out);
    };
    const auto is = [](const char* what) { return "a D-Bus message is malformed: "s + what; };
    CHECK(changed(0, "B") == is("it is not little-endian"));
    CHECK(changed(1, "\0"s) == is("its type or version is unknown"));
    CHECK(changed(3, "\2") == is("its type or version is unknown"));
    CHECK(changed(8, u32(0)) == is("it has no serial number"));
    CHECK(changed(4, u32(0xffffffff)) == is("it is too long"));
    CHECK(changed(12, u32(0xffffffff)) == is("it is too long"));
    CHECK(changed(4, u32(message_limit)) == is("it is too long"));
    CHECK(changed(4, u32(9)) == is("it has another size than it says"));
    CHECK(changed(12, u32(8)) == is("it has another size than it says"));
    CHECK(changed(17, "\2uu\0"s) == is("a field of its header has no basic type"));
    CHECK(changed(18, "v") == is("a field of its header has no basic type"));
    CHECK(changed(19, "x") == is("a string has no end, or one within"));
    CHECK(changed(28, "\377") == is("it ends within a value"));
    CHECK(first_error(answer(2, "\4\1s\0\1\0\0\0a\0\0"s, "")) == is("it ends in padding"));
    CHECK(first_error(answer(2, "\4\1s\0\1\0\0\0a\0x"s + reply_to_1, ""))
          == is("padding is not zero"));
    CHECK(first_error(answer(2, "\4\1s\0\3\0\0\0a\0b\0"s, ""))
          == is("a string has no end, or one within"));
    for (std::size_t size = 0; size < good.size(); ++size)
        CHECK(!parse_message(good.substr(0, size)));
    CHECK(!message_size(good.substr(0, prefix_size - 1)));
}

TEST_CASE("pairs of strings are read from a variant") {
    const auto start = "\5a(ss)\0\0"s; // the signature, padding up to 8
    const auto first = "\1\0\0\0a\0\0\0\2\0\0\0rw\0"s;
    const auto pairs = pairs_in_variant(
        variant("\5a(ss)\0\0"s.substr(0, 7) + "\0"s + u32(31) + u32(0) + first + "\0"s + first));
    REQUIRE(pairs);
    CHECK(*pairs == Pairs{{"a", "rw"}, {"a", "rw"}});
    const auto none = pairs_in_variant(variant(start + u32(0) + u32(0)));
    REQUIRE(none);
    CHECK(none->empty());
}

TEST_CASE("a variant of another type is refused") {
    const auto start = "\5a(ss)\0\0"s;
    const auto pair = "\1\0\0\0a\0\0\0\2\0\0\0rw\0"s;
    const std::string bodies[] = {
        "",
        "\1s\0\0\1\0\0\0a\0"s,
        start,
        start + u32(15),
        start + u32(15) + u32(0),
        start + u32(14) + u32(0) + pair,
        start + u32(16) + u32(0) + pair,
        start + u32(0xffffffff) + u32(0) + pair,
        start + u32(15) + u32(0) + pair + "\0"s,
        start + u32(15) + u32(1) + pair,
    };
    for (const auto& body : bodies) {
        CAPTURE(body.size());
        CHECK(!pairs_in_variant(variant(body)));
    }
    CHECK(pairs_in_variant(variant(start + u32(15) + u32(0) + pair)));
    CHECK(!string_in_variant(variant("\1s\0\0\1\0\0\0a\0\0"s)));
    CHECK(!string_in_variant(variant("\1s\0\0\2\0\0\0a\0"s)));
    CHECK(!string_in_variant({.signature = "s", .body = "\1\0\0\0a\0"s}));
}

TEST_CASE("a unit's object path has letters and digits") {
    CHECK(systemd::unit_object("docker-0a.scope")
          == "/org/freedesktop/systemd1/unit/docker_2d0a_2escope");
    CHECK(systemd::unit_object("9\xff_.scope")
          == "/org/freedesktop/systemd1/unit/_39_ff_5f_2escope");
}
