// SPDX-License-Identifier: Apache-2.0
// toml++ as this module uses it.
#pragma once

#define TOML_EXCEPTIONS 0
// bad input runs into assertions of toml++ 3.3 that its next lines answer with an error
#define TOML_ASSERT(expr) static_assert(true)
#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>
