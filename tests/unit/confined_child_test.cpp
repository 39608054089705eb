// SPDX-License-Identifier: Apache-2.0
#include "confine/confined_child.hpp"
#include "support/outcome.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <new>
#include <string>

using namespace grapnel;
using test::contains;
using test::error_of;

#ifndef __SANITIZE_ADDRESS__ // it makes system calls of its own at a throw and at the end
TEST_CASE("a confined computation gives its result or its error") {
    CHECK(confine::compute_confined(10, [] { return Result<std::string>("text"); })
          == std::string("text"));
    CHECK(error_of(confine::compute_confined(
              100, []() -> Result<std::string> { return refused("no text", "write one"); }))
          == "no text: write one");
    CHECK(contains(error_of(confine::compute_confined(
                       10, [] { return Result<std::string>(std::string(11, 'x')); })),
                   "ended by signal"));
    CHECK(contains(error_of(confine::compute_confined(
                       100, []() -> Result<std::string> { throw std::bad_alloc(); })),
                   "internal error"));
}
#endif

TEST_CASE("a confined computation can open nothing") {
    const auto open_something = []() -> Result<std::string> {
        return std::to_string(::open("/dev/null", O_RDONLY));
    };
    CHECK(contains(error_of(confine::compute_confined(10, open_something)), "ended by signal 31"));
}
