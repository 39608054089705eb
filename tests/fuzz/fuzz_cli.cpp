// SPDX-License-Identifier: Apache-2.0
// The command line of nvidia-container-cli, which containers' own variables are written into by
// some callers. Input: a word a line.
#include "fuzz.hpp"
#include "options.hpp"
#include "request.hpp"
#include "request_properties.hpp"

#include <algorithm>

using namespace grapnel;
using fuzz::expect;

namespace {

void expect_sound(const Request& request) {
    fuzz::expect_listed_once(request);
    const auto& channels = request.imex_channels.listed;
    expect(channels.empty() || channels.back() < minor_limit, "IMEX channels are bounded");
    for (const auto& requirement : request.requirements)
        expect(!requirement.alternatives.empty(), "an empty requirement is none");
}

template <typename T>
void expect_fit_to_print(const Result<T>& result) {
    if (!result)
        fuzz::expect_printable(result.error());
}

void expect_sound(const cli::Options& options) {
    const auto settings = cli::settings_of(options, Settings{}, {});
    expect_fit_to_print(settings);
    if (settings && options.ldconfig)
        expect(options.ldconfig->starts_with('@'), "an ldconfig is the host's");
    const auto rootfs = cli::rootfs_of(options);
    expect_fit_to_print(rootfs);
    if (rootfs) {
        fuzz::expect_normal(rootfs->text());
        expect(rootfs->text() != "/", "a root file system is not the host's");
    }
    if (options.pid) {
        const auto pid = cli::pid_of(options);
        expect_fit_to_print(pid);
        expect(!pid || *pid > 0, "a process has a number");
    }
    const auto request = cli::configure_request(options, Settings{});
    expect_fit_to_print(request);
    if (request)
        expect_sound(*request);
    const auto listed = cli::list_request(options);
    expect_fit_to_print(listed);
    if (listed)
        expect_sound(*listed);
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    auto text = fuzz::as_text(data, size);
    std::vector<std::string> words;
    while (!text.empty())
        words.emplace_back(fuzz::take_line(text));
    const auto options = cli::parse_options(words);
    const auto again = cli::parse_options(words);
    expect(options.has_value() == again.has_value() && (!options || *options == *again),
           "the same words mean the same");
    if (!options) {
        fuzz::expect_printable(options.error());
        expect(options.error().kind == Error::Kind::usage, "it is the command line that is wrong");
        return 0;
    }
    expect_sound(*options);
    return 0;
}
