// SPDX-License-Identifier: Apache-2.0
// The library toml++ without exceptions, formatters and std::locale; compiled once, in library.cpp.
#pragma once

#define TOML_EXCEPTIONS 0
// bad input runs into assertions of toml++ 3.3 that its next lines answer with an error
#define TOML_ASSERT(expr) static_assert(true)
#define TOML_HEADER_ONLY 0
#define TOML_ENABLE_FORMATTERS 0
// std::from_chars instead of streams, which are a fifth of a static program
#define TOML_FLOAT_CHARCONV 1
#include <toml++/toml.h>
