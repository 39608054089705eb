// SPDX-License-Identifier: Apache-2.0
#include "devices/device_program.hpp"

#include <algorithm>
#include <cstdint>
#include <doctest/doctest.h>
#include <optional>

namespace {

using namespace grapnel;
using namespace grapnel::devices;
using Type = DeviceRule::Type;
using Rules = std::vector<DeviceRule>;

constexpr std::uint32_t any = access_read | access_write | access_mknod;

/// Every question that a container can put to a device program, for numbers that matter.
Rules questions() {
    Rules all;
    for (const auto type : {Type::character, Type::block})
        for (const std::uint32_t major : {0U, 1U, 5U, 8U, 10U, 136U, 195U, 196U, 238U, 4095U})
            for (const std::uint32_t minor : {0U, 1U, 2U, 3U, 5U, 7U, 8U, 9U, 254U, 255U, 1048575U})
                for (std::uint32_t access = 1; access <= any; ++access)
                    all.push_back({.type = type, .major = major, .minor = minor, .access = access});
    return all;
}

bool matches(const DeviceRule& rule, const DeviceRule& question) {
    return (rule.type == Type::all || rule.type == question.type)
           && (!rule.major || rule.major == question.major)
           && (!rule.minor || rule.minor == question.minor);
}

/// Of the rules that say something about an access the last one decides; none: no.
bool allowed_by_last_word(const Rules& rules, const DeviceRule& question) {
    for (const std::uint32_t bit : {access_read, access_write, access_mknod}) {
        if ((question.access & bit) == 0)
            continue;
        bool allowed = false;
        for (const auto& rule : rules)
            if (matches(rule, question) && (rule.access & bit) != 0)
                allowed = rule.allow;
        if (!allowed)
            return false;
    }
    return true;
}

/// As the OCI specification's section on default devices and every runtime have it.
Rules with_default_devices(Rules rules) {
    rules.push_back({.type = Type::character, .access = access_mknod});
    rules.push_back({.type = Type::block, .access = access_mknod});
    for (const std::uint32_t minor : {3U, 5U, 7U, 8U, 9U}) // null, zero, full, random, urandom
        rules.push_back({.major = 1, .minor = minor, .access = any});
    rules.push_back({.major = 5, .minor = 0, .access = any}); // tty
    rules.push_back({.major = 5, .minor = 2, .access = any}); // ptmx
    rules.push_back({.major = 136, .access = any});           // pts
    return rules;
}

constexpr bpf_insn instruction(int code, std::uint8_t target, std::uint8_t source, __s16 offset,
                               __s32 immediate) {
    return {.code = static_cast<__u8>(code),
            .dst_reg = static_cast<__u8>(target & 0xf),
            .src_reg = static_cast<__u8>(source & 0xf),
            .off = offset,
            .imm = immediate};
}

Code answering(__s32 answer) {
    return {instruction(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, answer),
            instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)};
}

} // namespace

TEST_CASE("the last matching rule decides each access") {
    struct Row {
        const char* what;
        Rules rules;
    };
    const DeviceRule deny_all{.allow = false, .type = Type::all, .access = any};
    const DeviceRule gpu{.major = 195, .minor = 0};
    const Row rows[] = {
        {"no rule", {}},
        {"everything denied", {deny_all}},
        {"everything allowed", {{.type = Type::all, .access = any}}},
        {"one device after a denial", {deny_all, gpu}},
        {"a denial after one device", {gpu, deny_all}},
        {"a part denied after all of it",
         {deny_all,
          {.major = 195, .access = any},
          {.allow = false, .major = 195, .access = access_write}}},
        {"a part allowed after a denial of it",
         {{.type = Type::all, .access = any},
          {.allow = false, .major = 195, .access = any},
          {.major = 195, .minor = 255, .access = access_read}}},
        {"accesses allowed one by one",
         {deny_all,
          {.major = 195, .minor = 0, .access = access_read},
          {.major = 195, .minor = 0, .access = access_write}}},
        {"one access of each kind", {deny_all, {.major = 8, .minor = 0, .access = access_mknod}}},
        {"any major", {deny_all, {.minor = 255, .access = access_read}}},
        {"block devices",
         {deny_all,
          {.type = Type::block, .major = 8, .access = any},
          {.allow = false, .type = Type::block, .major = 8, .minor = 1, .access = access_write}}},
        {"any type of one number", {deny_all, {.type = Type::all, .major = 195, .minor = 254}}},
        {"null denied, and allowed to every container all the same",
         {deny_all, {.allow = false, .major = 1, .minor = 3, .access = any}}},
        {"the largest numbers", {deny_all, {.major = 4095, .minor = 1048575}}},
        {"a rule about nothing", {deny_all, {.major = 195, .access = 0}}},
    };
    for (const auto& row : rows) {
        CAPTURE(row.what);
        const auto code = from_spec(row.rules);
        const auto rules = with_default_devices(row.rules);
        for (const auto& question : questions()) {
            const auto answer = permits(code, question);
            const auto expected = allowed_by_last_word(rules, question);
            if (answer != std::optional(expected)) { // 3,080 questions a row: only misses are shown
                CAPTURE(question.text());
                CHECK(answer == std::optional(expected));
            }
        }
    }
}

TEST_CASE("added rules leave other decisions to the program") {
    const Rules added{{.major = 195, .minor = 0},
                      {.major = 195, .minor = 255},
                      {.major = 238, .minor = 1, .access = access_read},
                      {.type = Type::block, .major = 8, .minor = 0, .access = any}};
    struct Row {
        const char* what;
        Code old;
    };
    const Row rows[] = {
        {"says no", answering(0)},
        {"says yes", answering(1)},
        {"of a specification", from_spec({{.major = 10}})},
        {"extended before", prepend_allow_rules({{.major = 196, .minor = 1}}, answering(0))},
    };
    for (const auto& row : rows) {
        CAPTURE(row.what);
        const auto code = prepend_allow_rules(added, row.old);
        for (const auto& question : questions()) {
            const bool by_rule = std::ranges::any_of(added, [&](const auto& rule) {
                return matches(rule, question) && (question.access & ~rule.access) == 0;
            });
            const auto expected = by_rule ? std::optional(true) : permits(row.old, question);
            if (permits(code, question) != expected) {
                CAPTURE(question.text());
                CHECK(permits(code, question) == expected);
            }
        }
    }
    CHECK(permits(prepend_allow_rules({}, answering(0)), {.major = 1, .minor = 1}) == false);
}

TEST_CASE("adjacent minors are one range and no more") {
    Rules rules;
    for (std::uint32_t minor = 10; minor < 2010; ++minor)
        rules.push_back({.major = 241, .minor = minor});
    rules.push_back({.major = 241, .minor = 2011});
    rules.push_back({.major = 242, .minor = 2012});
    rules.push_back({.type = Type::block, .major = 242, .minor = 2013});
    rules.push_back({.type = Type::block, .major = 242, .minor = 2014, .access = access_read});
    rules.push_back({.major = 242, .minor = 0xffffffff});
    rules.push_back({.major = 242, .minor = 0});
    const auto code = prepend_allow_rules(rules, answering(0));
    CHECK(code.size() < 100);
    for (const std::uint32_t major : {240U, 241U, 242U})
        for (const std::uint32_t minor :
             {0U, 9U, 10U, 11U, 1000U, 2009U, 2010U, 2011U, 2012U, 2013U, 2014U, 2015U})
            for (const auto type : {Type::character, Type::block})
                for (std::uint32_t access = 1; access <= any; ++access) {
                    const DeviceRule question{
                        .type = type, .major = major, .minor = minor, .access = access};
                    CAPTURE(question.text());
                    const bool allowed = std::ranges::any_of(rules, [&](const auto& rule) {
                        return matches(rule, question) && (access & ~rule.access) == 0;
                    });
                    CHECK(permits(code, question) == allowed);
                }
}

TEST_CASE("a program can be extended twice") {
    const auto once = prepend_allow_rules({{.major = 195, .minor = 0}}, answering(0));
    const auto twice = prepend_allow_rules({{.major = 195, .minor = 1}}, once);
    CHECK(permits(twice, {.major = 195, .minor = 0}) == true);
    CHECK(permits(twice, {.major = 195, .minor = 1}) == true);
    CHECK(permits(twice, {.major = 195, .minor = 2}) == false);
    CHECK(can_be_loaded_again(twice));
}

TEST_CASE("a program with unknown instructions is undecided") {
    const auto ends = instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
    struct Row {
        const char* what;
        Code code;
    };
    const Row rows[] = {
        {"empty", {}},
        {"runs off its end", {instruction(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 1)}},
        {"calls", {instruction(BPF_JMP | BPF_CALL, 0, 0, 0, 1), ends}},
        {"uses a map", {instruction(BPF_LD | BPF_IMM | BPF_DW, 1, 1, 0, 5), {}, ends}},
        {"stores", {instruction(BPF_STX | BPF_MEM | BPF_W, 10, 0, -4, 0), ends}},
        {"divides", {instruction(BPF_ALU | BPF_DIV | BPF_K, 0, 0, 0, 2), ends}},
        {"jumps back", {instruction(BPF_JMP | BPF_JA, 0, 0, -1, 0), ends}},
        {"jumps back to its end",
         {instruction(BPF_JMP | BPF_JA, 0, 0, 1, 0), ends,
          instruction(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 1),
          instruction(BPF_JMP | BPF_JA, 0, 0, -3, 0)}},
        {"jumps past its end", {instruction(BPF_JMP | BPF_JA, 0, 0, 5, 0), ends}},
        {"jumps by a sign", {instruction(BPF_JMP | BPF_JSGT | BPF_K, 0, 0, 0, 0), ends}},
        {"reads past the context", {instruction(BPF_LDX | BPF_MEM | BPF_W, 0, 1, 12, 0), ends}},
        {"reads before the context", {instruction(BPF_LDX | BPF_MEM | BPF_W, 0, 1, -4, 0), ends}},
        {"reads across the context", {instruction(BPF_LDX | BPF_MEM | BPF_W, 0, 1, 2, 0), ends}},
        {"reads half a word", {instruction(BPF_LDX | BPF_MEM | BPF_H, 0, 1, 0, 0), ends}},
        {"reads through another register",
         {instruction(BPF_LDX | BPF_MEM | BPF_W, 0, 2, 0, 0), ends}},
        {"names a register that does not exist",
         {instruction(BPF_ALU64 | BPF_MOV | BPF_K, 15, 0, 0, 1), ends}},
        {"runs round in ever so many steps",
         Code(200'000, instruction(BPF_JMP | BPF_JA, 0, 0, 0, 0))},
    };
    for (const auto& row : rows) {
        CAPTURE(row.what);
        CHECK(permits(row.code, {.major = 195, .minor = 0}) == std::nullopt);
    }
}

TEST_CASE("a certain denial is named first") {
    const auto ends = instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
    // majors from 200 on: a call; others: no
    const Code calls{instruction(BPF_LDX | BPF_MEM | BPF_W, 4, 1, 4, 0),
                     instruction(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0),
                     instruction(BPF_JMP | BPF_JLT | BPF_K, 4, 0, 1, 200),
                     instruction(BPF_JMP | BPF_CALL, 0, 0, 0, 15), ends};
    const DeviceRule denied{.major = 195, .minor = 0};
    const DeviceRule unknown{.major = 238, .minor = 0};
    const DeviceRule unknown_too{.major = 238, .minor = 1};
    struct Row {
        const char* what;
        Code code;
        Rules rules;
        std::optional<bool> permits;
        DeviceRule rule;
    };
    const Row rows[] = {
        {"no rule", calls, {}, true, {}},
        {"all allowed", answering(1), {denied, unknown}, true, {}},
        {"all denied: the first", answering(0), {unknown, denied}, false, unknown},
        {"unknown: the first", calls, {unknown_too, unknown}, std::nullopt, unknown_too},
        {"unknown before denied", calls, {unknown, denied}, false, denied},
        {"denied before unknown", calls, {denied, unknown}, false, denied},
    };
    for (const auto& row : rows) {
        CAPTURE(row.what);
        const auto judged = judge(row.code, row.rules);
        CHECK(judged.permits == row.permits);
        if (judged.permits != true)
            CHECK(judged.rule == row.rule);
    }
}

TEST_CASE("each instruction acts as in the kernel") {
    const auto ends = instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
    const auto set = [](__s32 value) {
        return instruction(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, value);
    };
    const auto set2 = [](__s32 value) {
        return instruction(BPF_ALU64 | BPF_MOV | BPF_K, 2, 0, 0, value);
    };
    const auto zero = set(0);
    struct Row {
        const char* what;
        Code code;
        bool yes;
    };
    const auto alu = [](int operation, __s32 value) {
        return instruction(BPF_ALU | operation | BPF_K, 0, 0, 0, value);
    };
    const auto alu64 = [](int operation, __s32 value) {
        return instruction(BPF_ALU64 | operation | BPF_K, 0, 0, 0, value);
    };
    /// yes if the jump is taken
    const auto jumps = [&](int operation, __s32 left, __s32 right) {
        return Code{set(left), instruction(operation | BPF_K, 0, 0, 2, right), zero, ends, set(1),
                    ends};
    };
    const Row rows[] = {
        {"and", {set(6), alu(BPF_AND, 1), ends}, false},
        {"or", {set(0), alu(BPF_OR, 4), ends}, true},
        {"xor", {set(5), alu(BPF_XOR, 5), ends}, false},
        {"add", {set(-1), alu64(BPF_ADD, 1), ends}, false},
        {"a 32-bit operation clears the upper half", {set(-1), alu(BPF_ADD, 1), ends}, false},
        {"right shift", {set(0x10000), alu(BPF_RSH, 17), ends}, false},
        {"right shift of 64 bits", {set(-1), alu64(BPF_RSH, 63), ends}, true},
        {"right shift of 32 bits sees 32",
         {set(-1), alu(BPF_RSH, 31), alu64(BPF_RSH, 1), ends},
         false},
        {"left shift", {set(1), alu(BPF_LSH, 31), ends}, true},
        {"left shift out of 32 bits", {set(2), alu(BPF_LSH, 31), ends}, false},
        {"left shift within 64 bits", {set(2), alu64(BPF_LSH, 31), ends}, true},
        {"a register moved",
         {set2(1), instruction(BPF_ALU | BPF_MOV | BPF_X, 0, 2, 0, 0), ends},
         true},
        {"registers compared",
         {set(7), set2(7), instruction(BPF_JMP | BPF_JEQ | BPF_X, 0, 2, 1, 0), zero, ends},
         true},
        {"jeq taken", jumps(BPF_JMP | BPF_JEQ, 3, 3), true},
        {"jeq not taken", jumps(BPF_JMP | BPF_JEQ, 3, 4), false},
        {"jne", jumps(BPF_JMP | BPF_JNE, 3, 4), true},
        {"jgt", jumps(BPF_JMP | BPF_JGT, 3, 3), false},
        {"jgt without a sign", jumps(BPF_JMP | BPF_JGT, -1, 3), true},
        {"jge", jumps(BPF_JMP | BPF_JGE, 3, 3), true},
        {"jlt", jumps(BPF_JMP | BPF_JLT, 3, 3), false},
        {"jle", jumps(BPF_JMP | BPF_JLE, 3, 3), true},
        {"jset", jumps(BPF_JMP | BPF_JSET, 6, 2), true},
        {"jset of nothing", jumps(BPF_JMP | BPF_JSET, 6, 1), false},
        {"a 32-bit comparison",
         {set(-1), alu(BPF_MOV, -1), instruction(BPF_JMP32 | BPF_JEQ | BPF_K, 0, 0, 1, -1), zero,
          ends},
         true},
        {"a 64-bit comparison extends the sign",
         {alu(BPF_MOV, -1), instruction(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1, -1), zero, ends},
         false},
    };
    for (const auto& row : rows) {
        CAPTURE(row.what);
        CHECK(permits(row.code, {.major = 1, .minor = 1}) == row.yes);
    }
}

TEST_CASE("blinded constants, calls and maps forbid a reload") {
    const auto good = from_spec({});
    CHECK(can_be_loaded_again(good));
    CHECK_FALSE(can_be_loaded_again({}));
    struct Row {
        const char* what;
        bpf_insn one;
    };
    const Row rows[] = {
        {"blinded, as a target", instruction(BPF_ALU64 | BPF_MOV | BPF_K, 11, 0, 0, 1)},
        {"blinded, as a source", instruction(BPF_JMP | BPF_JNE | BPF_X, 2, 11, 0, 0)},
        {"a call", instruction(BPF_JMP | BPF_CALL, 0, 0, 0, 1)},
        {"a map", instruction(BPF_LD | BPF_IMM | BPF_DW, 1, 1, 0, 3)},
    };
    for (const auto& row : rows) {
        CAPTURE(row.what);
        for (const std::size_t at : {std::size_t{0}, good.size() / 2, good.size()}) {
            auto code = good;
            code.insert(code.begin() + static_cast<std::ptrdiff_t>(at), row.one);
            CHECK_FALSE(can_be_loaded_again(code));
        }
    }
}

TEST_CASE("blinded constants can be analysed") {
    // net.core.bpf_jit_harden splits a constant in two and puts it together in register 11
    const __s32 mask = 0x5a5a5a5a;
    const Code code{instruction(BPF_LDX | BPF_MEM | BPF_W, 4, 1, 4, 0),
                    instruction(BPF_ALU64 | BPF_MOV | BPF_K, 11, 0, 0, mask ^ 195),
                    instruction(BPF_ALU64 | BPF_XOR | BPF_K, 11, 0, 0, mask),
                    instruction(BPF_JMP | BPF_JNE | BPF_X, 4, 11, 2, 0),
                    instruction(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 1),
                    instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
                    instruction(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0),
                    instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)};
    CHECK(permits(code, {.major = 195, .minor = 0}) == true);
    CHECK(permits(code, {.major = 196, .minor = 0}) == false);
    CHECK_FALSE(can_be_loaded_again(code));
}
