// SPDX-License-Identifier: Apache-2.0
// Spelling suggestions: the known word that a mistyped one is closest to.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace grapnel {

/// The number of letters to insert, delete, replace or swap with their neighbour. Case does not
/// count, and '_' equals '-'. Of each word the first 64 letters are compared.
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);

/// Whether a word with that distance to one of `size` letters can be a slip of the hand.
[[nodiscard]] bool is_slip(std::size_t distance, std::size_t size);

/// "did you mean 'WORD'?" with the closest of `known`; empty: no known word is close.
[[nodiscard]] std::string suggestion(std::string_view word,
                                     std::span<const std::string_view> known);

} // namespace grapnel
