// SPDX-License-Identifier: Apache-2.0
// Runs a fuzz target over its corpus, compiled with any compiler: each file, each beginning of
// it, and each file with a few bytes changed, the same ones in every run.
#include "fuzz.hpp"

#include <array>
#include <csignal>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <unistd.h>
#include <vector>

/// Of the sanitizers, where they are linked.
extern "C" __attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)());

namespace {

constexpr std::size_t longest_beginning = 4096;
constexpr int changed_copies = 64;

/// What is being run: said if the target ends the program.
std::array<char, 512> current{};

void say_current() {
    // nowhere is left to say that this failed
    (void)!write(STDERR_FILENO, current.data(), std::char_traits<char>::length(current.data()));
}

void on_signal(int number) {
    say_current();
    (void)std::signal(number, SIG_DFL);
    (void)std::raise(number);
}

void run(const std::string& name, const std::string& how, std::string_view input) {
    (void)std::snprintf(current.data(), current.size(), "input: %s, %s\n", name.c_str(),
                        how.c_str());
    // a copy of exactly this size, so that a read behind its end is seen
    const std::vector<std::uint8_t> bytes(input.begin(), input.end());
    (void)LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

void run_changed(const std::string& name, const std::string& content) {
    if (content.empty())
        return;
    std::mt19937 random(1); // NOLINT(cert-msc51-cpp): the same bytes in every run
    for (int copy = 0; copy < changed_copies; ++copy) {
        auto changed = content;
        for (int i = 0; i <= copy % 4; ++i) {
            const auto other = changed[random() % changed.size()];
            const auto byte = static_cast<char>(random() % 256);
            changed[random() % changed.size()] = random() % 3 == 0 ? other : byte;
        }
        run(name, "changed copy " + std::to_string(copy), changed);
    }
}

void run_all(const std::filesystem::path& file) {
    std::ifstream stream(file, std::ios::binary);
    const std::string content{std::istreambuf_iterator<char>(stream), {}};
    const auto name = file.string();
    run(name, "whole", content);
    for (std::size_t size = 0; size < std::min(content.size(), longest_beginning); ++size)
        run(name, "its first " + std::to_string(size) + " bytes",
            std::string_view(content).substr(0, size));
    run_changed(name, content);
}

std::vector<std::filesystem::path> files_below(const std::filesystem::path& directory) {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(directory))
        if (entry.is_regular_file())
            files.push_back(entry.path());
    std::ranges::sort(files);
    return files;
}

} // namespace

int main(int argc, char** argv) {
    try {
        if (argc != 2) {
            (void)std::fprintf(stderr, "usage: replay DIRECTORY\n");
            return 2;
        }
        (void)std::signal(SIGABRT, on_signal);
        if (__sanitizer_set_death_callback != nullptr)
            __sanitizer_set_death_callback(say_current);
        else
            (void)std::signal(SIGSEGV, on_signal);
        const auto files = files_below(argv[1]);
        if (files.empty()) {
            (void)std::fprintf(stderr, "no files in %s\n", argv[1]);
            return 1;
        }
        for (const auto& file : files)
            run_all(file);
        return 0;
    } catch (const std::exception& thrown) {
        say_current();
        (void)std::fprintf(stderr, "thrown: %s\n", thrown.what());
        return 1;
    }
}
