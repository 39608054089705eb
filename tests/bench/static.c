// SPDX-License-Identifier: Apache-2.0
// The start and the end of a process, for tests/bench/run.
int main(void) {
    return 0;
}
